/** The film strip: every image with its count and state; three hundred of them stay fluent. */

import { make } from "./dom.js";
import { exportedObjects } from "./objects.js";
import { isOnItsWay } from "./runner.js";
import { openImageByKey, openNeighbour, removeImage } from "./store.js";

const THUMB_PX = 160;

/** What the strip can show alone, and which images that is. */
export const FILTERS = [
  ["all", "All", () => true],
  ["empty", "Only the empty ones", (image, count) => isEnded(image) && count === 0],
  ["unseen", "Not looked at", (image) => !image.seen],
  ["accepted", "Accepted", (image) => image.review === "accepted"],
  ["rejected", "Rejected", (image) => image.review === "rejected"],
  ["failed", "Failed", (image) => image.state === "failed"],
];

/** Say whether an image has a result. */
export function isEnded(image) {
  return image.state === "done" || image.state === "empty";
}

/** Return the sign on a thumbnail and what it means, for the eye and for screen readers. */
export function badgeOf(image, count) {
  if (image.state === "failed") return ["!", "failed"];
  if (isOnItsWay(image)) return ["…", "on its way"];
  if (!isEnded(image)) return ["", "not searched yet"];
  return [String(count), count === 1 ? "1 object" : `${count} objects`];
}

/**
 * @param {import("./main.js").Stage} stage
 * @param {{choose: () => void}} drop
 */
export function createStrip({ store, slots }, drop) {
  /** @type {Map<string, {item: HTMLElement, image: object, count: number}>} */
  const shown = new Map();
  const list = make("ul", { className: "film", "aria-label": "Images", keydown: (event) => keydown(event) });
  const more = make("button", { type: "button", className: "more", title: "Add images (or paste them)", click: drop.choose }, "+");
  const filter = make("select", { "aria-label": "Which images are shown", change: () => update(store.state) });
  const summary = make("span", { className: "quiet" });
  const side = make("div", { className: "film-side" }, filter, summary);
  slots.strip.append(list, more, side);
  const thumbnails = watchThumbnails(list);

  function keydown(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Delete") removeImage(store, store.state.openKey);
    else if (step) openNeighbour(store, step);
    else return;
    event.preventDefault();
    event.stopPropagation();
    shown.get(store.state.openKey)?.item.querySelector("button").focus();
  }

  function update(state, before = {}) {
    slots.strip.hidden = state.images.length === 0;
    const touches = ["images", "openKey", "confidence"].some((name) => state[name] !== before[name]);
    if (!touches) return;
    const counts = new Map(state.images.map((image) => [image.key, exportedObjects(image, state).length]));
    const fits = FILTERS.find(([name]) => name === filter.value)?.[2] ?? FILTERS[0][2];
    drawFilters(filter, state.images, counts);
    for (const [key, { item }] of shown) {
      if (counts.has(key)) continue;
      item.remove();
      shown.delete(key);
    }
    for (const image of state.images) {
      const count = counts.get(image.key);
      let row = shown.get(image.key);
      if (!row) {
        row = { item: newItem(store, image), image: null, count: -1 };
        shown.set(image.key, row);
        list.append(row.item);
        thumbnails.watch(row.item, image);
      }
      const isOpen = image.key === state.openKey;
      row.item.hidden = !fits(image, count) && !isOpen;
      if (row.image !== image || row.count !== count || isOpen !== row.isOpen) draw(row.item, image, count, isOpen);
      Object.assign(row, { image, count, isOpen });
    }
    const seen = state.images.filter((image) => image.seen).length;
    summary.textContent = state.images.length > 1 ? `← → next · ${seen} of ${state.images.length} looked at` : "";
    side.hidden = state.images.length < 2;
    if (state.openKey !== before.openKey) {
      shown.get(state.openKey)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
  update(store.state);
  const end = store.subscribe(update);
  return () => {
    end();
    thumbnails.stop();
  };
}

function drawFilters(select, images, counts) {
  const names = FILTERS.map(([name, words, fits]) => {
    const count = images.filter((image) => fits(image, counts.get(image.key))).length;
    return [name, `${words} (${count})`, count];
  });
  if (!select.options.length) select.append(...names.map(([name]) => make("option", { value: name })));
  names.forEach(([name, words, count], index) => {
    const option = select.options[index];
    if (option.textContent !== words) option.textContent = words;
    option.hidden = count === 0 && name !== "all" && name !== select.value;
  });
}

function newItem(store, image) {
  const canvas = make("canvas", { width: 1, height: 1 });
  const button = make(
    "button",
    { type: "button", className: "thumb", click: () => openImageByKey(store, image.key) },
    canvas,
    make("span", { className: "badge", "aria-hidden": "true" }),
    make("span", { className: "mark", "aria-hidden": "true" }),
  );
  const out = make("button", {
    type: "button", className: "thumb-x", tabIndex: -1, "aria-label": `Take ${image.name} out`,
    click: () => removeImage(store, image.key),
  }, "×");
  return make("li", {}, button, out);
}

function draw(item, image, count, isOpen) {
  const [sign, meaning] = badgeOf(image, count);
  const button = item.firstElementChild;
  const review = image.review === "none" ? "" : `, ${image.review}`;
  button.setAttribute("aria-label", `${image.name}: ${meaning}${review}${image.seen ? "" : ", not looked at"}`);
  button.title = image.error ? `${image.name}: ${image.error}` : image.name;
  button.setAttribute("aria-current", String(isOpen));
  const kind = image.state === "failed" ? "failed" : isOnItsWay(image) ? "busy" : count === 0 && isEnded(image) ? "empty" : "";
  button.className = `thumb ${kind} ${image.review} ${image.seen ? "seen" : ""}`;
  button.querySelector(".badge").textContent = sign;
  button.querySelector(".mark").textContent = { accepted: "✓", rejected: "✕" }[image.review] ?? "";
}

/** Draw thumbnails when they come in sight, once each, and never from the photo's own pixels again. */
function watchThumbnails(list) {
  const images = new WeakMap();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      drawThumbnail(target.querySelector("canvas"), images.get(target)).catch(() => {});
    }
  }, { root: list, rootMargin: "300px" });
  return {
    watch(item, image) {
      images.set(item, image);
      observer.observe(item);
    },
    stop: () => observer.disconnect(),
  };
}

async function drawThumbnail(canvas, image) {
  const blob = await (await fetch(image.url)).blob();
  const bitmap = await createImageBitmap(blob, { resizeWidth: THUMB_PX, resizeQuality: "medium" });
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
