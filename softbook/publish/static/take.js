// What a reader takes along: the address of a setting, lines of Python, the drawn numbers, a picture.

function literal(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}

// Lines that draw the same figure in a fresh interpreter.
function python(explorable) {
  const settings = explorable.payload.knobs.map((knob, k) => {
    const text = knob.literals ? knob.literals[explorable.state[k]] : literal(explorable.value(k));
    return `    ${knob.name}=${text},\n`;
  });
  const call = settings.length ? `(\n${settings.join("")})` : "()";
  return (
    "from softbook.explore import explore\n\n" +
    `figure, summary = explore("${explorable.payload.id}")${call}\n` +
    "print(summary)\nfigure\n"
  );
}

function quoted(value) {
  const text = value == null ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The heads of x, y and z: the words of the axes, of all panels that have some.
function heads(panels) {
  const letters = panels.some((panel) => panel.maps.length) ? ["x", "y", "z"] : ["x", "y"];
  const words = letters.map((letter) => [...new Set(panels.map((panel) => panel[letter]))].filter(Boolean).join(" / "));
  return words.map((word, k) => (word && words.indexOf(word) === k ? word : letters[k]));
}

// All drawn numbers, a line each: the panel where there are several, the curve's name, x, y, and z
// of a map; above them what the figure is and how it is set.
function csv(explorable) {
  const { figure: { data }, payload } = explorable;
  const setting = explorable.setting();
  const panels = panelsOf(explorable.figure);
  const names = namesOf(data);
  const several = panels.length > 1;
  const columns = heads(panels);
  const lines = [[...(several ? ["panel"] : []), "curve", ...columns]];
  for (const panel of panels) {
    const add = (k, ...numbers) => lines.push([...(several ? [panel.name] : []), names[k], ...numbers]);
    for (const k of panel.maps) {
      const { x, y, z } = data[k];
      z.forEach((row, i) => row.forEach((value, j) => add(k, x ? x[j] : j, y ? y[i] : i, value)));
    }
    for (const k of panel.curves) {
      const { x, y } = data[k];
      y.forEach((value, i) => add(k, x ? x[i] : i, value, ...columns.slice(2).fill("")));
    }
  }
  const title = `# ${payload.title}${setting ? `; at ${setting}` : ""}\r\n`;
  return title + lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
}

// The figure with its title and below that its setting, in the page's theme and on its ground.
function picture(explorable, format) {
  const { payload, plot } = explorable;
  const width = plot.clientWidth;
  const given = explorable.figure.layout;
  const title = { ...given.title, text: (given.title && given.title.text) || payload.title };
  const figure = { ...explorable.figure, layout: { ...given, title } };
  const { data, layout } = dress({ ...payload, title: null }, figure, width);
  const setting = explorable.setting();
  const lines = setting ? wrap(setting, width - 24, 12).split("<br>") : [];
  const { size } = layout.title.font;
  layout.title.text += lines.map((line) => `<br><span style="font-size:12px">${line}</span>`).join("");
  layout.title.pad = { t: lines.length ? 6 + 0.7 * size : layout.title.pad.t, l: 12 };
  // The picture grows by what the setting takes: the drawing keeps its size.
  const more = Math.ceil(1.35 * size) * lines.length;
  layout.margin.t += more;
  const height = layout.height + more;
  const whole = { data, layout: { ...layout, height, paper_bgcolor: pageColour("--pst-color-background", "#ffffff") } };
  return Plotly.toImage(whole, { format, width, height, scale: format === "png" ? 2 : 1 });
}

function download(name, address) {
  const anchor = element("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

// Lay text into the field, chosen, and onto the clipboard where the browser allows it.
async function hand(text, field, say, what) {
  field.hidden = false;
  field.value = text;
  field.rows = Math.min(14, text.split("\n").length);
  field.select();
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied.`);
  } catch {
    say(`${what} is chosen in the field: copy it from there.`);
  }
}

softbook.take = {
  link: (one, field, say) => hand(link(one), field, say, "The address"),
  python: (one, field, say) => hand(python(one), field, say, "The Python code"),
  csv: (one, _, say) => {
    const address = URL.createObjectURL(new Blob([csv(one)], { type: "text/csv" }));
    download(`${one.payload.id}.csv`, address);
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    say("The numbers were saved.");
  },
  png: async (one, _, say) => (download(`${one.payload.id}.png`, await picture(one, "png")), say("The picture was saved.")),
  svg: async (one, _, say) => (download(`${one.payload.id}.svg`, await picture(one, "svg")), say("The drawing was saved.")),
};
