/**
 * Outlines of masks: the cracks between inside and outside, followed round, with softened corners.
 *
 *     . # #        the loop goes round the # with the inside on its right hand:
 *     . # .        (1,0) (3,0) (3,1) (2,1) (2,2) (1,2)
 */

/** Directions: right, down, left, up. */
const STEP_X = [1, 0, -1, 0];
const STEP_Y = [0, 1, 0, -1];
/** Pixels ahead to the right and to the left of a corner, for each direction. */
const RIGHT_X = [0, -1, -1, 0];
const RIGHT_Y = [0, 0, -1, -1];
const LEFT_X = [0, 0, -1, -1];
const LEFT_Y = [-1, 0, 0, -1];
/** How much of an edge a softened corner takes, in pixels of the bitmap. */
const SOFT_PX = 1;

/**
 * Follow all outlines of a bitmap, of its holes too. Pixels that touch by a corner are apart.
 *
 * @param {{width: number, height: number, data: Uint8Array}} bitmap one byte a pixel, row by row
 * @returns {number[][]} loops of corners x, y, x, y, ... in pixels of the bitmap
 */
export function traceLoops({ width, height, data }) {
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] !== 0;
  const followed = new Uint8Array(data.length);
  const loops = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (!data[at] || followed[at] || (y > 0 && data[at - width])) continue;
      loops.push(_follow(inside, followed, width, x, y));
    }
  }
  return loops;
}

/**
 * Draw loops with a pen (a Path2D), with corners softened as far as their edges are long.
 *
 * @param {{moveTo: Function, lineTo: Function, quadraticCurveTo: Function, closePath: Function}} pen
 * @param {number[][]} loops
 * @param {{x: number, y: number, scaleX: number, scaleY: number}} place where the bitmap lies
 */
export function drawLoops(pen, loops, { x, y, scaleX, scaleY }) {
  for (const loop of loops) {
    const count = loop.length / 2;
    for (let i = 0; i < count; i++) {
      const [x0, y0] = [loop[2 * ((i + count - 1) % count)], loop[2 * ((i + count - 1) % count) + 1]];
      const [x1, y1] = [loop[2 * i], loop[2 * i + 1]];
      const [x2, y2] = [loop[2 * ((i + 1) % count)], loop[2 * ((i + 1) % count) + 1]];
      const before = _share(x0, y0, x1, y1);
      const after = _share(x1, y1, x2, y2);
      const fromX = x + (x1 + (x0 - x1) * before) * scaleX;
      const fromY = y + (y1 + (y0 - y1) * before) * scaleY;
      if (i === 0) pen.moveTo(fromX, fromY);
      else pen.lineTo(fromX, fromY);
      pen.quadraticCurveTo(
        x + x1 * scaleX,
        y + y1 * scaleY,
        x + (x1 + (x2 - x1) * after) * scaleX,
        y + (y1 + (y2 - y1) * after) * scaleY,
      );
    }
    pen.closePath();
  }
}

function _share(x0, y0, x1, y1) {
  return Math.min(0.5, SOFT_PX / (Math.abs(x1 - x0) + Math.abs(y1 - y0)));
}

function _follow(inside, followed, width, startX, startY) {
  const loop = [startX, startY];
  let [x, y, direction] = [startX, startY, 0];
  do {
    if (direction === 0) followed[y * width + x] = 1;
    x += STEP_X[direction];
    y += STEP_Y[direction];
    const right = inside(x + RIGHT_X[direction], y + RIGHT_Y[direction]);
    const left = inside(x + LEFT_X[direction], y + LEFT_Y[direction]);
    const turn = !right ? 1 : left ? 3 : 0;
    if (turn && !(x === startX && y === startY)) loop.push(x, y);
    direction = (direction + turn) % 4;
  } while (x !== startX || y !== startY || direction !== 0);
  return loop;
}
