/** Images come in: dropped anywhere, pasted, chosen in a dialog, a folder, or taken with a camera. */

import { make } from "./dom.js";
import { addImages, openImageByKey, say } from "./store.js";
import { counted } from "./words.js";

let numbers = 0;

/**
 * Add files to the workspace; what is no image that this browser shows goes through `preview`.
 *
 * @param {import("./store.js").Store} store
 * @param {Iterable<File>} files
 * @param {(file: File) => Promise<Blob>} preview makes a file that a browser shows; throws why not
 * @param {{isQuiet?: boolean}} [options] quiet: nothing is opened or said, but the first image
 * @returns {Promise<string[]>} keys of the images that were added
 */
export async function addFiles(store, files, preview, { isQuiet = false } = {}) {
  const added = [];
  const refused = [];
  const known = new Set(store.state.images.map((image) => fingerprint(image.name, image.file)));
  for (const file of files) {
    if (known.has(fingerprint(file.name, file))) continue;
    try {
      added.push(await imageOf(file, preview));
    } catch (error) {
      refused.push(`${file.name}: ${error.message}`);
    }
  }
  addImages(store, added);
  if (isQuiet) return added.map((image) => image.key);
  if (added.length) openImageByKey(store, added[0].key);
  store.set({ refused });
  say(store, refused[0] ?? `${counted(added.length, "image")} added`);
  return added.map((image) => image.key);
}

function fingerprint(name, file) {
  return `${name} ${file?.size} ${file?.lastModified}`;
}

/** Return an image of the store for a file, with its size. */
async function imageOf(file, preview) {
  let shown = file;
  let url = URL.createObjectURL(file);
  let size = await sizeOf(url);
  if (!size) {
    URL.revokeObjectURL(url);
    shown = await preview(file);
    url = URL.createObjectURL(shown);
    size = await sizeOf(url);
    if (!size) throw new Error("This is not an image that can be read.");
  }
  return { key: `file-${(numbers += 1)}`, name: nameOf(file), url, file, ...size };
}

/** Return a file's name, with its folders where a folder was chosen. */
export function nameOf(file) {
  return (file.webkitRelativePath || file.name || "image.png").replace(/^\/+/, "");
}

/** Return the size of an image as it is shown, null where the browser cannot show it. */
function sizeOf(url) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => resolve(null);
    image.src = url;
  });
}

/** Return the files that are dropped, those in folders too. @param {DataTransfer} data */
export async function filesOf(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  const files = await Promise.all(entries.map(filesIn));
  return files.flat().filter((file) => !file.type || file.type.startsWith("image/"));
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    // A folder is read a hundred entries at a time.
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return files;
    files.push(...(await Promise.all(part.map(filesIn))).flat());
  }
}

/** Ask the UI's server for an image that every browser shows. @param {File} file */
export async function previewed(file) {
  const answer = await fetch("/preview", { method: "POST", body: file });
  if (answer.ok) return answer.blob();
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.detail ?? "This is not an image that can be read.");
}

/**
 * Make the whole page a place to drop and paste images, and the dialogs that choose some.
 *
 * @param {import("./main.js").Stage} stage
 */
export function createDrop({ store, root }) {
  const add = (files) => addFiles(store, files, previewed);
  const input = (more) =>
    make("input", {
      type: "file", accept: "image/*,.tif,.tiff,.heic,.avif", multiple: true, hidden: true,
      tabIndex: -1, change: ({ target }) => add([...target.files]).then(() => (target.value = "")),
      ...more,
    });
  const dialog = input({ "aria-label": "Choose images" });
  const folder = input({ webkitdirectory: true, "aria-label": "Choose a folder" });
  const camera = input({ multiple: false, capture: "environment", "aria-label": "Take a photo" });
  const veil = make("div", { className: "veil", hidden: true }, make("p", {}, "Drop images anywhere"));
  root.append(dialog, folder, camera, veil);

  // While another page is open, what is dropped is for that one.
  const hasFiles = (event) => root.isConnected && [...(event.dataTransfer?.types ?? [])].includes("Files");
  const listeners = {
    dragover(event) {
      if (!hasFiles(event)) return;
      event.preventDefault();
      veil.hidden = false;
    },
    dragleave(event) {
      if (!event.relatedTarget) veil.hidden = true;
    },
    drop(event) {
      veil.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      filesOf(event.dataTransfer).then(add);
    },
    paste(event) {
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (!files.length || !root.isConnected) return;
      event.preventDefault();
      // Every pasted image is called the same.
      add(files.map((file) => new File([file], `pasted-${Date.now()}.png`, { type: file.type })));
    },
  };
  // While another page is open, the stage is not in the document, and its files are not ours.
  const hear = (event) => root.isConnected && listeners[event.type](event);
  for (const name of Object.keys(listeners)) window.addEventListener(name, hear);
  return {
    choose: () => dialog.click(),
    chooseFolder: () => folder.click(),
    photograph: () => camera.click(),
    add,
    stop() {
      for (const name of Object.keys(listeners)) window.removeEventListener(name, hear);
    },
  };
}
