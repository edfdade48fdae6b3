// The address of each setting, and the buttons that take something along (take.js).

const PREFIX = "explorable-";
const REST = 250;

function short(key) {
  return key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key;
}

// "#one?beta=8&n=3;two?rate=1" -> for each explorable what is asked of it; an anchor asks nothing.
function asked(hash = location.hash) {
  const found = new Map();
  for (const part of hash.slice(1).split(";")) {
    const cut = part.indexOf("?");
    if (cut > 0) found.set(part.slice(0, cut), new URLSearchParams(part.slice(cut + 1)));
  }
  return found;
}

// The place of a value among a knob's: the same text, or the nearest number; -1 for none.
function nearest(knob, text) {
  const same = knob.values.findIndex((value) => String(value) === text);
  const number = Number(text);
  const numeric = knob.values.every((value) => typeof value === "number");
  if (same >= 0 || !numeric || text.trim() === "" || !Number.isFinite(number)) return same;
  // From far away all gaps would round to the same.
  const inside = Math.max(Math.min(number, Math.max(...knob.values)), Math.min(...knob.values));
  const gaps = knob.values.map((value) => Math.abs(value - inside));
  return gaps.indexOf(Math.min(...gaps));
}

// Turn the knobs that the address names.
function restore(explorable) {
  const wanted = asked().get(short(explorable.shell.dataset.key));
  if (!wanted) return;
  explorable.payload.knobs.forEach((knob, k) => {
    const text = wanted.get(knob.name);
    const index = text === null ? -1 : nearest(knob, text);
    if (index < 0) return;
    if (softbook.exactly) softbook.exactly(explorable, k, Number(text));
    explorable.move(k, index, performance.now());
  });
}

function described(explorable) {
  const pairs = Object.entries(explorable.settings()).map(([name, value]) => [name, String(value)]);
  return `${short(explorable.shell.dataset.key)}?${new URLSearchParams(pairs)}`;
}

function touched(explorable) {
  return explorable.payload.knobs.some((knob, k) => explorable.exact[k] || explorable.state[k] !== knob.index);
}

// The address of this page with this one's settings, whether they are the first ones or not.
function link(explorable) {
  return `${location.href.split("#")[0]}#${described(explorable)}`;
}

// Write all settings that were moved into the address bar; what is not yet drawn keeps its part.
function remember(explorables) {
  const drawn = new Map(explorables.map((one) => [short(one.shell.dataset.key), one]));
  const kept = [...asked()].filter(([key]) => !drawn.has(key)).map(([key, found]) => `${key}?${found}`);
  const parts = kept.concat(explorables.filter(touched).map(described));
  const own = parts.length > 0 || asked().size > 0;
  if (own) history.replaceState(null, "", parts.length ? `#${parts.join(";")}` : location.href.split("#")[0]);
}

// What the folded boxes need comes when one is opened; a single file has it already.
async function boxes() {
  if (!softbook.take) await load("boxes.js");
}

// Bind the buttons of a shell, and keep the address in step with what is drawn.
function share(shell, explorable) {
  const box = shell.querySelector(".softbook-share");
  if (!box) return;
  const [field, note] = [box.querySelector("textarea"), box.querySelector("[role=status]")];
  const say = (text) => (note.textContent = text);
  box.addEventListener("toggle", boxes);
  for (const button of box.querySelectorAll("[data-take]")) {
    button.addEventListener("click", async () => {
      try {
        await boxes();
        await softbook.take[button.dataset.take](explorable, field, say);
      } catch (error) {
        say(`This did not work: ${error.message}.`);
      }
    });
  }
  let timer = 0;
  explorable.listeners.push((what) => {
    if (what !== "drawn" || explorable.playing) return;
    if (!field.hidden) field.hidden = true;
    if (note.textContent) say("");
    clearTimeout(timer);
    timer = setTimeout(() => remember(Object.values(softbook.explorables)), REST);
  });
}

// Bring the first explorable that the address names into view; the view loads it.
function goTo() {
  const [first] = asked().keys();
  const shell = first === undefined ? null : document.getElementById(PREFIX + first);
  if (shell) shell.scrollIntoView({ block: "start" });
}
