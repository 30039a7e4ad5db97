/** Cut-outs: one object on transparency, with a soft edge, copied or saved. */

import { make } from "./dom.js";
import { rasterize } from "./rle.js";
import { say } from "./store.js";

/** How soft the edge is: the standard deviation of its blur, in pixels of the photo. */
const SOFT_PX = 0.8;

/**
 * Copy an object's cut-out to the clipboard, or save it where the browser gives no clipboard.
 *
 * @param {import("./main.js").Stage} stage
 * @param {import("./store.js").StageObject} object
 * @param {string} name
 */
export async function copyCutout({ store, renderer, maskOf }, object, name) {
  const blob = cutout(renderer.photo, maskOf(object));
  try {
    // The promise goes in unresolved: a browser asks for the clipboard within the click.
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    say(store, `${name} cut out and copied`);
  } catch {
    save(await blob, `${name}.png`);
    say(store, `${name} cut out and saved: this browser gave no clipboard`);
  }
}

/**
 * Return the part of a photo inside a mask as a PNG on transparency, as large as the mask's box.
 *
 * @param {HTMLImageElement} photo
 * @param {import("./masks.js").Mask} mask
 * @returns {Promise<Blob>}
 */
export async function cutout(photo, { runs, box }) {
  const [x0, y0, x1, y1] = box;
  const [width, height] = [x1 - x0, y1 - y0];
  const { data } = rasterize(runs, box, 1);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) pixels.data[4 * i + 3] = 255 * data[i];
  const shape = new OffscreenCanvas(width, height);
  shape.getContext("2d").putImageData(pixels, 0, 0);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.filter = `blur(${SOFT_PX}px)`;
  context.drawImage(shape, 0, 0);
  context.filter = "none";
  context.globalCompositeOperation = "source-in";
  context.drawImage(photo, x0, y0, width, height, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Save a blob under a name. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
