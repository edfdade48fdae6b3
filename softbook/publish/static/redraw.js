// New numbers in a figure that stands.

// Of the time that plotly takes for a change most goes into settling what each attribute means, which
// new numbers alone leave as it was. So its own drawing of some traces, notes and lines is called
// directly, by names that plotly does not promise: `redrawable` asks for them, and a figure drawn so
// is compared in the tests with one drawn from nothing.

// What an axis may change without a new layout of the figure.
const AXIS = /^layout\.[xy]axis\d*\.(range|dtick|tickvals|ticktext|title\.text)$/;
// Pixels: plotly cuts lines off at some distance from the figure.
const FAR = 2000;

function redrawable(plot, { data }) {
  const { _fullData, _fullLayout, calcdata } = plot;
  if (![_fullData, calcdata].every((list) => Array.isArray(list) && list.length === data.length)) return false;
  const { _plots, _zindices, _basePlotModules } = _fullLayout;
  if (!_plots || !_basePlotModules || _zindices.length !== 1) return false;
  const barred = (trace) => [trace.error_x, trace.error_y].some((bar) => bar && bar.visible);
  return _fullData.every((trace) => trace._module && trace._module.calc && trace._module.plot && !barred(trace));
}

function panelId({ xaxis, yaxis }) {
  return xaxis + yaxis;
}

// Lay a trace's numbers into what plotly holds of it. It counts those of a line or of points, not of a map.
function refill(plot, k, given) {
  const full = plot._fullData[k];
  for (const name of ["x", "y", "z"]) {
    if (given[name] !== undefined) plot.data[k][name] = full[name] = given[name];
  }
  if (typeof full._length === "number") full._length = Math.min(full.x.length, full.y.length);
  if (full.visible !== true) return;
  const points = full._module.calc(plot, full);
  points[0].t = points[0].t || {};
  points[0].trace = full;
  plot.calcdata[k] = points;
}

// Places in pixels, of points that have one.
function placesOf(plot, full, points) {
  const { xaxis, yaxis } = plot._fullLayout._plots[panelId(full)];
  return points.map(({ x, y }) => [xaxis.c2p(x), yaxis.c2p(y)]).map((place) => (place.every(Number.isFinite) ? place : null));
}

// A line's pieces between its gaps; null if it goes where plotly would cut it off.
function piecesOf(plot, full, points) {
  const pieces = [[]];
  for (const place of placesOf(plot, full, points)) {
    if (!place) pieces.push([]);
    else if (Math.max(...place.map(Math.abs)) > FAR) return null;
    else pieces.at(-1).push(place);
  }
  return pieces.filter((piece) => piece.length);
}

function moveLine(plot, full, drawn, points) {
  const nodes = drawn.selectAll("path.js-line")[0];
  const pieces = piecesOf(plot, full, points);
  if (full.line.shape !== "linear" || full.connectgaps || !pieces || nodes.length !== pieces.length) return false;
  nodes.forEach((node, i) => {
    node.__data__ = points;
    node.setAttribute("d", `M${pieces[i].join("L")}`);
  });
  return true;
}

function movePoints(plot, full, drawn, before, points) {
  const nodes = drawn.selectAll("path.point")[0];
  const [old, now] = [before, points].map((all) => placesOf(plot, full, all));
  const kept = old.length === now.length && now.every((place, i) => !place === !old[i]);
  const shown = points.filter((_, i) => now[i]);
  if (!kept || nodes.length !== shown.length) return false;
  for (const owner of [drawn.select("g.points"), drawn.select("g.text")]) owner.datum(points);
  const given = now.filter(Boolean);
  nodes.forEach((node, i) => {
    node.__data__ = shown[i];
    node.setAttribute("transform", `translate(${given[i]})`);
  });
  return true;
}

// A line or points that only move keep their looks, which plotly would settle again for each of them.
function moveTrace(plot, full, before, points) {
  const drawn = before[0].node3;
  const { mode, fill, hoveron, stackgroup, marker = {} } = full;
  const more = stackgroup || hoveron !== "points" || marker.maxdisplayed || marker.angleref === "previous";
  if (!drawn || more || plot._fullLayout._plots[panelId(full)].layerClipId) return false;
  if (!/^(lines|markers|lines\+markers)$/.test(mode) || !/^(none|tonexty)$/.test(fill)) return false;
  if (mode !== "markers" && !moveLine(plot, full, drawn, points)) return false;
  if (mode !== "lines" && !movePoints(plot, full, drawn, before, points)) return false;
  drawn.datum(points);
  points[0].node3 = drawn;
  return true;
}

