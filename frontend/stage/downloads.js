/** Files to take away, named for what they are; formats of other tools are written by the API. */

import { save } from "./cutout.js";
import { make } from "./dom.js";
import { createPaths } from "./paths.js";
import { createPopup, menuItem } from "./popup.js";
import { blackAndWhite, cutouts, overlay } from "./pictures.js";
import { apart, exportedImages, shownResult, stemOf } from "./results.js";
import { openImage, patchImage, say } from "./store.js";
import { zipped } from "./zip.js";

/** Formats of POST /export, with the names that people know them by. */
export const FORMATS = [
  ["coco", "COCO", ".json"],
  ["coco-rle", "COCO with run lengths", ".json"],
  ["yolo", "YOLO segmentation", ".zip"],
  ["labelme", "LabelMe", ".json"],
  ["cvat", "CVAT for images", ".xml"],
  ["label-studio", "Label Studio", ".json"],
  ["png", "Label map", ".zip"],
  ["geojson", "GeoJSON", ".geojson"],
];

/** @param {import("./main.js").Stage} stage */
export function createDownloads(stage) {
  const { store, slots, api, maskOf } = stage;
  const pathOf = createPaths(maskOf);

  /** Run what makes a file; say what goes wrong. */
  async function give(make, images) {
    say(store, "Writing the file …");
    try {
      const { name, blob } = await make();
      save(blob, name);
      // What is in a file now is not lost with the page.
      for (const { key } of images) {
        const image = store.state.images.find((each) => each.key === key);
        if (image) patchImage(store, key, { savedObjects: image.objects });
      }
      say(store, `${name} saved`);
    } catch (error) {
      say(store, error.message);
    }
  }

  const resultFile = (image) => new Blob([`${JSON.stringify(shownResult(image, store.state), null, 2)}\n`], { type: "application/json" });
  const exported = (format, images) => {
    const names = apart(images.map((image) => image.name));
    return api.exported(format, images.map((image) => shownResult(image, store.state)), names);
  };

  /** Return everything of several images: pictures, cut-outs, results, and each format once. */
  async function everything(images) {
    const stems = apart(images.map((image) => stemOf(image.name)));
    const files = [];
    for (const [index, image] of images.entries()) {
      files.push({ name: `${stems[index]}/overlay.png`, blob: await overlay(image, store.state, maskOf, pathOf) });
      files.push({ name: `${stems[index]}/mask.png`, blob: await blackAndWhite(image, store.state, maskOf) });
      files.push({ name: `${stems[index]}/result.json`, blob: resultFile(image) });
      for (const { name, blob } of await cutouts(image, store.state, maskOf)) {
        files.push({ name: `${stems[index]}/cutouts/${name}`, blob });
      }
    }
    for (const [format] of FORMATS) {
      const { name, blob } = await exported(format, images);
      files.push({ name: `exports/${format}/${name}`, blob });
    }
    return { name: "edgeseg.zip", blob: await zipped(files) };
  }

  function items() {
    const image = openImage(store.state);
    if (!image?.result && !image?.objects.length) return [make("p", { className: "quiet" }, "Nothing to export yet.")];
    const stem = stemOf(image.name);
    const item = (label, kind, make, images = [image]) =>
      menuItem(label, kind, () => {
        menu.close();
        give(make, images);
      });
    const picture = (label, kind, name, draw) => item(label, kind, async () => ({ name, blob: await draw() }));
    const all = exportedImages(store.state);
    return [
      make("p", { className: "caption" }, "This image"),
      picture("Overlay", ".png", `${stem}_overlay.png`, () => overlay(image, store.state, maskOf, pathOf)),
      picture("Black-and-white mask", ".png", `${stem}_mask.png`, () => blackAndWhite(image, store.state, maskOf)),
      picture("Cut-outs", ".zip", `${stem}_cutouts.zip`, async () => zipped(await cutouts(image, store.state, maskOf))),
      picture("Result", ".json", `${stem}.json`, async () => resultFile(image)),
      ...FORMATS.map(([format, label, kind]) => item(label, kind, () => exported(format, [image]))),
      ...(all.length < 2 ? [] : [
        make("p", { className: "caption" }, `All ${all.length} images as one`),
        ...FORMATS.map(([format, label, kind]) => item(label, ["labelme", "label-studio"].includes(format) ? ".zip" : kind, () => exported(format, all), all)),
        item(`Everything of all ${all.length} images`, ".zip", () => everything(all), all),
      ]),
    ];
  }
  const menu = createPopup("Export", "export", items);
  slots.actions.append(menu.box);
}
