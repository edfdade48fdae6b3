// The drawn numbers as tables.

function shown(value) {
  if (value == null) return "–";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
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
softbook.tables = (explorable) => {
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
};

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
