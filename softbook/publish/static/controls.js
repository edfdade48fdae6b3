// Native controls, the live summary, the table of the drawn data.

function shown(value) {
  if (value == null) return "–";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

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

function headed(scope, text) {
  return element("th", { scope }, [text]);
}

// Numbers along an axis, as it writes them: in words where each of them has its own.
function written(axis, values) {
  const { tickvals, ticktext } = axis;
  const numbers = values.map(shown);
  if (!Array.isArray(tickvals) || !Array.isArray(ticktext)) return numbers;
  const ticks = tickvals.map(shown);
  const words = numbers.map((number) => ticktext[ticks.indexOf(number)]);
  return words.every((word) => word !== undefined) ? words.map(plain) : numbers;
}

// A heat map's numbers; of long axes only every few, and the caption says so.
function matrix(trace, panel, most = 25) {
  const strides = [trace.z.length, trace.z[0].length].map((n) => Math.ceil(n / most));
  const pick = (list, stride) => list.filter((_, k) => k % stride === 0);
  const xs = pick(written(panel.axes[0], trace.x || trace.z[0].map((_, k) => k)), strides[1]);
  const ys = pick(written(panel.axes[1], trace.y || trace.z.map((_, k) => k)), strides[0]);
  const [x, y] = [panel.x || "column", panel.y || "row"];
  const rows = pick(trace.z, strides[0]).map((row, k) => [ys[k], ...pick(row, strides[1]).map(shown)]);
  const left = strides.map((n, k) => (n > 1 ? `; one value in ${n} ${k ? "across" : "down"}` : ""));
  return { head: [[`${y} ↓, ${x} →`, ...xs]], rows, note: left.join("") };
}

function same(a, b) {
  return a === b || (a.length === b.length && a.every((value, k) => value === b[k]));
}

function columns(traces, names, panel) {
  const axis = panel.x || "x";
  const xs = traces.map((trace) => trace.x || trace.y.map((_, k) => k));
  const ys = traces.map((trace) => written(panel.axes[1], trace.y));
  if (xs.every((x) => same(x, xs[0]))) {
    const rows = written(panel.axes[0], xs[0]).map((x, k) => [x, ...ys.map((y) => y[k])]);
    return { head: [[axis, ...names]], rows, note: "" };
  }
  const rows = traces.flatMap((_, t) => written(panel.axes[0], xs[t]).map((x, k) => [names[t], x, ys[t][k]]));
  return { head: [["curve", axis, panel.y || panel.heading || "value"]], rows, note: "" };
}

// A table of each heat map, and one of the curves of each panel.
function tablesOf(explorable) {
  const { data } = explorable.figure;
  const setting = explorable.setting();
  const names = namesOf(data);
  const parts = panelsOf(explorable.figure).flatMap((panel) => {
    const maps = panel.maps.map((k) => ({ panel, what: names[k], ...matrix(data[k], panel) }));
    const curves = panel.curves.map((k) => data[k]);
    if (!curves.length) return maps;
    return [...maps, { panel, what: panel.y, ...columns(curves, panel.curves.map((k) => names[k]), panel) }];
  });
  if (!parts.length) return [element("p", {}, ["This figure holds no numbers."])];
  return parts.map(({ panel, what, head, rows, note }) => {
    const where = panel.name ? `, ${panel.name}` : "";
    const numbers = what && what !== panel.name ? `: ${what}` : "";
    const at = setting ? `; at ${setting}` : "";
    return table(`${explorable.payload.title}${where}${numbers}${at}${note}`, head, rows);
  });
}

function table(title, head, rows) {
  const top = head.map((cells) => element("tr", {}, cells.map((text) => headed("col", text))));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, [headed("row", first), ...rest.map((text) => element("td", {}, [text]))])
  );
  return element("table", {}, [
    element("caption", {}, [element("span", {}, [title])]),
    element("thead", {}, top),
    element("tbody", {}, body),
  ]);
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
  const fill = () => {
    if (details.open) details.querySelector(".softbook-table").replaceChildren(...tablesOf(explorable));
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
