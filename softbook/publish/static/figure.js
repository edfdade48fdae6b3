// One explorable of the page: its state, what is drawn, and how long a change takes.

const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  responsive: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  plotlyServerURL: "",
};
// What can change in a trace without a new computation of the figure.
const LOOKS = /^(name|showlegend|opacity|fillcolor|(line|marker)\.(color|dash|width|symbol)|colorbar\.title\.text)$/;

// Resolves in the first task after the next frame: by then all that was changed is painted.
function painted() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        resolve();
      };
      channel.port2.postMessage(0);
    });
  });
}

// ["layout", "annotations", 0, "text"] -> "annotations[0].text", as plotly names it.
function attribute(path) {
  return path.slice(1).reduce((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text ? `${text}.${key}` : key;
  }, "");
}

class Explorable {
  constructor(shell, payload, words) {
    this.shell = shell;
    this.payload = payload;
    this.words = words;
    this.state = payload.knobs.map((knob) => knob.index);
    // What a live server lets a knob be off its grid: { value, text, position }, or null.
    this.exact = payload.knobs.map(() => null);
    this.said = null;
    this.figure = structuredClone(payload.figure);
    this.plot = shell.querySelector(".softbook-plot");
    // What labels of the axes took beside the panel: kept, else it would move with them.
    this.room = {};
    this.changed = new Set();
    this.timings = [];
    this.since = null;
    this.running = null;
    this.listeners = [];
    for (const { path, value } of this.values(() => true)) assign(this.figure, path, value);
  }

  // All parts of the figure that `chosen(axes)` picks, at the present state.
  values(chosen) {
    const { channels, texts, knobs } = this.payload;
    const arrays = channels.filter((channel) => chosen(channel.axes)).map((channel) => ({
      path: channel.path,
      array: true,
      value: slice(channel, this.words, knobs, this.state),
    }));
    const words = texts.filter((entry) => chosen(entry.axes)).map((entry) => ({
      path: entry.path,
      array: false,
      value: spoken(entry, knobs, this.state),
    }));
    return arrays.concat(words);
  }

  value(k) {
    return this.exact[k] ? this.exact[k].value : this.payload.knobs[k].values[this.state[k]];
  }

  text(k) {
    return this.exact[k] ? this.exact[k].text : this.payload.knobs[k].texts[this.state[k]];
  }

  settings() {
    return Object.fromEntries(this.payload.knobs.map((knob, k) => [knob.name, this.value(k)]));
  }

  setting() {
    return this.payload.knobs.map((knob, k) => `${knob.label || knob.name}: ${this.text(k)}`).join(", ");
  }

  summary() {
    if (this.said !== null) return this.said;
    const { summaries, summary, knobs } = this.payload;
    return summaries && summaries.index.length ? spoken(summaries, knobs, this.state) : summary;
  }

  // What plotly holds at a channel's path.
  drawn(channel) {
    return lookUp(this.plot, this.payload.channels[channel].path);
  }

  // Turn one knob to the value with this index; resolves when the change is painted.
  set(name, index) {
    const k = this.payload.knobs.findIndex((knob) => knob.name === name);
    const knob = this.payload.knobs[k];
    if (!knob) throw new RangeError(`${name}: there is no such knob`);
    if (!(Number.isInteger(index) && index >= 0 && index < knob.values.length)) {
      throw new RangeError(`${name}: ${index} is given, 0 to ${knob.values.length - 1} is allowed`);
    }
    return this.move(k, index, performance.now());
  }

