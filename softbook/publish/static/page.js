// The page: explorables come when they come near the view, and follow theme and width.

const HERE = document.currentScript ? document.currentScript.src : location.href;
const waiting = new Map();
const scripts = new Map();

// Load a classic script once (a module or a fetch would not work from file://).
function load(address) {
  const url = new URL(address, HERE).href;
  if (!scripts.has(url)) {
    const arrival = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${url} could not be loaded`));
      document.head.append(script);
    });
    scripts.set(url, arrival);
  }
  return scripts.get(url);
}

async function start(shell) {
  if (shell.dataset.state) return;
  shell.dataset.state = "loading";
  try {
    // A file that brings all its parts along has both already.
    const missing = [];
    if (!waiting.has(shell.dataset.id)) missing.push(load(shell.dataset.src));
    if (!window.Plotly) missing.push(load("plotly.min.js"));
    await Promise.all(missing);
    const payload = waiting.get(shell.dataset.id);
    if (!payload) throw new Error(`the data file does not hold ${shell.dataset.id}`);
    const explorable = new Explorable(shell, payload, await unpack(payload));
    await explorable.draw();
    bind(shell, explorable);
    watchWidth(explorable);
    softbook.explorables[shell.dataset.key] = explorable;
    share(shell, explorable);
    restore(explorable);
    await explorable.running;
    shell.dataset.state = "ready";
    play(shell, explorable);
    shell.dispatchEvent(new CustomEvent("softbook-ready", { bubbles: true, detail: explorable }));
  } catch (error) {
    shell.dataset.state = "failed";
    const message = element("p", { class: "softbook-message", role: "alert" }, [
      `The figure cannot be shown: ${error.message}.`,
    ]);
    shell.querySelector(".softbook-plot").replaceChildren(message);
  }
}

function watchWidth(explorable) {
  let asked = false;
  new ResizeObserver(() => {
    const width = explorable.plot.clientWidth;
    if (asked || !width || width === explorable.width) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      explorable.draw();
      explorable.tell("width");
    });
  }).observe(explorable.plot);
}

function shells() {
  return [...document.querySelectorAll(".softbook-explorable")];
}

const softbook = (window.softbook = {
  explorables: {},
  // For the script behind the folded boxes (parts.js).
  parts: { dress, element, link, pageColour, plain, wrap },
  receive(id, payload) {
    waiting.set(id, payload);
  },
  restore,
  // Draw every explorable of the page now, wherever it stands (for printing).
  load() {
    return Promise.all(shells().map(start));
  },
});

function watchView() {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer.unobserve(entry.target);
        start(entry.target);
      }
    },
    { rootMargin: "600px 0px" }
  );
  shells().forEach((shell) => observer.observe(shell));
}

let dark = isDark();

function followTheme() {
  if (isDark() === dark) return;
  dark = isDark();
  Object.values(softbook.explorables).forEach((explorable) => explorable.draw());
}

function watchTheme() {
  const watched = { attributes: true, attributeFilter: ["data-theme"] };
  new MutationObserver(followTheme).observe(document.documentElement, watched);
}

function begin() {
  watchView();
  watchTheme();
  goTo();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
window.addEventListener("hashchange", () => {
  Object.values(softbook.explorables).forEach(restore);
  goTo();
});
// At each key the theme looks through the whole page for menus that may hear it; none hears a knob's.
window.addEventListener("keydown", (event) => {
  if (event.target.dataset.knob && /^(Arrow|Home|End|Page| )/.test(event.key)) event.stopImmediatePropagation();
}, true);
// On paper nothing unfolds: all is drawn and open, but for the tables behind the figures.
let folded = [];
window.addEventListener("beforeprint", () => {
  // The observer would hear of the light theme too late.
  followTheme();
  // What is not drawn yet comes too late for this sheet, and says so there.
  softbook.load();
  folded = [...document.querySelectorAll("article details:not([open], .softbook-explorable details)")];
  folded.forEach((details) => (details.open = true));
});
window.addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
