/**
 * Clicks and boxes that the API turns into masks, one after the other for each image.
 *
 * The dot is drawn at once; the mask comes when the API answers. Before any prompt the image is sent
 * as a task without words first (POST /masks with no points), whose embedding the clicks share.
 */

import * as objects from "./objects.js";
import { bounds } from "./rle.js";
import { fromApi, openImage, patchImage, say } from "./store.js";

/**
 * @typedef {{imageKey: string, points: import("./store.js").Point[], box: import("./store.js").Box | null}} Pending
 */

/**
 * Make the queue of clicks.
 *
 * @param {import("./store.js").Store} store
 * @param {object} api submit, follow and refine of api.js
 * @param {(object: object) => import("./masks.js").Mask} maskOf
 * @param {() => void} onPending called when `pending` changes
 */
export function createClicks(store, api, maskOf, onPending) {
  /** @type {Pending[]} */
  let pending = [];
  /** @type {Map<string, Promise<unknown>>} */
  const lines = new Map();
  /** Masks that the API holds, by task and object: it starts from them, and not from ours. */
  const held = new Map();
  /** The API's ids of objects that were made here, for clicks that were on their way meanwhile. */
  const renamed = new Map();
  const setPending = (next) => {
    pending = next;
    onPending();
  };

  /** Tasks on their way, by image: hovering and clicking wait for the same one. */
  const preparing = new Map();

  /** Return the task of an image, made without words where it has none. */
  function prepare(key) {
    const image = imageOf(store, key);
    if (image.taskId) return Promise.resolve(image.taskId);
    if (!preparing.has(key)) {
      preparing.set(key, submitAlone(image).finally(() => preparing.delete(key)));
    }
    return preparing.get(key);
  }

  async function submitAlone(image) {
    const fields = { points_per_side: 0, engines: enginesOf(store) };
    const taskId = await api.submit("/masks", image.file, image.name, fields);
    const task = await api.follow(taskId, () => {});
    if (task.status !== "done") throw new Error(task.error?.detail ?? "The image could not be prepared.");
    patchImage(store, image.key, { taskId, result: task.result });
    return taskId;
  }

  /** Ask, and once more on a task of its own where the API no longer has the image's. */
  async function askAgain(...click) {
    try {
      return await ask(...click);
    } catch (error) {
      const [key] = click;
      if (error.code !== "unknown_task" || !imageOf(store, key).file) throw error;
      forget(key);
      return ask(...click);
    }
  }

  /** Forget an image's task: its objects exist only here from now on. */
  function forget(key) {
    const { objects: list } = imageOf(store, key);
    let next = Math.min(0, ...list.map((object) => object.id));
    const mine = list.map((object) => {
      if (object.id < 0) return object;
      renamed.set(`${key} ${object.id}`, (next -= 1));
      return { ...object, id: next };
    });
    const { selectedId } = store.state;
    patchImage(store, key, { taskId: null, objects: mine, undo: [], redo: [] });
    if (store.state.openKey === key) store.set({ selectedId: renamed.get(`${key} ${selectedId}`) ?? selectedId });
  }

  async function ask(key, id, points, box) {
    const taskId = await prepare(key);
    const image = imageOf(store, key);
    const known = renamed.get(`${key} ${id}`) ?? id;
    const target = image.objects.find((object) => object.id === known && !object.deleted) ?? null;
    const all = [...(box ? [] : (target?.points ?? [])), ...points];
    const answer = await api.refine(taskId, {
      object_id: target && target.id >= 0 ? target.id : null,
      points: all,
      box: box ?? boxToSend(target, held.get(`${taskId} ${target?.id}`), maskOf),
      label: target && target.id >= 0 ? null : (target?.label ?? store.state.newLabel),
      engines: enginesOf(store),
    });
    held.set(`${taskId} ${answer.id}`, answer.mask.counts);
    const made = { ...fromApi(answer), points: all, corrected: true };
    // A name that was given here stays, and so does a score that a detector gave.
    if (target) Object.assign(made, { label: target.label, score: target.score, made: target.made });
    else made.made = true;
    if (target && target.id !== made.id) renamed.set(`${key} ${target.id}`, made.id);
    objects.putObject(store, key, made, target?.id ?? made.id);
    if (store.state.openKey === key) objects.selectObject(store, made.id);
    say(store, `${objects.nameOf(store.state, made)} ${target ? "corrected" : "added"}`);
    return made;
  }

  /** The point under the pointer, and the mask that a click there would make. */
  let preview = null;
  let asking = null;
  const endPreview = () => {
    asking?.abort();
    asking = null;
    if (!preview) return;
    preview = null;
    onPending();
  };

  return {
    /** @returns {import("./store.js").StageObject | null} what a click would make */
    get preview() {
      return preview;
    },
    endPreview,
    /** Ask what a click at a point would make; only the last question is answered. */
    async ask(point) {
      const image = openImage(store.state);
      if (!image || pending.length) return;
      asking?.abort();
      const mine = (asking = new AbortController());
      try {
        const taskId = await prepare(image.key);
        mine.signal.throwIfAborted();
        const fields = { object_id: null, points: [point], preview: true, engines: enginesOf(store) };
        const answer = await api.refine(taskId, fields, mine.signal);
        if (asking !== mine || store.state.openKey !== image.key) return;
        preview = fromApi(answer);
        onPending();
      } catch {
        // A preview that fails says nothing: the click will.
      }
    },
    /** @returns {Pending[]} what was clicked and is not answered yet */
    get pending() {
      return pending;
    },
    /**
     * Correct an object of the open image, or make a new one with id null.
     *
     * @param {number | null} id
     * @param {import("./store.js").Point[]} points
     * @param {import("./store.js").Box | null} box
     * @returns {Promise<import("./store.js").StageObject | null>} null where it failed, which is said
     */
    send(id, points, box = null) {
      const image = openImage(store.state);
      if (!image) return Promise.resolve(null);
      const { key } = image;
      endPreview();
      const entry = { imageKey: key, points, box };
      setPending([...pending, entry]);
      const turn = (lines.get(key) ?? Promise.resolve()).then(async () => {
        try {
          return await askAgain(key, id, points, box);
        } catch (error) {
          say(store, error.message);
          return null;
        } finally {
          setPending(pending.filter((each) => each !== entry));
        }
      });
      lines.set(key, turn);
      return turn;
    },
  };
}

/**
 * Return the box that tells the API where an object is that it holds otherwise, or not at all: after
 * Undo, a brush or a polygon.
 */
export function boxToSend(target, heldCounts, maskOf) {
  if (!target) return null;
  const isHeld = target.id >= 0 && (heldCounts === undefined ? !target.corrected : heldCounts === target.counts);
  return isHeld ? null : bounds(maskOf(target).runs);
}

function imageOf(store, key) {
  const image = store.state.images.find((each) => each.key === key);
  if (!image) throw new Error("The image was taken out.");
  return image;
}

function enginesOf(store) {
  const { segment } = store.state.settings.engines ?? {};
  return segment ? { segment } : {};
}
