// How a figure is dressed for the page: theme, width, and nothing else.

const CLEAR = "rgba(0,0,0,0)";
const NARROW = 520;

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

function pageColour(name, fallback) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return value || fallback;
}

// A function that swaps each light string of the palette for its dark partner, anywhere in a tree.
function recolourer(palette) {
  const keys = Object.keys(palette || {});
  if (!keys.length || !isDark()) return (value) => value;
  const lower = Object.fromEntries(keys.map((key) => [key.toLowerCase(), palette[key]]));
  const escaped = keys.map((key) => key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(escaped.join("|"), "gi");
  // The colours of a heat map mean numbers: they stay, unless they run between roles of the palette.
  const stays = (key, value) =>
    key === "colorscale" &&
    !(Array.isArray(value) && value.every((stop) => String(stop[1]).toLowerCase() in lower));
  const walk = (value) => {
    if (typeof value === "string") return value.replace(pattern, (hit) => lower[hit.toLowerCase()]);
    if (Array.isArray(value)) {
      // Numbers are many and hold no colour; a stop of a scale is a number and a colour.
      const numbers = (typeof value[0] === "number" || value[0] === null) && typeof value.at(-1) !== "string";
      return numbers ? value : value.map(walk);
    }
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([k, v]) => [k, stays(k, v) ? v : walk(v)]));
  };
  return walk;
}

// Break a text at spaces (outside of tags) so that it fits `width` pixels.
function wrap(text, width, size) {
  const limit = Math.max(12, Math.floor(width / (0.53 * size)));
  let used = 0;
  return text
    .split(/ (?![^<]*>)/)
    .map((word, k) => {
      const length = word.replace(/<[^>]*>/g, "").length;
      if (k === 0) {
        used = length;
        return word;
      }
      if (used + 1 + length > limit) {
        used = length;
        return "<br>" + word;
      }
      used += 1 + length;
      return " " + word;
    })
    .join("");
}

function plain(text) {
  return String(text == null ? "" : text).replace(/<br\s*\/?>/g, " ").replace(/<[^>]*>/g, "");
}

function dressTitle(layout, caption, width) {
  const title = layout.title;
  if (!title || !title.text) return;
  if (plain(title.text) === caption) {
    delete layout.title;
    layout.margin.t = Math.min(layout.margin.t, 24);
    return;
  }
  const size = width < NARROW ? 13 : 15;
  title.font = { ...title.font, size };
  title.text = wrap(title.text, width - 24, size);
  const lines = title.text.split("<br>").length;
  title.yref = "container";
  title.y = 1;
  title.yanchor = "top";
  // plotly puts the first of several lines on its base line, a single one below the edge.
  title.pad = { t: lines > 1 ? 6 + 0.7 * size : 6 };
  layout.margin.t = Math.max(layout.margin.t, 22 + 1.35 * size * lines);
}

function dressAxis(axis, colours, room, size) {
  axis.gridcolor = axis.gridcolor || colours.grid;
  axis.zerolinecolor = axis.zerolinecolor || colours.grid;
  axis.linecolor = axis.linecolor || colours.grid;
  if (axis.title && axis.title.text && room) axis.title.text = wrap(axis.title.text, room, size);
}

function dressAxes(layout, colours, width, height, size) {
  const room = { x: width - layout.margin.l - layout.margin.r, y: 0.7 * height };
  layout.xaxis = layout.xaxis || {};
  layout.yaxis = layout.yaxis || {};
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(key)) {
      const [from, to] = (key[0] === "x" && layout[key].domain) || [0, 1];
      dressAxis(layout[key], colours, room[key[0]] * (to - from), size);
    }
    if (/^scene\d*$/.test(key)) {
      for (const name of ["xaxis", "yaxis", "zaxis"]) {
        const axis = (layout[key][name] = { backgroundcolor: CLEAR, ...layout[key][name] });
        dressAxis(axis, colours, 0, size);
      }
    }
  }
}

// The legend stands below the x axis's title, however many lines that takes.
function dressLegend(layout, height, narrow) {
  const given = layout.legend || {};
  const legend = { traceorder: "normal", orientation: "h", x: 0, ...given };
  if (!narrow && legend.orientation !== "h") return legend;
  const title = layout.xaxis.title && layout.xaxis.title.text;
  const lines = title ? title.split("<br>").length : 0;
  const room = Math.max(120, height - layout.margin.t - 110);
  const below = { orientation: "h", xanchor: "left", x: 0, yanchor: "top", y: -(40 + 20 * lines) / room };
  return { ...legend, ...below };
}

// The figure as plotly shall draw it now, as a copy: plotly writes into what it is given.
function dress(payload, figure, width, room) {
  const paint = recolourer(payload.palette);
  // All points of a line are drawn, by plotly as by redraw.js.
  const exact = ({ type = "scatter", line }) => type === "scatter" && { line: { ...line, simplify: false } };
  const data = figure.data.map(paint).map((trace) => ({ ...trace, ...exact(trace) }));
  const layout = paint(structuredClone(figure.layout));
  const narrow = width < NARROW;
  const colours = {
    text: pageColour("--pst-color-text-base", "#222832"),
    muted: pageColour("--pst-color-text-muted", "#48566b"),
    surface: pageColour("--pst-color-surface", "#f3f4f5"),
    grid: isDark() ? "rgba(184,190,200,0.22)" : "rgba(74,79,87,0.18)",
  };
  const size = narrow ? 12 : 13;
  const height = layout.height || payload.height;
  layout.margin = { l: 64, r: 16, t: 48, b: 48, ...layout.margin };
  if (narrow) {
    layout.margin.l = Math.min(layout.margin.l, 46);
    layout.margin.r = Math.min(layout.margin.r, 8);
  }
  for (const side in room) layout.margin[side] = Math.max(layout.margin[side], room[side]);
  const family = getComputedStyle(document.body).fontFamily;
  layout.font = { size, ...layout.font, family, color: colours.muted };
  if (narrow) layout.font.size = Math.min(layout.font.size, 12);
  dressTitle(layout, payload.title, width);
  dressAxes(layout, colours, width, height, layout.font.size);
  const label = { bgcolor: colours.surface, bordercolor: colours.grid, font: { color: colours.text } };
  const legend = dressLegend(layout, height, narrow);
  delete layout.width;
  return {
    data,
    layout: {
      ...layout,
      height,
      autosize: true,
      paper_bgcolor: CLEAR,
      plot_bgcolor: CLEAR,
      uirevision: "softbook",
      hoverlabel: { ...label, ...layout.hoverlabel },
      legend: { ...legend, bgcolor: CLEAR },
      modebar: { bgcolor: CLEAR, color: colours.muted, activecolor: colours.text },
      // A finger on the figure scrolls the page.
      ...(matchMedia("(pointer: coarse)").matches ? { dragmode: false } : {}),
    },
  };
}
