// The page: what the server offers, the socket to it, and what stands where.

const PLACE = `${location.host}/live/`;
let hello = null;
let socket = null;
let panel = null;

// The socket, opened when it is first needed and again after its end; true if it stands.
async function connected() {
  if (socket && socket.readyState === WebSocket.OPEN) return true;
  if (!socket || socket.readyState > WebSocket.OPEN) {
    socket = new WebSocket(`ws://${PLACE}socket`);
    socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      unpackSpare();
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

function adopt(explorable) {
  if (!hello || shells.has(explorable) || !(explorable.payload.id in hello.figures)) return;
  const one = new Live(explorable);
  shells.set(explorable, one);
  one.begin();
}

async function begin() {
  // A page without figures loads nothing that draws them.
  if (!window.softbook) return;
  const answer = await fetch(`${location.protocol}//${PLACE}hello`);
  if (!answer.ok) return;
  hello = await answer.json();
  softbook.exactly = exactly;
  Object.values(softbook.explorables).forEach(adopt);
  const here = [...document.querySelectorAll(".softbook-explorable")].map((shell) => hello.figures[shell.dataset.id]);
  const packages = new Set(here.flat());
  const sweeps = hello.sweeps.filter((sweep) => packages.has(sweep.package[0]));
  if (sweeps.length) {
    panel = new Panel(sweeps);
    panel.stand();
  }
  // Even where nothing is drawn yet, the page is to hear that the server has gone.
  connected();
  whenIdle(stock);
}

document.addEventListener("softbook-ready", (event) => adopt(event.detail));
if (document.readyState === "complete") begin();
else window.addEventListener("load", begin);
