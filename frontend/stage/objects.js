/** What is shown of an image's objects, and the actions on them, each of which can be undone. */

import { openImage, patchImage } from "./store.js";

/** Say whether an object counts as a weaker find at this confidence. */
export function isWeaker(object, state) {
  return !object.kept && !object.corrected && object.score < state.confidence;
}

/** Say whether an object is drawn with its fill. */
export function isShown(object, state) {
  if (object.deleted || object.hidden || isWeaker(object, state)) return false;
  const { solo } = state;
  if (solo === null) return true;
  return "id" in solo ? solo.id === object.id : solo.label === object.label;
}

/** Return the objects that are drawn. */
export function shownObjects(state) {
  return (openImage(state)?.objects ?? []).filter((object) => isShown(object, state));
}

/** Return the objects of an image that an export holds: whatever solo leaves aside for a moment. */
export function exportedObjects(image, state) {
  return image.objects.filter((object) => isShown(object, { ...state, solo: null }));
}

/** Return the objects that the confidence leaves out. */
export function weakerObjects(state) {
  const objects = openImage(state)?.objects ?? [];
  return objects.filter((object) => !object.deleted && isWeaker(object, state));
}

/**
 * Group what is not deleted and not weaker by label, in the order of each label's first object.
 *
 * @returns {{label: string, objects: import("./store.js").StageObject[]}[]} by score, highest first
 */
export function groupsByLabel(state) {
  const groups = new Map();
  for (const object of openImage(state)?.objects ?? []) {
    if (object.deleted || isWeaker(object, state)) continue;
    if (!groups.has(object.label)) groups.set(object.label, []);
    groups.get(object.label).push(object);
  }
  return [...groups].map(([label, objects]) => ({
    label,
    objects: objects.toSorted((a, b) => b.score - a.score),
  }));
}

/** Return an object of the open image, or null. */
export function objectById(state, id) {
  return openImage(state)?.objects.find((object) => object.id === id) ?? null;
}

/** Return the name of an object in lists: its label, and its number where there are several. */
export function nameOf(state, object) {
  const group = groupsByLabel(state).find((each) => each.label === object.label);
  const index = group?.objects.findIndex((each) => each.id === object.id) ?? -1;
  return index < 0 || group.objects.length === 1 ? object.label : `${object.label} ${index + 1}`;
}

/** Return an id for an object that only exists here. */
export function localId(image) {
  return Math.min(0, ...image.objects.map((object) => object.id)) - 1;
}

/** Replace the objects of an image; the list before can be brought back. */
export function changeObjects(store, key, objects) {
  const image = store.state.images.find((each) => each.key === key);
  if (!image) return;
  const state = image.state === "empty" && objects.length ? "done" : image.state;
  patchImage(store, key, { objects, state, undo: [...image.undo, image.objects], redo: [] });
}

/** Select an object, or nothing with null. */
export function selectObject(store, id) {
  store.set({ selectedId: id });
}

/** Light an object up, or none with null. */
export function hoverObject(store, id) {
  store.set({ hoveredId: id });
}

/** Select the next or an earlier shown object, going round. */
export function selectNeighbour(store, step) {
  const shown = groupsByLabel(store.state)
    .flatMap((group) => group.objects)
    .filter((object) => isShown(object, store.state));
  if (!shown.length) return;
  const at = shown.findIndex((object) => object.id === store.state.selectedId);
  const next = at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length;
  selectObject(store, shown[next].id);
}

/** Show or hide an object. */
export function toggleHidden(store, id) {
  _patchObjects(store, (object) =>
    object.id === id ? { ...object, hidden: !object.hidden } : object,
  );
}

/** Show all objects of a label where one is hidden, else hide them all. */
export function toggleLabelHidden(store, label) {
  const objects = openImage(store.state)?.objects ?? [];
  const hidden = !objects.some((object) => object.label === label && object.hidden);
  _patchObjects(store, (object) => (object.label === label ? { ...object, hidden } : object));
}

/** Show one object or one label alone, or everything again. */
export function toggleSolo(store, solo) {
  const same = JSON.stringify(store.state.solo) === JSON.stringify(solo);
  store.set({ solo: same ? null : solo });
}

/**
 * Give an object another label; an empty one changes nothing. The next object made by hand is called
 * as the last one that was renamed.
 */
export function renameObject(store, id, label) {
  const name = label.trim();
  if (!name) return;
  if (objectById(store.state, id)?.made) store.set({ newLabel: name });
  _patchObjects(store, (object) =>
    object.id === id && object.label !== name ? { ...object, label: name } : object,
  );
}

/** Give all objects of a label another one. */
export function renameLabel(store, label, renamed) {
  const name = renamed.trim();
  if (!name || name === label) return;
  _patchObjects(store, (object) => (object.label === label ? { ...object, label: name } : object));
}

/** Delete an object. */
export function deleteObject(store, id) {
  _patchObjects(store, (object) => (object.id === id ? { ...object, deleted: true } : object));
  const { selectedId, hoveredId } = store.state;
  store.set({
    selectedId: selectedId === id ? null : selectedId,
    hoveredId: hoveredId === id ? null : hoveredId,
  });
}

/** Keep weaker finds whatever the confidence. */
export function keepObjects(store, ids) {
  const kept = new Set(ids);
  _patchObjects(store, (object) => (kept.has(object.id) ? { ...object, kept: true } : object));
}

/** Put an object into an image, in place of the one with this id where there is one. */
export function putObject(store, key, object, replacedId = object.id) {
  const image = store.state.images.find((each) => each.key === key);
  if (!image) return;
  const at = image.objects.findIndex((each) => each.id === replacedId);
  changeObjects(store, key, at < 0 ? [...image.objects, object] : image.objects.with(at, object));
}

/** Take back the last change to the open image's objects; false where there is none. */
export function undo(store) {
  return _travel(store, "undo", "redo");
}

/** Make again what was taken back; false where there is nothing. */
export function redo(store) {
  return _travel(store, "redo", "undo");
}

function _travel(store, from, to) {
  const image = openImage(store.state);
  if (!image || !image[from].length) return false;
  const objects = image[from].at(-1);
  patchImage(store, image.key, {
    objects,
    [from]: image[from].slice(0, -1),
    [to]: [...image[to], image.objects],
  });
  const { selectedId } = store.state;
  const remains = objects.some((object) => object.id === selectedId && !object.deleted);
  store.set({ selectedId: remains ? selectedId : null, hoveredId: null });
  return true;
}

function _patchObjects(store, patch) {
  const image = openImage(store.state);
  if (!image) return;
  const objects = image.objects.map(patch);
  if (objects.every((object, index) => object === image.objects[index])) return;
  changeObjects(store, image.key, objects);
}
