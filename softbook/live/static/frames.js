// Figures at any value within a knob's range, computed by the server of this machine.

const shells = new Map();

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
    const grid = knob.values;
    const field = make("input", {
      type: "number", class: "softbook-value", autocomplete: "off", min: grid[0], max: grid[grid.length - 1],
      step: whole(knob) ? grid[1] - grid[0] || 1 : "any",
      "aria-label": `${knob.label || knob.name}, any value`, hidden: "",
    });
    slider.parentNode.after(field);
    field.addEventListener("change", () => this.type(field, knob, k));
    this.fields.push({ slider, field, k, step: whole(knob) ? "1" : "any" });
    // Of integers the grid holds all, and the page's own listener serves: an arrow key is one step.
    if (whole(knob)) return;
    slider.addEventListener("input", (event) => {
      if (!this.on) return;
      // The page's own listener would take the nearest value of the grid.
      event.stopImmediatePropagation();
      exactly(this.explorable, k, valueAt(knob, Number(slider.value)));
    }, { capture: true });
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
    for (const { slider, field, step } of this.fields) {
      slider.step = step;
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
    this.say("the live server does not answer: the grid goes on; make serve starts it again");
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
