/**
 * From pixels of the image to pixels of the screen and back.
 *
 * @typedef {{scale: number, x: number, y: number}} View CSS pixels of the screen for one of the
 *   image, and where the image's corner lies in the stage
 * @typedef {{width: number, height: number}} Size
 */

/** How far one may zoom in: CSS pixels for one of the image. */
export const MAX_SCALE = 32;

/** Show the whole image in the middle, not above `limit` times its size. @returns {View} */
export function fit(image, stage, marginPx = 0, limit = 4) {
  const width = Math.max(stage.width - 2 * marginPx, 1);
  const height = Math.max(stage.height - 2 * marginPx, 1);
  const scale = Math.min(width / image.width, height / image.height, limit);
  return {
    scale,
    x: (stage.width - image.width * scale) / 2,
    y: (stage.height - image.height * scale) / 2,
  };
}

/** Return the point of the image under a point of the stage. */
export function toImage(view, { x, y }) {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
}

/** Return the point of the stage over a point of the image. */
export function toStage(view, { x, y }) {
  return { x: x * view.scale + view.x, y: y * view.scale + view.y };
}

/** Zoom by a factor, so that the point of the image under `at` stays there. @returns {View} */
export function zoomAt(view, at, factor, minScale) {
  const scale = Math.min(Math.max(view.scale * factor, minScale), MAX_SCALE);
  const by = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by };
}

/** Move the image, but never out of sight: half of the stage always shows some of it. @returns {View} */
export function clamp(view, image, stage) {
  const width = image.width * view.scale;
  const height = image.height * view.scale;
  return {
    scale: view.scale,
    x: _between(view.x, stage.width, width),
    y: _between(view.y, stage.height, height),
  };
}

/** Put two corners in order. @returns {[number, number, number, number]} */
export function boxOf(a, b) {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

/** Bring a point into the image. */
export function inside(point, image) {
  return {
    x: Math.min(Math.max(point.x, 0), image.width),
    y: Math.min(Math.max(point.y, 0), image.height),
  };
}

/** Say whether a point lies on the image. */
export function isOn(point, image) {
  return point.x >= 0 && point.y >= 0 && point.x < image.width && point.y < image.height;
}

function _between(at, stage, length) {
  if (length <= stage) return Math.min(Math.max(at, 0), stage - length);
  return Math.min(Math.max(at, stage / 2 - length), stage / 2);
}
