// What the parts of a figure are called in its tables and lines of numbers: in the figure's own words.

function axisOf(layout, trace, letter) {
  return layout[`${letter}axis${(trace[`${letter}axis`] || letter).slice(1)}`] || {};
}

function titled(owner) {
  const title = owner && owner.title;
  return plain(title && title.text).trim();
}

function isMap(trace) {
  return Array.isArray(trace.z) && Array.isArray(trace.z[0]);
}

function panelKey(trace) {
  return `${trace.xaxis || "x"},${trace.yaxis || "y"}`;
}

// A second axis of the first one's scale may leave the title to it.
function axisName(layout, trace, letter) {
  const [own, first] = [axisOf(layout, trace, letter), layout[`${letter}axis`] || {}];
  const scale = ({ type, range }) => JSON.stringify([type || "linear", range]);
  return titled(own) || (own.range && scale(own) === scale(first) ? titled(first) : "");
}

function heading(layout, trace) {
  const [left] = axisOf(layout, trace, "x").domain || [0];
  const above = (note) => note.xref === "paper" && note.yref === "paper" && note.x === left && note.y > 1;
  return plain(((layout.annotations || []).find(above) || {}).text);
}

// The panels that hold numbers: the places of their traces, the words of their axes, a name of each.
function panelsOf({ data, layout }) {
  const found = new Map();
  data.forEach((trace, k) => {
    if (!isMap(trace) && !(Array.isArray(trace.y) && trace.y.length)) return;
    const key = panelKey(trace);
    if (!found.has(key)) {
      const [x, y] = ["x", "y"].map((letter) => axisName(layout, trace, letter));
      const axes = ["x", "y"].map((letter) => axisOf(layout, trace, letter));
      found.set(key, { maps: [], curves: [], x, y, axes, heading: heading(layout, trace) });
    }
    found.get(key)[isMap(trace) ? "maps" : "curves"].push(k);
  });
  const panels = [...found.values()];
  panels.forEach((panel, k) => {
    panel.z = panel.maps.length ? titled(data[panel.maps[0]].colorbar) : "";
    panel.name = panels.length === 1 ? "" : panel.heading || `panel ${k + 1} of ${panels.length}`;
  });
  return panels;
}

// A name for each trace, unlike those of the others in its panel.
function namesOf(data) {
  const bases = data.map((trace, k) =>
    plain(trace.name) || (isMap(trace) && titled(trace.colorbar)) || `${isMap(trace) ? "map" : "curve"} ${k + 1}`);
  const keys = data.map((trace, k) => `${panelKey(trace)} ${bases[k]}`);
  const edge = (k) => keys[k] !== undefined && keys[k] === keys[k - 1] && data[k].fill === "tonexty";
  const parts = data.map((trace, k) => {
    if (edge(k)) return `${bases[k]}, upper`;
    if (edge(k + 1)) return `${bases[k]}, lower`;
    const line = (other, j) => keys[j] === keys[k] && /lines/.test(other.mode);
    return trace.mode === "markers" && data.some(line) ? `${bases[k]}, points` : bases[k];
  });
  return parts.map((name, k) => {
    const same = parts.flatMap((other, j) => (other === name && panelKey(data[j]) === panelKey(data[k]) ? [j] : []));
    return same.length > 1 ? `${name} ${same.indexOf(k) + 1}` : name;
  });
}
