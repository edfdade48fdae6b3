// The live page: figures at any value within a knob's range, computed by the server of this machine,
// and sweeps that start, show how far they are, and stop. Loaded by no other page.

(function () {
"use strict";

const PLACE = `${location.host}/live/`;
const ranged = (knob) => ["linear", "log", "integer"].includes(knob.kind);
const shells = new Map();
let hello = null;
let socket = null;
let panel = null;

function make(tag, attributes, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Between the grid's values a slider moves evenly on the knob's own scale.
function valueAt(knob, position) {
  const grid = knob.values;
  const low = Math.min(Math.floor(position), grid.length - 2);
  const share = position - low;
  const mixed = knob.kind === "log"
    ? grid[low] ** (1 - share) * grid[low + 1] ** share
    : grid[low] + (grid[low + 1] - grid[low]) * share;
  const round = knob.kind === "integer" ? Math.round(mixed) : Number(mixed.toPrecision(4));
  return Math.max(grid[0], Math.min(grid[grid.length - 1], round));
}

function positionOf(knob, value) {
  const scale = knob.kind === "log" ? Math.log : (number) => number;
  const grid = knob.values;
  const above = grid.findIndex((other) => other >= value);
  if (above <= 0) return above === 0 ? 0 : grid.length - 1;
  const low = scale(grid[above - 1]);
  return above - 1 + (scale(value) - low) / (scale(grid[above]) - low);
}

function inside(knob, value) {
  const whole = knob.kind !== "integer" || Number.isInteger(value);
  return whole && value >= knob.values[0] && value <= knob.values[knob.values.length - 1];
}

// Put a knob on a value that its grid need not hold.
function exactly(explorable, k, value) {
  const knob = explorable.payload.knobs[k];
  const one = shells.get(explorable);
  if (!one || !one.on || !ranged(knob) || !inside(knob, value)) return;
  const position = positionOf(knob, value);
  const text = `${value}${knob.unit ? ` ${knob.unit}` : ""}`;
  explorable.exact[k] = knob.values.includes(value) ? null : { value, position, text };
  explorable.move(k, Math.round(position), performance.now());
  explorable.tell("state");
}

// What the server is asked: a choice by its place, all else by value.
function settings(explorable) {
  const pairs = explorable.payload.knobs.map((knob, k) =>
    [knob.name, knob.kind === "choice" ? explorable.state[k] : explorable.value(k)]);
  return Object.fromEntries(pairs);
}

class Live {
  constructor(explorable) {
    this.explorable = explorable;
    this.number = 0;
    this.asked = JSON.stringify(settings(explorable));
    this.waiting = false;
    this.on = false;
    this.fields = [];
    this.switch = make("input", { type: "checkbox", id: `${explorable.shell.dataset.key}-live` });
    this.mark = make("span", { class: "softbook-mark" });
    this.alert = make("p", { class: "softbook-refusal", role: "alert" });
    const label = make("label", { for: this.switch.id }, ["Live"]);
    const box = make("div", { class: "softbook-live" }, [this.switch, label, this.mark]);
    const plot = explorable.shell.querySelector(".softbook-plot");
    plot.before(box, this.alert);
    this.switch.addEventListener("change", () => (this.switch.checked ? this.begin() : this.end()));
    explorable.payload.knobs.forEach((knob, k) => ranged(knob) && this.widen(knob, k));
    explorable.listeners.push((what) => what === "state" && this.follow());
  }

  // A slider that stops anywhere, and a field for a value of one's own.
  widen(knob, k) {
    const shell = this.explorable.shell;
    const slider = shell.querySelector(`[data-knob="${CSS.escape(knob.name)}"]`);
    const field = make("input", {
      type: "number", step: "any", class: "softbook-value", autocomplete: "off",
      "aria-label": `${knob.label || knob.name}, any value`, hidden: "",
    });
    slider.after(field);
    field.addEventListener("change", () => this.type(field, knob, k));
    slider.addEventListener("input", (event) => {
      if (!this.on) return;
      // The page's own listener would take the nearest value of the grid.
      event.stopImmediatePropagation();
      exactly(this.explorable, k, valueAt(knob, Number(slider.value)));
    }, { capture: true });
    this.fields.push({ slider, field, k });
  }

  type(field, knob, k) {
    const value = field.value === "" ? NaN : Number(field.value);
    const fits = inside(knob, value);
    field.setAttribute("aria-invalid", String(!fits));
    if (fits) {
      exactly(this.explorable, k, value);
    } else {
      // The server says in words what is allowed; nothing else changes.
      this.send({ ...settings(this.explorable), [knob.name]: Number.isNaN(value) ? null : value });
    }
  }

  async begin() {
    this.say("connecting…");
    if (!(await connected())) {
      this.gone();
      return;
    }
    this.on = true;
    this.switch.checked = true;
    for (const { slider, field } of this.fields) {
      slider.step = "any";
      field.hidden = false;
    }
    this.say("any value, computed by torch");
    this.alert.textContent = "";
    softbook.restore(this.explorable);
    this.follow();
  }

  end() {
    this.on = false;
    this.waiting = false;
    this.switch.checked = false;
    this.explorable.settle();
    for (const { slider, field, k } of this.fields) {
      slider.step = "1";
      slider.value = this.explorable.state[k];
      field.hidden = true;
    }
    this.alert.textContent = "";
    this.say("the grid's values");
    this.asked = JSON.stringify(settings(this.explorable));
  }

  gone() {
    this.end();
    this.say("the live server does not answer: the grid goes on");
  }

  say(words) {
    this.mark.textContent = words;
    this.explorable.shell.dataset.live = this.on ? (this.waiting ? "computing" : "on") : "off";
  }

  // The reader moved something: show the fields' values, and ask for this setting if it is new.
  follow() {
    const wanted = settings(this.explorable);
    const news = JSON.stringify(wanted) !== this.asked;
    for (const { field, k } of this.fields) {
      if (news) field.removeAttribute("aria-invalid");
      // What is being typed, and what was refused, stays until something else is moved.
      const own = document.activeElement === field || field.getAttribute("aria-invalid") === "true";
      if (!own) field.value = this.explorable.value(k);
    }
    if (!this.on || this.waiting || !news) return;
    this.asked = JSON.stringify(wanted);
    this.send(wanted);
  }

  // One question at a time; what is moved meanwhile is asked when the answer is here.
  send(wanted) {
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    this.waiting = true;
    this.number += 1;
    this.since = performance.now();
    socket.send(JSON.stringify({ figure: this.explorable.payload.id, ask: this.number, settings: wanted }));
    this.say("computing…");
  }

  async hear(answer) {
    if (answer.ask !== this.number || !this.on) return;
    this.waiting = false;
    const time = (performance.now() - this.since).toFixed(0);
    this.alert.textContent = answer.error || "";
    const stale = JSON.stringify(settings(this.explorable)) !== this.asked;
    if (answer.figure && !stale) {
      await this.explorable.running;
      await this.explorable.show(answer.figure, answer.summary);
      this.say(`computed by torch in ${time} ms`);
    } else {
      this.say(answer.error ? "not computed" : "any value, computed by torch");
    }
    this.follow();
  }
}

// The socket, opened when it is first needed and again after its end; true if it stands.
async function connected() {
  if (socket && socket.readyState === WebSocket.OPEN) return true;
  if (!socket || socket.readyState > WebSocket.OPEN) {
    socket = new WebSocket(`ws://${PLACE}socket`);
    socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      for (const one of shells.values()) if (one.on) one.gone();
      if (panel) panel.gone();
    });
  }
  const opening = socket;
  return new Promise((resolve) => {
    opening.addEventListener("open", () => resolve(true), { once: true });
    opening.addEventListener("close", () => resolve(false), { once: true });
  });
}

function hear(message) {
  if (message.sweeps && panel) panel.update(message.sweeps);
  if (message.error && !message.id && panel) panel.say(message.error);
  for (const one of shells.values()) if (one.explorable.payload.id === message.id) one.hear(message);
}

function time(seconds) {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

// The sweeps of the chapters whose figures stand on this page.
class Panel {
  constructor(sweeps) {
    this.rows = new Map();
    this.note = make("p", { role: "status" });
    const list = make("ul", { class: "softbook-sweeps" }, sweeps.map((sweep) => this.row(sweep)));
    const heading = make("h2", { id: "live-sweeps" }, ["Run it on this machine"]);
    this.section = make("section", { class: "softbook-live-sweeps", "aria-labelledby": "live-sweeps" }, [
      heading,
      make("p", {}, ["The longer experiments of this chapter. What is finished is kept: a run that is stopped goes on from there."]),
      list,
      this.note,
    ]);
    this.update(sweeps);
  }

  row(sweep) {
    const button = make("button", { type: "button" });
    const bar = make("progress", { max: sweep.runs, "aria-label": sweep.title });
    const words = make("span", { "aria-live": "polite" });
    button.addEventListener("click", () => this.press(sweep.name));
    this.rows.set(sweep.name, { button, bar, words, running: false });
    return make("li", {}, [make("span", {}, [sweep.title]), button, bar, words]);
  }

  async press(name) {
    const { running } = this.rows.get(name);
    this.say("");
    if (!(await connected())) return this.gone();
    return socket.send(JSON.stringify({ sweep: name, do: running ? "stop" : "start" }));
  }

  update(sweeps) {
    for (const sweep of sweeps) {
      const row = this.rows.get(sweep.name);
      if (!row) continue;
      row.running = sweep.running;
      row.bar.value = sweep.kept;
      const done = sweep.kept === sweep.runs;
      row.button.textContent = sweep.running ? "Stop" : sweep.kept && !done ? "Go on" : "Start";
      row.button.setAttribute("aria-label", `${row.button.textContent}: ${sweep.title}`);
      row.button.disabled = done && !sweep.running;
      const left = done ? `kept in ${sweep.place}` : `about ${time(sweep.seconds)} left on one core`;
      row.words.textContent = [`${sweep.kept} of ${sweep.runs} runs`, left, sweep.words].filter(Boolean).join("; ");
    }
  }

  say(words) {
    this.note.textContent = words;
  }

  gone() {
    this.say("The live server does not answer.");
    for (const row of this.rows.values()) row.running = false;
  }
}

function adopt(explorable) {
  if (!hello || shells.has(explorable) || !(explorable.payload.id in hello.figures)) return;
  const one = new Live(explorable);
  shells.set(explorable, one);
  one.begin();
}

async function begin() {
  const answer = await fetch(`${location.protocol}//${PLACE}hello`);
  if (!answer.ok) return;
  hello = await answer.json();
  softbook.exactly = exactly;
  Object.values(softbook.explorables).forEach(adopt);
  const here = [...document.querySelectorAll(".softbook-explorable")].map((shell) => hello.figures[shell.dataset.id]);
  const packages = new Set(here.flat());
  const sweeps = hello.sweeps.filter((sweep) => packages.has(sweep.package[0]));
  if (!sweeps.length) return;
  panel = new Panel(sweeps);
  (document.querySelector("article > section") || document.body).append(panel.section);
  connected();
}

document.addEventListener("softbook-ready", (event) => adopt(event.detail));
if (document.readyState === "complete") begin();
else window.addEventListener("load", begin);
})();
