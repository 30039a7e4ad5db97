/**
 * COCO's compressed run lengths: decoded, encoded, drawn into bitmaps and asked for pixels.
 *
 * A mask is a list of run lengths, column by column, outside and inside alternating. Each from the
 * fourth on is stored as its difference from the one two places before, in groups of 5 bits, the
 * lowest first: a character holds 48 + group, + 32 if more follow.
 *
 * @typedef {object} Runs of the inside of a mask, in the order of columns
 * @property {number} width
 * @property {number} height
 * @property {Uint32Array} starts first pixel of each run, as x * height + y
 * @property {Uint32Array} ends the pixel after its last
 */

const FIRST_CHAR = 48;

/** Decode counts for a size [height, width]; throws RangeError unless they fill it exactly. @returns {Runs} */
export function decode(counts, [height, width]) {
  const lengths = _lengths(counts);
  const starts = new Uint32Array(lengths.length >> 1);
  const ends = new Uint32Array(lengths.length >> 1);
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i] < 0) throw new RangeError("A run length is negative.");
    if (i & 1) {
      starts[i >> 1] = at;
      ends[i >> 1] = at + lengths[i];
    }
    at += lengths[i];
  }
  if (at !== height * width) throw new RangeError(`The runs add up to ${at}, not ${height} x ${width}.`);
  return { width, height, starts, ends };
}

/** Encode runs as COCO's compressed counts. */
export function encode({ width, height, starts, ends }) {
  const lengths = [];
  let at = 0;
  for (let i = 0; i < starts.length; i++) {
    if (starts[i] === ends[i]) continue;
    if (lengths.length && starts[i] === at) {
      lengths[lengths.length - 1] += ends[i] - starts[i];
    } else {
      lengths.push(starts[i] - at, ends[i] - starts[i]);
    }
    at = ends[i];
  }
  if (at < width * height || !lengths.length) lengths.push(width * height - at);
  return lengths.map((length, i) => _chars(i > 2 ? length - lengths[i - 2] : length)).join("");
}

/** Say whether a pixel is inside: a binary search, so that hovering asks hundreds of masks. */
export function contains({ width, height, starts, ends }, x, y) {
  if (x < 0 || y < 0 || x >= width || y >= height) return false;
  const position = Math.floor(x) * height + Math.floor(y);
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] > position) high = middle;
    else low = middle + 1;
  }
  return low < starts.length && starts[low] <= position;
}

/** Return the number of pixels inside. */
export function area({ starts, ends }) {
  let sum = 0;
  for (let i = 0; i < starts.length; i++) sum += ends[i] - starts[i];
  return sum;
}

/** Return the box [x0, y0, x1, y1] of the pixels inside, or null where there are none. */
export function bounds({ height, starts, ends }) {
  let box = null;
  for (let i = 0; i < starts.length; i++) {
    if (starts[i] === ends[i]) continue;
    const x0 = Math.floor(starts[i] / height);
    const x1 = Math.floor((ends[i] - 1) / height) + 1;
    // A run over the end of a column holds the rows of both ends.
    const y0 = x1 - x0 > 1 ? 0 : starts[i] - x0 * height;
    const y1 = x1 - x0 > 1 ? height : ends[i] - x0 * height;
    box ??= [x0, y0, x1, y1];
    box = [Math.min(box[0], x0), Math.min(box[1], y0), Math.max(box[2], x1), Math.max(box[3], y1)];
  }
  return box;
}

/**
 * Draw the part of a mask within a box into a bitmap of one byte a pixel, row by row.
 *
 * Only the columns that the bitmap shows are read, each at its middle: the cost follows the screen,
 * not the photo.
 *
 * @param {Runs} runs
 * @param {[number, number, number, number]} box x0, y0, x1, y1 in pixels of the image
 * @param {number} scale pixels of the bitmap for one of the image
 * @returns {{width: number, height: number, data: Uint8Array}} 1 inside
 */
export function rasterize(runs, [x0, y0, x1, y1], scale) {
  const width = Math.max(1, Math.round((x1 - x0) * scale));
  const height = Math.max(1, Math.round((y1 - y0) * scale));
  const data = new Uint8Array(width * height);
  const { starts, ends } = runs;
  let run = 0;
  for (let column = 0; column < width; column++) {
    const x = Math.min(Math.floor(x0 + ((column + 0.5) * (x1 - x0)) / width), runs.width - 1);
    const first = x * runs.height;
    const last = first + runs.height;
    while (run < ends.length && ends[run] <= first) run++;
    for (let i = run; i < starts.length && starts[i] < last; i++) {
      const top = Math.max(starts[i], first) - first;
      const bottom = Math.min(ends[i], last) - first;
      // A row of the bitmap is inside where the middle of its pixel is.
      const from = Math.max(0, Math.ceil(((top - y0) * height) / (y1 - y0) - 0.5));
      const to = Math.min(height, Math.ceil(((bottom - y0) * height) / (y1 - y0) - 0.5));
      for (let row = from; row < to; row++) data[row * width + column] = 1;
    }
  }
  return { width, height, data };
}

/** Make runs of a bitmap of one byte a pixel, row by row, as large as the image. @returns {Runs} */
export function fromBitmap({ width, height, data }) {
  const starts = [];
  const ends = [];
  let open = false;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const inside = data[y * width + x] !== 0;
      if (inside === open) continue;
      (inside ? starts : ends).push(x * height + y);
      open = inside;
    }
  }
  if (open) ends.push(width * height);
  return { width, height, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
}

function _lengths(counts) {
  const lengths = [];
  for (let i = 0; i < counts.length; ) {
    let value = 0;
    let unit = 1;
    for (let more = true; more; ) {
      const group = counts.charCodeAt(i++) - FIRST_CHAR;
      if (!(group >= 0 && group < 64)) throw new RangeError("Counts hold a character beyond 0 to o.");
      more = (group & 32) !== 0;
      // Multiplied, not shifted: a length can have more than 31 bits with its sign.
      value += (group & 31) * unit;
      unit *= 32;
      if (!more && group & 16) value -= unit;
    }
    lengths.push(lengths.length > 2 ? value + lengths[lengths.length - 2] : value);
  }
  return lengths;
}

function _chars(number) {
  let text = "";
  for (let rest = number; ; ) {
    const group = ((rest % 32) + 32) % 32;
    rest = Math.floor(rest / 32);
    const ends = group & 16 ? rest === -1 : rest === 0;
    text += String.fromCharCode(FIRST_CHAR + group + (ends ? 0 : 32));
    if (ends) return text;
  }
}
