/**
 * Masks drawn by hand: polygons and strokes as runs, and what they add to or take from others.
 *
 * All of it works on runs, column by column, so that a stroke on a 12-megapixel photo costs what it
 * covers and no bitmap of the whole is made.
 *
 * @typedef {import("./rle.js").Runs} Runs
 */

/** Return what is inside either mask. @param {Runs} a @param {Runs} b @returns {Runs} */
export function union(a, b) {
  return _merge(a, b, (inA, inB) => inA || inB);
}

/** Return what is inside the first mask and not the second. @param {Runs} a @param {Runs} b @returns {Runs} */
export function difference(a, b) {
  return _merge(a, b, (inA, inB) => inA && !inB);
}

/** Return a mask with nothing inside. @returns {Runs} */
export function nothing({ width, height }) {
  return { width, height, starts: new Uint32Array(0), ends: new Uint32Array(0) };
}

/**
 * Fill polygons by the even-odd rule: pixels whose middle is inside an odd number of them.
 *
 * @param {{x: number, y: number}[][]} polygons in pixels of the image
 * @param {{width: number, height: number}} image
 * @returns {Runs}
 */
export function fillPolygons(polygons, { width, height }) {
  /** @type {Map<number, number[]>} rows at which the middle of a column crosses an edge */
  const crossings = new Map();
  for (const corners of polygons) {
    corners.forEach((from, index) => {
      const to = corners[(index + 1) % corners.length];
      const [left, right] = from.x < to.x ? [from, to] : [to, from];
      const first = Math.max(0, Math.ceil(left.x - 0.5));
      const last = Math.min(width, Math.ceil(right.x - 0.5));
      for (let x = first; x < last; x++) {
        const y = left.y + ((x + 0.5 - left.x) * (right.y - left.y)) / (right.x - left.x);
        if (!crossings.has(x)) crossings.set(x, []);
        crossings.get(x).push(y);
      }
    });
  }
  const spans = [];
  for (const [x, rows] of [...crossings].sort((a, b) => a[0] - b[0])) {
    rows.sort((a, b) => a - b);
    for (let i = 0; i + 1 < rows.length; i += 2) {
      const top = Math.min(Math.max(Math.ceil(rows[i] - 0.5), 0), height);
      const bottom = Math.min(Math.max(Math.ceil(rows[i + 1] - 0.5), 0), height);
      if (bottom > top) spans.push([x * height + top, x * height + bottom]);
    }
  }
  return _joined(spans, width, height);
}

/**
 * Return what a round brush covers on its way.
 *
 * @param {{x: number, y: number}[]} path in pixels of the image
 * @param {number} radius in pixels of the image
 * @param {{width: number, height: number}} image
 * @returns {Runs}
 */
export function stroke(path, radius, image) {
  let covered = fillPolygons([_circle(path[0], radius)], image);
  for (let i = 1; i < path.length; i++) {
    const [from, to] = [path[i - 1], path[i]];
    covered = union(covered, fillPolygons([_circle(to, radius)], image));
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    if (length === 0) continue;
    const [dx, dy] = [(-(to.y - from.y) * radius) / length, ((to.x - from.x) * radius) / length];
    const band = [
      { x: from.x + dx, y: from.y + dy },
      { x: to.x + dx, y: to.y + dy },
      { x: to.x - dx, y: to.y - dy },
      { x: from.x - dx, y: from.y - dy },
    ];
    covered = union(covered, fillPolygons([band], image));
  }
  return covered;
}

/**
 * Leave out corners that lie within a tolerance of the line between those that stay
 * (Ramer, Douglas and Peucker), of a closed polygon.
 */
export function simplify(corners, tolerance) {
  if (corners.length < 4) return corners;
  const half = corners.length >> 1;
  const first = _simplified(corners.slice(0, half + 1), tolerance);
  const second = _simplified([...corners.slice(half), corners[0]], tolerance);
  const simple = [...first.slice(0, -1), ...second.slice(0, -1)];
  // Both halves keep their ends, which may be no corners.
  for (let i = simple.length - 1; i >= 0 && simple.length > 3; i--) {
    const [before, after] = [simple.at(i - 1), simple[(i + 1) % simple.length]];
    if (_distance(simple[i], before, after) <= tolerance) simple.splice(i, 1);
  }
  return simple;
}

/** Return how far a point lies from the line through two others. */
function _distance({ x, y }, a, b) {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (!length) return Math.hypot(x - a.x, y - a.y);
  return Math.abs((b.x - a.x) * (a.y - y) - (a.x - x) * (b.y - a.y)) / length;
}

function _simplified(line, tolerance) {
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  const parts = [[0, line.length - 1]];
  while (parts.length) {
    const [from, to] = parts.pop();
    const [a, b] = [line[from], line[to]];
    let [farthest, distance] = [-1, tolerance];
    for (let i = from + 1; i < to; i++) {
      const away = _distance(line[i], a, b);
      if (away > distance) [farthest, distance] = [i, away];
    }
    if (farthest < 0) continue;
    keep[farthest] = 1;
    parts.push([from, farthest], [farthest, to]);
  }
  return line.filter((_, index) => keep[index]);
}

function _circle({ x, y }, radius) {
  const count = Math.max(12, Math.ceil(Math.PI * Math.sqrt(radius) * 2));
  return Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count;
    return { x: x + radius * Math.cos(angle), y: y + radius * Math.sin(angle) };
  });
}

/** Go through the borders of both masks in order, and keep the runs where `isInside` holds. */
function _merge(a, b, isInside) {
  const spans = [];
  let [i, j, inA, inB, start] = [0, 0, false, false, -1];
  while (i < 2 * a.starts.length || j < 2 * b.starts.length) {
    const nextA = _border(a, i);
    const nextB = _border(b, j);
    const at = Math.min(nextA, nextB);
    if (nextA === at) {
      inA = !inA;
      i++;
    }
    if (nextB === at) {
      inB = !inB;
      j++;
    }
    const inside = isInside(inA, inB);
    if (inside && start < 0) start = at;
    if (!inside && start >= 0) {
      if (at > start) spans.push([start, at]);
      start = -1;
    }
  }
  return _joined(spans, a.width, a.height);
}

function _border({ starts, ends }, index) {
  const run = index >> 1;
  if (run >= starts.length) return Infinity;
  return index & 1 ? ends[run] : starts[run];
}

/** Make runs of spans in order; those that touch become one. */
function _joined(spans, width, height) {
  const joined = [];
  for (const [start, end] of spans) {
    const last = joined.at(-1);
    if (last && last[1] === start) last[1] = end;
    else joined.push([start, end]);
  }
  return {
    width,
    height,
    starts: Uint32Array.from(joined, (span) => span[0]),
    ends: Uint32Array.from(joined, (span) => span[1]),
  };
}
