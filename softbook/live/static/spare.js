// What the figures need that are not drawn yet, held in memory: a server that has gone hands out nothing.

const spare = new Map();

// Read it without running it: while the server answers, the page loads what it draws by itself.
async function stock() {
  const own = document.querySelector('script[src*="softbook/softbook.js"]');
  const undrawn = [...document.querySelectorAll(".softbook-explorable:not([data-state])")];
  const names = undrawn.map((shell) => shell.dataset.src).filter(Boolean);
  if (!own || !names.length) return;
  if (!window.Plotly) names.unshift("plotly.min.js");
  try {
    for (const name of new Set(names)) {
      const answer = await fetch(new URL(name, own.src));
      if (answer.ok) spare.set(name, await answer.text());
    }
  } catch {
    // The server has gone meanwhile: what is here is here.
    unpackSpare();
  }
}

function whenIdle(work) {
  // Not every browser says when it is idle.
  if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 5000 });
  else setTimeout(work, 1000);
}

function unpackSpare() {
  for (const [name, text] of spare) {
    if (name !== "plotly.min.js" || !window.Plotly) document.head.append(make("script", {}, [text]));
  }
  spare.clear();
}
