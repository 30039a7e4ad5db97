/**
 * The state of the workspace, in one observable store, and the actions on images and settings.
 *
 * State is replaced, never changed in place: whoever kept an earlier value can compare by `===`.
 * Objects of an image have their own actions in objects.js.
 *
 * @typedef {{x: number, y: number, label: 0 | 1}} Point in pixels of the image
 * @typedef {[number, number, number, number]} Box x0, y0, x1, y1 in pixels of the image
 *
 * @typedef {object} StageObject
 * @property {number} id the API's id; negative for one that only exists here
 * @property {string} label
 * @property {number} score 0 to 1
 * @property {Box} box_xyxy
 * @property {string} counts COCO's compressed run lengths
 * @property {[number, number]} size_hw
 * @property {boolean} hidden
 * @property {boolean} deleted
 * @property {boolean} kept shown whatever the confidence: a person asked for it
 * @property {boolean} corrected its mask was changed by hand
 * @property {boolean} made a person made it: a new result leaves it where it is
 * @property {Point[]} points clicks that made its mask
 *
 * @typedef {object} StageImage
 * @property {string} key unique in this session
 * @property {string} name file name
 * @property {string} url an address that <img> loads: an object URL or one of the API
 * @property {number} width in pixels, after EXIF orientation; 0 until known
 * @property {number} height
 * @property {Blob | null} file what is sent to the API
 * @property {"new"|"queued"|"running"|"done"|"failed"|"empty"} state
 * @property {string | null} taskId
 * @property {string | null} error
 * @property {"none"|"accepted"|"rejected"} review
 * @property {boolean} seen
 * @property {object | null} result the API's answer, as it came
 * @property {StageObject[]} objects
 * @property {StageObject[][]} undo earlier lists of objects, the last one last
 * @property {StageObject[][]} redo
 *
 * @typedef {"select"|"new"|"add"|"remove"|"box"|"brush"|"eraser"|"polygon"} Tool
 *
 * @typedef {object} StageState
 * @property {StageImage[]} images
 * @property {string | null} openKey
 * @property {string} prompt
 * @property {Record<string, unknown>} settings
 * @property {number | null} selectedId
 * @property {number | null} hoveredId
 * @property {Tool} tool
 * @property {number} confidence objects below it are weaker finds
 * @property {number} opacity of the fill, 0 to 1
 * @property {number} brushPx radius of brush and eraser, in pixels of the image
 * @property {boolean} showBoxes
 * @property {boolean} showWeaker
 * @property {boolean} compare before and after, with a handle
 * @property {number} compareAt where the handle is, 0 to 1
 * @property {{id: number} | {label: string} | null} solo what alone is shown
 * @property {string} newLabel what the next object made by hand is called
 * @property {string} announced the last sentence for the live region
 */

/** @type {StageState} */
export const EMPTY = Object.freeze({
  images: [],
  openKey: null,
  prompt: "",
  settings: {},
  selectedId: null,
  hoveredId: null,
  tool: "select",
  confidence: 0.35,
  opacity: 0.45,
  brushPx: 12,
  showBoxes: false,
  showWeaker: false,
  compare: false,
  compareAt: 0.5,
  solo: null,
  newLabel: "object",
  announced: "",
});

/**
 * Make a store. Subscribers hear of each change once, with the state before it.
 *
 * @param {Partial<StageState>} initial
 */
