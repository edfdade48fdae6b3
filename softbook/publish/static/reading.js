// What every page of the book does, with figures or without.

(function () {
"use strict";

// From a disk no page may read another one: what a search finds there is listed without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// Formulas are no stops of the Tab key, but for one that is wider than its column: it scrolls by keys.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) target.tabIndex = target.scrollWidth > target.clientWidth + 1 ? 0 : -1;
});

function watchFormulas() {
  document.querySelectorAll('mjx-container[display="true"]').forEach((one) => widths.observe(one));
}

// Each button that unfolds a solution says which one.
function nameButtons() {
  for (const button of document.querySelectorAll(".admonition-title > .toggle-button")) {
    button.setAttribute("aria-label", `Show or hide: ${button.parentElement.textContent.trim().replace(/\s+/g, " ")}`);
  }
}

// A section rests once all in it has its height: its fonts and figures have come. Its height is known at
// this width alone.
let waiting = null;
let known = 0;

function rest() {
  for (const section of document.querySelectorAll(".bd-article > section > section")) {
    const figures = [...section.querySelectorAll(".softbook-explorable")];
    const drawn = figures.every(({ dataset }) => dataset.state === "ready" || dataset.state === "failed");
    section.classList.toggle("softbook-rests", drawn);
  }
}

async function restLater() {
  await document.fonts.ready;
  clearTimeout(waiting);
  waiting = setTimeout(rest, 600);
}

const article = new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width === known) return;
  known = contentRect.width;
  document.querySelectorAll(".softbook-rests").forEach(({ classList }) => classList.remove("softbook-rests"));
  restLater();
});

function watchArticle() {
  document.querySelectorAll(".bd-article").forEach((one) => article.observe(one));
}

// Paper is white: the dark theme gives way while a page is printed.
const root = document.documentElement;
let dark = false;
window.addEventListener("beforeprint", () => {
  dark = dark || root.dataset.theme === "dark";
  if (dark) root.dataset.theme = "light";
});
window.addEventListener("afterprint", () => {
  if (dark) root.dataset.theme = "dark";
  dark = false;
});

document.addEventListener("DOMContentLoaded", nameButtons);
document.addEventListener("softbook-ready", restLater);
window.addEventListener("load", watchFormulas);
window.addEventListener("load", watchArticle);
})();
