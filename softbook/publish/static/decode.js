// From the bytes of a payload to the numbers of one setting.

const GAP = 65535;
const STEPS = 65534;

// Raw deflate in base64 -> bytes.
async function inflate(base64) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error(
      "this browser cannot unpack the figure's data (it lacks DecompressionStream); " +
        "Chrome 103, Firefox 113, Safari 16.4 and later can"
    );
  }
  const packed = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Two planes of bytes (all low ones, then all high ones) and differences -> 16-bit words.
async function unpack(payload) {
  const bytes = await inflate(payload.blob);
  const count = bytes.length / 2;
  const words = new Uint16Array(count);
  for (let k = 0; k < count; k++) words[k] = bytes[k] | (bytes[count + k] << 8);
  for (const channel of payload.channels) {
    if (channel.coding === "float") continue;
    const end = channel.offset + channel.count;
    // A Uint16Array wraps modulo 65536 by itself.
    for (let k = channel.offset + 1; k < end; k++) words[k] += words[k - 1];
  }
  return words;
}

// The place of a setting among all settings of some knobs, in C order.
function place(axes, knobs, state) {
  return axes.reduce((flat, axis) => flat * knobs[axis].values.length + state[axis], 0);
}

function reader(channel) {
  const { low, high } = channel;
  if (channel.coding === "log") {
    const start = Math.log(low);
    const step = (Math.log(high) - start) / STEPS;
    return (word) => (word === GAP ? null : Math.exp(start + step * word));
  }
  const step = (high - low) / STEPS;
  return (word) => (word === GAP ? null : low + step * word);
}

function reshape(flat, shape, from = 0) {
  if (shape.length <= 1) return flat.slice(from, from + (shape.length ? shape[0] : 1));
  const rest = shape.slice(1);
  const size = rest.reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, k) => reshape(flat, rest, from + k * size));
}

// The array that a channel holds at `state` (one index a knob); only this slice is decoded.
function slice(channel, words, knobs, state) {
  const size = channel.shape.reduce((a, b) => a * b, 1);
  const wide = channel.coding === "float" ? 4 : 1;
  const start = channel.offset + place(channel.axes, knobs, state) * size * wide;
  const part = words.slice(start, start + size * wide);
  const flat =
    wide === 4
      ? Array.from(new Float64Array(part.buffer), (v) => (Number.isNaN(v) ? null : v))
      : Array.from(part, reader(channel));
  return channel.shape.length === 1 ? flat : reshape(flat, channel.shape);
}

// What a list of texts says at `state`.
function spoken(entry, knobs, state) {
  return entry.values[entry.index[place(entry.axes, knobs, state)]];
}

function lookUp(tree, path) {
  return path.reduce((node, key) => (node == null ? undefined : node[key]), tree);
}

function assign(tree, path, value) {
  const last = path.length - 1;
  let node = tree;
  path.slice(0, last).forEach((key, k) => {
    if (node[key] == null) node[key] = typeof path[k + 1] === "number" ? [] : {};
    node = node[key];
  });
  node[path[last]] = value;
}
