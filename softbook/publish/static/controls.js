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

function headed(scope, text) {
  return element("th", { scope }, [text]);
}

// A heat map's numbers; of long axes only every few, and the caption says so.
function matrix(trace, most = 25) {
  const strides = [trace.z.length, trace.z[0].length].map((n) => Math.ceil(n / most));
  const pick = (list, stride) => list.filter((_, k) => k % stride === 0);
  const xs = pick(trace.x || trace.z[0].map((_, k) => k), strides[1]);
  const ys = pick(trace.y || trace.z.map((_, k) => k), strides[0]);
  const head = [["", ...xs.map(shown)]];
  const rows = pick(trace.z, strides[0]).map((row, k) => [shown(ys[k]), ...pick(row, strides[1]).map(shown)]);
  const note = Math.max(...strides) > 1 ? `; one value in ${strides[0]} along y, one in ${strides[1]} along x` : "";
  return { head, rows, note };
}

function same(a, b) {
  return a === b || (a.length === b.length && a.every((value, k) => value === b[k]));
}

function columns(traces, layout) {
  const axis = layout.xaxis && layout.xaxis.title ? plain(layout.xaxis.title.text) : "x";
  const names = traces.map((trace, k) => plain(trace.name) || `curve ${k + 1}`);
  const xs = traces.map((trace) => trace.x || trace.y.map((_, k) => k));
  if (xs.every((x) => same(x, xs[0]))) {
    const rows = xs[0].map((x, k) => [shown(x), ...traces.map((trace) => shown(trace.y[k]))]);
    return { head: [[axis, ...names]], rows, note: "" };
  }
  const rows = traces.flatMap((trace, t) => xs[t].map((x, k) => [names[t], shown(x), shown(trace.y[k])]));
  return { head: [["curve", axis, "y"]], rows, note: "" };
}

// One table of all curves, or one of each heat map.
function tablesOf(explorable) {
  const { data, layout } = explorable.figure;
  const fields = data.filter((trace) => Array.isArray(trace.z) && Array.isArray(trace.z[0]));
  const curves = data.filter((trace) => Array.isArray(trace.y) && trace.y.length && !trace.z);
  if (!fields.length && !curves.length) return [element("p", {}, ["This figure holds no numbers."])];
  const contents = fields.length ? fields.map((field) => matrix(field)) : [columns(curves, layout)];
  const setting = explorable.setting();
  return contents.map(({ head, rows, note }, k) => {
    const which = contents.length > 1 ? `, map ${k + 1} of ${contents.length}` : "";
    const title = `${explorable.payload.title}${which}${setting ? ` (${setting})` : ""}${note}`;
    return table(title, head, rows);
  });
}

function table(title, head, rows) {
  const top = head.map((cells) => element("tr", {}, cells.map((text) => text === "" ? element("td", {}) : headed("col", text))));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, [headed("row", first), ...rest.map((text) => element("td", {}, [text]))])
  );
  return element("table", {}, [
    element("caption", {}, [element("span", {}, [title])]),
    element("thead", {}, top),
    element("tbody", {}, body),
  ]);
}

// Bind the server-rendered controls of a shell to its explorable.
function bind(shell, explorable) {
  const { knobs } = explorable.payload;
  const controls = knobs.map((knob) => shell.querySelector(`[data-knob="${CSS.escape(knob.name)}"]`));
  const chosen = (k) =>
    controls[k].type === "checkbox" ? knobs[k].values.indexOf(controls[k].checked) : Number(controls[k].value);
  const [summary, setting] = [".softbook-summary", ".softbook-setting"].map((part) => shell.querySelector(part));
  const details = shell.querySelector(".softbook-data");
  const speak = () => {
    controls.forEach((control, k) => {
      const text = explorable.text(k);
      const exact = explorable.exact[k];
      if (control.type === "checkbox") control.checked = knobs[k].values[explorable.state[k]];
      else control.value = exact ? exact.position : explorable.state[k];
      if (control.type === "range") control.setAttribute("aria-valuetext", text);
      const output = shell.querySelector(`output[for="${control.id}"]`);
      if (output) output.textContent = text;
    });
    if (setting) setting.textContent = explorable.setting();
    const words = explorable.summary();
    if (summary.textContent !== words) summary.textContent = words;
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
  explorable.listeners.push((what) => (what === "state" ? speak() : fill()));
  // What the reader moved before the figure's data came.
  controls.forEach((_, k) => explorable.move(k, chosen(k), performance.now()));
  fill();
}
