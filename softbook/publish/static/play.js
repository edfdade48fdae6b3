// A figure that moves by itself until it is touched, where the page marks its cell so: with the tag
// `plays`, or `plays-to-8` where the knob is to turn round at 8.

const PACE = 130;
const TOUCHES = ["pointerdown", "keydown", "focusin", "input"];

function play(shell, explorable) {
  const k = explorable.payload.knobs.findIndex((knob) => /^(linear|log|integer)$/.test(knob.kind));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const cell = shell.closest("[class*=tag_plays]");
  if (k < 0 || still || !cell || touched(explorable)) return;
  const [, end] = cell.className.match(/tag_plays-to-([\d.]+)/) || [null, Infinity];
  const last = explorable.payload.knobs[k].values.findLastIndex((value) => value <= Number(end));
  const summary = shell.querySelector(".softbook-summary");
  const button = element("button", { type: "button", class: "softbook-reset softbook-pause" }, ["Pause"]);
  const controls = shell.querySelector(".softbook-controls");
  let seen = false;
  let step = 1;
  const view = new IntersectionObserver(([entry]) => (seen = entry.isIntersecting));
  const timer = setInterval(() => {
    if (!seen || document.hidden) return;
    if (explorable.state[k] === (step > 0 ? last : 0)) step = -step;
    explorable.move(k, explorable.state[k] + step, performance.now());
  }, PACE);
  const stop = () => {
    clearInterval(timer);
    view.disconnect();
    button.remove();
    explorable.playing = false;
    summary.setAttribute("aria-live", "polite");
    TOUCHES.forEach((touch) => shell.removeEventListener(touch, stop));
    window.removeEventListener("beforeprint", stop);
  };
  explorable.playing = true;
  // Nobody wants each step read aloud.
  summary.setAttribute("aria-live", "off");
  controls.append(button);
  view.observe(shell);
  TOUCHES.forEach((touch) => shell.addEventListener(touch, stop));
  window.addEventListener("beforeprint", stop);
}
