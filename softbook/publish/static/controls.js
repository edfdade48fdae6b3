// Native controls, the live summary.

function element(tag, attributes, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Put other words into a node that holds words alone: new text, and no new node to lay out.
function write(node, text) {
  if (node.textContent === text) return;
  if (node.firstChild) node.firstChild.data = text;
  else node.textContent = text;
}

// Give a node the size it has: what changes in it then is laid out by itself. What is folded has none.
function hold(node, width, height) {
  node.style.cssText = "";
  if (!width) return;
  const em = parseFloat(getComputedStyle(node).fontSize);
  node.style.cssText = `width: ${width / em}em; height: ${height / em}em; contain: layout size`;
}

// Room for the longest of a figure's texts: else what stands below and beside would move with them,
// and with a page's length all of it is drawn anew.
function reserve(summary, outputs, controls, { knobs, summaries }) {
  const shadow = element("p", { class: summary.className, "aria-hidden": "true" });
  shadow.style.cssText = `position: absolute; visibility: hidden; width: ${summary.clientWidth}px`;
  summary.after(shadow);
  const long = [...(summaries ? summaries.values : []), summary.textContent].sort((a, b) => b.length - a.length);
  const heights = long.slice(0, 3).map((text) => ((shadow.textContent = text), shadow.clientHeight));
  shadow.remove();
  summary.style.height = `${Math.max(...heights)}px`;
  summary.style.contain = "layout size";
  outputs.forEach((output, k) => {
    if (!output) return;
    const { textContent } = output;
    output.style.cssText = "display: inline-block; white-space: pre";
    output.textContent = knobs[k].texts.join("\n");
    const { offsetWidth, offsetHeight } = output;
    output.textContent = textContent;
    hold(output, offsetWidth && offsetWidth + 1, offsetHeight / knobs[k].texts.length);
  });
  for (const control of controls.filter(({ type }) => type === "select-one")) {
    control.style.cssText = "";
    hold(control, control.offsetWidth, control.offsetHeight);
  }
}

// Bind the server-rendered controls of a shell to its explorable.
function bind(shell, explorable) {
  const { knobs } = explorable.payload;
  const controls = knobs.map((knob) => shell.querySelector(`[data-knob="${CSS.escape(knob.name)}"]`));
  const chosen = (k) =>
    controls[k].type === "checkbox" ? knobs[k].values.indexOf(controls[k].checked) : Number(controls[k].value);
  const [summary, setting] = [".softbook-summary", ".softbook-setting"].map((part) => shell.querySelector(part));
  const outputs = controls.map(({ id }) => shell.querySelector(`output[for="${id}"] > span`));
  const details = shell.querySelector(".softbook-data");
  const speak = () => {
    controls.forEach((control, k) => {
      const text = explorable.text(k);
      const exact = explorable.exact[k];
      const position = String(exact ? exact.position : explorable.state[k]);
      if (control.type === "checkbox") control.checked = knobs[k].values[explorable.state[k]];
      else if (control.value !== position) control.value = position;
      if (control.type === "range" && control.getAttribute("aria-valuetext") !== text) {
        control.setAttribute("aria-valuetext", text);
      }
      if (outputs[k]) write(outputs[k], text);
    });
    if (setting) write(setting, explorable.setting());
    write(summary, explorable.summary());
  };
  const fill = async () => {
    if (!details.open) return;
    const table = details.querySelector(".softbook-table");
    try {
      await boxes();
      table.replaceChildren(...softbook.tables(explorable));
    } catch (error) {
      table.replaceChildren(`The numbers cannot be shown: ${error.message}.`);
    }
  };
  controls.forEach((control, k) => {
    control.addEventListener("input", (event) => explorable.move(k, chosen(k), event.timeStamp));
  });
  const reset = shell.querySelector(".softbook-reset");
  if (reset) reset.addEventListener("click", () => explorable.reset());
  details.addEventListener("toggle", fill);
  const folded = shell.querySelector(".softbook-more");
  if (folded) folded.addEventListener("toggle", () => explorable.tell("width"));
  const drawn = () => {
    fill();
    // Words of a live figure, or large letters, may need more.
    if (summary.scrollHeight > summary.clientHeight) summary.style.cssText = "";
  };
  const width = () => reserve(summary, outputs, controls, explorable.payload);
  explorable.listeners.push((what) => ({ state: speak, drawn, width })[what]());
  width();
  // What the reader moved before the figure's data came.
  controls.forEach((_, k) => explorable.move(k, chosen(k), performance.now()));
  fill();
}