  reset() {
    const now = performance.now();
    if (this.exact.some(Boolean)) this.settle();
    this.payload.knobs.forEach((knob, k) => this.move(k, knob.index, now));
    return this.running || Promise.resolve();
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  // Show a figure that was computed for just this setting.
  async show(figure, words) {
    this.figure = figure;
    this.said = words;
    await this.draw();
    this.tell("state");
    this.tell("drawn");
  }

  // Back to the grid, at its nearest values.
  settle() {
    this.exact.fill(null);
    this.said = null;
    this.figure = structuredClone(this.payload.figure);
    for (const { path, value } of this.values(() => true)) assign(this.figure, path, value);
    this.tell("state");
    return this.draw();
  }

  move(k, index, time) {
    if (this.state[k] === index) return this.running || Promise.resolve();
    this.state[k] = index;
    this.said = null;
    this.changed.add(k);
    if (this.since === null) this.since = time;
    this.tell("state");
    if (!this.running) this.running = this.run();
    return this.running;
  }

  // A change is drawn at once, at most one a frame; what arrives meanwhile is drawn next, and only
  // its last value.
  async run() {
    try {
      while (this.changed.size) {
        const changed = this.changed;
        const since = this.since;
        this.changed = new Set();
        this.since = null;
        await this.apply(changed);
        await painted();
        this.timings.push(performance.now() - since);
        this.tell("drawn");
      }
    } finally {
      this.running = null;
    }
  }

  async apply(changed) {
    const { l, r } = this.plot._fullLayout._size;
    this.room = { l, r };
    const parts = this.values((axes) => axes.some((axis) => changed.has(axis))).filter((part) => this.differs(part));
    for (const { path, value } of parts) assign(this.figure, path, value);
    if (!this.payload.fixed_axes || !redrawable(this.plot, this.figure)) return this.draw();
    const of = (kind) => parts.filter((part) => this.kind(part) === kind);
    if (of("heavy").length) return this.draw();
    const [layout, looks, notes, numbers] = ["layout", "look", "note", "numbers"].map(of);
    if (numbers.length) redrawTraces(this.plot, this.figure, new Set(numbers.map(({ path }) => path[1])));
    if (notes.length) this.note(notes);
    if (layout.length) this.relayout(layout);
    if (looks.length) this.restyle(looks);
    return undefined;
  }

  // Words and ranges often stay as they are, and an axis takes long to draw.
  differs({ path, array, value }) {
    return array || JSON.stringify(lookUp(this.figure, path)) !== JSON.stringify(value);
  }

  // What a change asks of plotly: "heavy" means that the figure must be laid out again.
  kind({ path, array, value }) {
    if (path[0] === "layout") {
      // Of a hidden note plotly does not hold what drawing it takes; null asks for a default of its own.
      const drawn = /^(annotations|shapes)$/.test(path[1]) && (this.plot._fullLayout[path[1]][path[2]] || {}).visible;
      return drawn && path[3] !== "visible" && value !== null ? "note" : "layout";
    }
    const { type = "scatter", zauto } = this.plot._fullData[path[1]];
    if (array) {
      // The ends of a map's colours must stay.
      const known = type === "scatter" || type === "bar" || (type === "heatmap" && zauto === false);
      return known && path.length === 3 && /^[xyz]$/.test(path[2]) ? "numbers" : "heavy";
    }
    return /^(scatter|heatmap)$/.test(type) && LOOKS.test(attribute(path.slice(1))) ? "look" : "heavy";
  }

  // With fixed axes a note or a line moves nothing else.
  note(parts) {
    const paint = recolourer(this.payload.palette);
    const places = { annotations: [], shapes: [] };
    for (const { path, value } of parts) {
      for (const owner of [this.plot, { layout: this.plot._fullLayout }]) assign(owner, path, paint(value));
      places[path[1]].push(path[2]);
    }
    redrawNotes(this.plot, places);
  }

  restyle(parts) {
    const { data } = dress(this.payload, this.figure, this.width, this.room);
    const traces = [...new Set(parts.map((part) => part.path[1]))];
    const update = {};
    for (const { path } of parts) {
      const name = attribute(path.slice(1));
      update[name] = update[name] || traces.map(() => undefined);
      update[name][traces.indexOf(path[1])] = lookUp(data, path.slice(1));
    }
    return Plotly.restyle(this.plot, update, traces);
  }

  relayout(parts) {
    const dressed = dress(this.payload, this.figure, this.width, this.room);
    const given = parts.map(({ path }) => ({ path, value: lookUp(dressed, path) })).filter((part) => part.value !== undefined);
    if (redrawAxes(this.plot, given)) return undefined;
    const update = {};
    for (const { path, value } of given) {
      update[attribute(path)] = value;
      // Else plotly takes a new distance of ticks for a wish to have no others.
      if (path[2] === "dtick") update[`${path[1]}.tickmode`] = lookUp(dressed, ["layout", path[1], "tickmode"]) || null;
    }
    return Plotly.relayout(this.plot, update);
  }

  // The whole figure, in the theme and width of now.
  draw() {
    if (this.width !== this.plot.clientWidth) this.room = {};
    this.width = this.plot.clientWidth;
    const { data, layout } = dress(this.payload, this.figure, this.width, this.room);
    return Plotly.react(this.plot, data, layout, CONFIG);
  }
}