export function createStore(initial = {}) {
  let state = { ...EMPTY, ...initial };
  const subscribers = new Set();
  return {
    /** @returns {StageState} */
    get state() {
      return state;
    },
    /** Replace fields of the state; nothing happens where all stay as they are. */
    set(patch) {
      const before = state;
      if (Object.keys(patch).every((name) => Object.is(before[name], patch[name]))) return;
      state = { ...before, ...patch };
      for (const hear of [...subscribers]) hear(state, before);
    },
    /** Call back after each change; returns the function that ends it. */
    subscribe(hear) {
      subscribers.add(hear);
      return () => subscribers.delete(hear);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */

/** Return the image that is open, or null. @returns {StageImage | null} */
export function openImage(state) {
  return state.images.find((image) => image.key === state.openKey) ?? null;
}

/** Make an image of the state out of what is known of it. @returns {StageImage} */
export function newImage(fields) {
  return {
    width: 0,
    height: 0,
    file: null,
    state: "new",
    taskId: null,
    error: null,
    review: "none",
    seen: false,
    result: null,
    objects: [],
    undo: [],
    redo: [],
    ...fields,
  };
}

/** Add images; the first of them opens where none is open. */
export function addImages(store, images) {
  const { openKey } = store.state;
  store.set({ images: [...store.state.images, ...images.map(newImage)] });
  if (openKey === null && images.length) openImageByKey(store, images[0].key);
}

/** Take an image out; its neighbour opens where it was open. */
export function removeImage(store, key) {
  const { images, openKey } = store.state;
  const index = images.findIndex((image) => image.key === key);
  if (index < 0) return;
  const left = images.filter((image) => image.key !== key);
  store.set({ images: left });
  if (openKey === key) openImageByKey(store, left[Math.min(index, left.length - 1)]?.key ?? null);
}

/** Replace fields of one image. */
export function patchImage(store, key, patch) {
  const images = store.state.images.map((image) =>
    image.key === key ? { ...image, ...patch } : image,
  );
  store.set({ images });
}

/** Open an image: selection, hover and solo belong to the one before. */
export function openImageByKey(store, key) {
  if (key === store.state.openKey) return;
  const images = store.state.images.map((image) =>
    image.key === key ? { ...image, seen: true } : image,
  );
  store.set({ images, openKey: key, selectedId: null, hoveredId: null, solo: null });
}

/** Open the next or an earlier image; at the ends it stays. */
export function openNeighbour(store, step) {
  const { images, openKey } = store.state;
  const index = images.findIndex((image) => image.key === openKey);
  const next = images[Math.min(Math.max(index + step, 0), images.length - 1)];
  if (next) openImageByKey(store, next.key);
}

/**
 * Take the API's result for an image: its objects replace those that were there, but for those that
 * a person made, which exist only here from then on.
 */
export function takeResult(store, key, result) {
  const made = store.state.images.find((image) => image.key === key)?.objects ?? [];
  const mine = made.filter((object) => object.made && !object.deleted);
  const objects = [...objectsOf(result), ...mine.map((object, index) => ({ ...object, id: -1 - index }))];
  patchImage(store, key, {
    state: objects.length ? "done" : "empty",
    taskId: result.task_id,
    width: result.image.width,
    height: result.image.height,
    error: null,
    result,
    objects,
    undo: [],
    redo: [],
  });
  if (store.state.openKey === key) store.set({ selectedId: null, hoveredId: null, solo: null });
}

/** Return the objects of an API result as the stage keeps them. @returns {StageObject[]} */
export function objectsOf(result) {
  return result.objects.map(fromApi);
}

/** Return one object of the API as the stage keeps it. @returns {StageObject} */
export function fromApi(object) {
  return {
    id: object.id,
    label: object.label,
    score: object.score,
    box_xyxy: object.box,
    counts: object.mask.counts,
    size_hw: object.mask.size,
    hidden: false,
    deleted: false,
    kept: false,
    corrected: false,
    made: false,
    points: [],
  };
}

/** Choose a tool. */
export function setTool(store, tool) {
  store.set({ tool });
}

/** Set the confidence below which objects are weaker finds. */
export function setConfidence(store, confidence) {
  store.set({ confidence });
}

/** Set the opacity of the fill, 0 to 1. */
export function setOpacity(store, opacity) {
  store.set({ opacity });
}

/** Say a sentence in the live region; the same sentence twice is said twice. */
export function say(store, sentence) {
  const again = store.state.announced === sentence;
  store.set({ announced: again ? `${sentence}\u00a0` : sentence });
}
