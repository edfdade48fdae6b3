// The sweeps of the chapters whose figures stand on this page: started, followed, stopped.

function time(seconds) {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

class Panel {
  constructor(sweeps) {
    this.rows = new Map();
    this.note = make("p", { role: "status" });
    const list = make("ul", { class: "softbook-sweeps" }, sweeps.map((sweep) => this.row(sweep)));
    this.heading = make("h2", { id: "live-sweeps" }, ["Run it on this machine"]);
    this.section = make("section", { class: "softbook-live-sweeps", "aria-labelledby": "live-sweeps" }, [
      this.heading,
      make("p", {}, ["The longer experiments of this chapter. What is finished is kept: a run that is stopped goes on from there."]),
      list,
      this.note,
    ]);
    this.update(sweeps);
  }

  row(sweep) {
    const button = make("button", { type: "button" });
    const bar = make("progress", { max: sweep.runs, "aria-label": sweep.title });
    const words = make("span", {});
    button.addEventListener("click", () => this.press(sweep.name));
    this.rows.set(sweep.name, { button, bar, words, sweep: null });
    return make("li", {}, [make("span", {}, [sweep.title]), button, bar, words]);
  }

  async press(name) {
    const { running } = this.rows.get(name).sweep;
    this.say("");
    if (!(await connected())) return this.gone();
    return socket.send(JSON.stringify({ sweep: name, do: running ? "stop" : "start" }));
  }

  update(sweeps) {
    for (const sweep of sweeps) {
      const row = this.rows.get(sweep.name);
      if (!row) continue;
      // How far it is changes every second; only a start and an end are read out.
      if (row.sweep && row.sweep.running !== sweep.running) {
        this.say(`${sweep.title}: ${sweep.running ? "started" : sweep.words || "ended"}.`);
      }
      row.sweep = sweep;
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
    this.update([...this.rows.values()].map(({ sweep }) => ({ ...sweep, running: false, words: "" })));
    this.say("The live server does not answer; make serve starts it again.");
  }

  // After the chapter's own experiment, and in the lists of what the page holds.
  stand() {
    const before = document.getElementById("the-experiment");
    if (before) before.after(this.section);
    else (document.querySelector("article > section") || document.body).append(this.section);
    for (const link of document.querySelectorAll('.toc-entry > a[href="#the-experiment"]')) {
      const own = make("a", { class: link.className, href: "#live-sweeps" }, [this.heading.textContent]);
      own.classList.remove("active");
      link.parentNode.after(make("li", { class: link.parentNode.className }, [own]));
    }
  }
}
