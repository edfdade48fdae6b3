// One explorable of the page: its state, what is drawn, and how long a change takes.

const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  responsive: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  showSendToCloud: false,
  showEditInChartStudio: false,
  showLink: false,
  plotlyServerURL: "",
};
const STILL = {
  frame: { duration: 0, redraw: false },
  transition: { duration: 0 },
  mode: "immediate",
};

// What can change in a trace without a new computation of the figure.
const LOOKS = /^(name|opacity|fillcolor|(line|marker)\.(color|dash|width|symbol))$/;

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
    const parts = this.values((axes) => axes.some((axis) => changed.has(axis)));
    for (const { path, value } of parts) assign(this.figure, path, value);
    const of = (kind) => parts.filter((part) => this.kind(part) === kind);
    if (!this.payload.fixed_axes || of("heavy").length) return this.draw();
    const [layout, looks, curves] = [of("layout"), of("look"), of("curve")];
    if (layout.length) this.relayout(layout);
    if (looks.length) this.restyle(looks);
    if (curves.length) this.animate(curves);
    return undefined;
  }

  // What a change asks of plotly: "heavy" means that the figure must be laid out again.
  kind({ path, array }) {
    if (path[0] === "layout") return "layout";
    if ((this.figure.data[path[1]].type || "scatter") !== "scatter") return "heavy";
    if (array) return path.length === 3 && /^[xy]$/.test(path[2]) ? "curve" : "heavy";
    return LOOKS.test(attribute(path.slice(1))) ? "look" : "heavy";
  }

  // The new paths stand in the page before this frame is painted; the promise comes later, and is
  // rejected when the next change comes first.
  animate(parts) {
    const all = this.figure.data;
    // Of several panels plotly would wipe those whose curves stay: then every curve is drawn.
    const several = all.some((trace) => trace.xaxis && trace.xaxis !== "x");
    const line = (trace) => (all[trace].type || "scatter") === "scatter";
    const traces = several
      ? [...all.keys()].filter(line)
      : [...new Set(parts.map((part) => part.path[1]))];
    const drawn = (trace) => ["x", "y"].filter((name) => all[trace][name] !== undefined);
    const data = traces.map((trace) =>
      Object.fromEntries(drawn(trace).map((name) => [name, all[trace][name]]))
    );
    Plotly.animate(this.plot, { data, traces }, STILL).catch(() => undefined);
  }

  restyle(parts) {
    const { data } = dress(this.payload, this.figure, this.plot.clientWidth);
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
    const dressed = dress(this.payload, this.figure, this.plot.clientWidth);
    const update = {};
    for (const { path } of parts) {
      const value = lookUp(dressed, path);
      if (value === undefined) continue;
      const [, list, place] = path;
      if (list !== "annotations" && list !== "shapes") {
        update[attribute(path)] = value;
        continue;
      }
      // With fixed axes a note or a line moves nothing else. Its opacity is the attribute for
      // which plotly draws just this one again (1 ms instead of 15): all its parts go along.
      assign(this.plot, path, value);
      const { opacity } = this.plot.layout[list][place];
      update[`${list}[${place}].opacity`] = opacity === undefined ? 1 : opacity;
    }
    return Plotly.relayout(this.plot, update);
  }

  // The whole figure, in the theme and width of now.
  draw() {
    this.width = this.plot.clientWidth;
    const { data, layout } = dress(this.payload, this.figure, this.width);
    return Plotly.react(this.plot, data, layout, CONFIG);
  }
}