// The area from a line to the one before it, with its edges; a gap in these is plotly's.
function moveArea(plot, full) {
  const edge = full._prevtrace;
  const node = edge && edge._nextFill && edge._nextFill.node();
  const [line, back] = [full, edge || full].map((trace) => piecesOf(plot, trace, plot.calcdata[trace.index]));
  if (!node || ![line, back].every((pieces) => pieces && pieces.length === 1)) return false;
  node.setAttribute("d", `M${[...line[0], ...back[0].reverse()].join("L")}Z`);
  return true;
}

// Draw these traces with the figure's numbers; of a panel all of a kind, since an area ends at a neighbour.
function redrawTraces(plot, figure, traces) {
  const parts = new Map();
  const areas = new Set();
  const leave = (full) => parts.set(`${panelId(full)} ${full._module.name}`, full);
  for (const k of traces) {
    const before = plot.calcdata[k];
    refill(plot, k, figure.data[k]);
    const full = plot._fullData[k];
    if (full.visible !== true) continue;
    if (moveTrace(plot, full, before, plot.calcdata[k])) [full, full._nexttrace].forEach((one) => areas.add(one));
    else leave(full);
  }
  for (const full of areas) {
    if (full && full.fill !== "none" && !moveArea(plot, full)) leave(full);
  }
  for (const { xaxis, yaxis, _module } of parts.values()) {
    const panel = plot._fullLayout._plots[xaxis + yaxis];
    const alike = plot.calcdata.filter(([{ trace }]) =>
      trace.visible === true && trace._module === _module && panelId(trace) === xaxis + yaxis);
    const layer = panel.plot.select(`g.${_module.layerName || `${_module.name}layer`}`);
    if (!alike.length) continue;
    // Bars stand on each other.
    if (_module.crossTraceCalc) _module.crossTraceCalc(plot, panel);
    _module.plot(plot, panel, alike, layer);
    // Bars and a map's picture are new ones, without their looks.
    if (_module.name !== "scatter") _module.style(plot);
  }
}

// Draw some notes ("annotations") and lines ("shapes") anew, given by their places. What plotly draws
// when axes move without a new layout is what the axes list; for once they list these.
function redrawNotes(plot, places) {
  const layout = plot._fullLayout;
  const lists = ["_annIndices", "_shapeIndices", "_imgIndices", "_selectionIndices"];
  const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)).map((key) => layout[key]);
  const kept = axes.map((axis) => lists.map((list) => axis[list]));
  axes.forEach((axis) => lists.forEach((list) => (axis[list] = [])));
  [axes[0]._annIndices, axes[0]._shapeIndices] = [places.annotations, places.shapes];
  try {
    layout._basePlotModules.find(({ name }) => name === "cartesian").transitionAxes(plot, []);
  } finally {
    axes.forEach((axis, k) => lists.forEach((list, n) => (axis[list] = kept[k][n])));
  }
}

// A title of one plain line is written where it stands; others are plotly's to break and set.
function writeTitle(plot, axis, text) {
  const node = plot.querySelector(`.g-${axis.replace("axis", "")}title text`);
  if (!node || !text || /[<&$\n]/.test(text) || node.textContent !== node.dataset.unformatted) return false;
  plot.layout[axis].title.text = plot._fullLayout[axis].title.text = text;
  node.textContent = node.dataset.unformatted = text;
  return true;
}

// New ranges, ticks and titles of some axes, each a part of the dressed layout; false if one is plotly's.
// Ranges alone plotly takes over without settling the figure again, and draws the axes as it holds them.
function redrawAxes(plot, parts) {
  if (!parts.every(({ path }) => AXIS.test(path.join(".")))) return false;
  const update = {};
  const { margin, _size } = plot._fullLayout;
  for (const side of "lr") plot.layout.margin[side] = margin[side] = Math.max(margin[side], _size[side]);
  for (const { path: [, axis, what], value } of parts) {
    if (what === "title") {
      if (!writeTitle(plot, axis, value)) return false;
      continue;
    }
    const [given, full] = [plot.layout[axis], plot._fullLayout[axis]];
    given[what] = value;
    if (what !== "range") full[what] = value;
    full.tickmode = given.tickmode || (given.tickvals ? "array" : given.dtick ? "linear" : "auto");
    update[`${axis}.range`] = given.range;
  }
  Plotly.relayout(plot, update);
  return true;
}
