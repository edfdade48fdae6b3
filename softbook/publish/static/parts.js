// What the script behind the folded boxes uses of the page's.

const { dress, element, link, pageColour, plain, wrap } = softbook.parts;
