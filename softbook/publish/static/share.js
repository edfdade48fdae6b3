// What a reader takes along: the address of a setting, lines of Python, the drawn numbers, a picture.

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

const TAKEN = {
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

// Bind the buttons of a shell, and keep the address in step with what is drawn.
function share(shell, explorable) {
  const box = shell.querySelector(".softbook-share");
  if (!box) return;
  const [field, note] = [box.querySelector("textarea"), box.querySelector("[role=status]")];
  const say = (text) => (note.textContent = text);
  for (const button of box.querySelectorAll("[data-take]")) {
    button.addEventListener("click", async () => {
      try {
        await TAKEN[button.dataset.take](explorable, field, say);
      } catch (error) {
        say(`This did not work: ${error.message}.`);
      }
    });
  }
  let timer = 0;
  explorable.listeners.push((what) => {
    if (what !== "drawn" || explorable.playing) return;
    field.hidden = true;
    say("");
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
