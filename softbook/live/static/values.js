// Numbers: a knob's value at a place of its slider, and back.

const ranged = (knob) => ["linear", "log", "integer"].includes(knob.kind);
const whole = (knob) => knob.kind === "integer";

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
  return Math.max(grid[0], Math.min(grid[grid.length - 1], Number(mixed.toPrecision(4))));
}

function positionOf(knob, value) {
  const scale = knob.kind === "log" ? Math.log : (number) => number;
  const grid = knob.values;
  const above = grid.findIndex((other) => other >= value);
  if (above <= 0) return above === 0 ? 0 : grid.length - 1;
  const low = scale(grid[above - 1]);
  return above - 1 + (scale(value) - low) / (scale(grid[above]) - low);
}

// The grid of an integer holds all that it allows, a ladder of its own step.
function inside(knob, value) {
  if (whole(knob)) return knob.values.includes(value);
  return value >= knob.values[0] && value <= knob.values[knob.values.length - 1];
}
