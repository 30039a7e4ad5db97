/** Pictures to take away, drawn in the browser in the full size of the image. */

import { cutout } from "./cutout.js";
import { exportedObjects } from "./objects.js";
import { coloursOf } from "./palette.js";
import { stemOf } from "./results.js";

/** Return the image with its masks and outlines. @returns {Promise<Blob>} */
export async function overlay(image, state, maskOf, pathOf) {
  const [canvas, context] = await photo(image);
  const colours = coloursOf(image.objects);
  const line = Math.max(2, Math.max(image.width, image.height) / 500);
  for (const object of exportedObjects(image, state).toSorted((a, b) => maskOf(b).area - maskOf(a).area)) {
    const path = pathOf(object, 1);
    context.globalAlpha = state.opacity;
    context.fillStyle = colours.get(object.id);
    context.fill(path);
    context.globalAlpha = 1;
    context.lineWidth = line;
    context.strokeStyle = colours.get(object.id);
    context.stroke(path);
  }
  return png(canvas);
}

/** Return a black-and-white picture: white is inside any shown object. @returns {Promise<Blob>} */
export function blackAndWhite(image, state, maskOf) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, image.width, image.height);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  const words = new Uint32Array(pixels.data.buffer);
  for (const object of exportedObjects(image, state)) {
    const { starts, ends } = maskOf(object).runs;
    starts.forEach((start, run) => {
      // Runs go down the columns.
      for (let at = start; at < ends[run]; at += 1) {
        words[(at % image.height) * image.width + Math.floor(at / image.height)] = 0xffffffff;
      }
    });
  }
  context.putImageData(pixels, 0, 0);
  return png(canvas);
}

/** Return each shown object on transparency, by file name. @returns {Promise<{name: string, blob: Blob}[]>} */
export async function cutouts(image, state, maskOf) {
  const [source] = await photo(image);
  const files = [];
  for (const [index, object] of exportedObjects(image, state).entries()) {
    const mask = maskOf(object);
    if (!mask.box) continue;
    const name = `${String(index + 1).padStart(2, "0")}_${stemOf(object.label)}.png`;
    files.push({ name, blob: await cutout(source, mask) });
  }
  return files;
}

async function photo(image) {
  const blob = await (await fetch(image.url)).blob();
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, image.width, image.height);
  context.drawImage(bitmap, 0, 0, image.width, image.height);
  bitmap.close();
  return [canvas, context];
}

function png(canvas) {
  return canvas.convertToBlob({ type: "image/png" });
}
