/**
 * Images on their way through the API: a few at a time, each with its progress, retried where it fails.
 *
 * Images are sent ahead of those that are followed, so that the workers never wait for this page;
 * browsers keep six connections to a server, two of which read events.
 */

import { Problem } from "./api.js";
import { openImage, patchImage, say, takeResult } from "./store.js";
import { counted } from "./words.js";

const MAX_OUTSTANDING = 16;
const MAX_SUBMITS = 2;
const MAX_STREAMS = 2;

/** @typedef {{path: string, fields: Record<string, unknown>, query?: object}} Sent */

/**
 * Make the runner.
 *
 * @param {import("./store.js").Store} store
 * @param {typeof import("./api.js")} api
 */
export function createRunner(store, api) {
  /** @type {Map<string, AbortController>} */
  const running = new Map();
  const [places, submits, streams] = [MAX_OUTSTANDING, MAX_SUBMITS, MAX_STREAMS].map(limiter);
  const imageOf = (key) => store.state.images.find((image) => image.key === key);

  /** Follow one image from here to its result; throws what goes wrong. */
  async function pass(key, { path, fields }, signal, runId) {
    const waiting = { signal, onWait: (problem) => noteSilence(store, problem) };
    const image = imageOf(key);
    const taskId = runId ?? await submits(async () => {
      signal.throwIfAborted();
      const file = image.file ?? (await api.image(image.taskId));
      return api.submit(path, file, image.name, fields, waiting);
    });
    noteAnswer(store);
    patchImage(store, key, { runId: taskId });
    const onEvent = (event) => noteEvent(store, key, event);
    const status = await streams(() => api.follow(taskId, onEvent, waiting));
    if (status.error) throw new Problem(status.error);
    if (!status.result) throw new DOMException("It was cancelled.", "AbortError");
    return status.result;
  }

  async function runOne(key, sent, runId) {
    const stop = new AbortController();
    cancel(key);
    running.set(key, stop);
    const before = imageOf(key).state;
    patchImage(store, key, { state: "queued", error: null, code: null, stage: null, share: null, runId: runId ?? null, sentNow: sent });
    try {
      const result = await places(() => pass(key, sent, stop.signal, runId));
      if (imageOf(key)) take(store, key, sent, result);
    } catch (error) {
      if (!imageOf(key) || running.get(key) !== stop) return;
      if (error.name === "AbortError") patchImage(store, key, { state: before === "failed" ? "new" : before });
      else patchImage(store, key, { state: "failed", error: error.message, code: error.code ?? null });
    } finally {
      if (running.get(key) === stop) running.delete(key);
    }
  }

  function cancel(key) {
    const stop = running.get(key);
    if (!stop) return;
    stop.abort();
    const { runId } = imageOf(key) ?? {};
    if (runId) api.cancel(runId).catch(() => {});
  }

  async function run(keys, sentOf) {
    await Promise.all(keys.map((key) => runOne(key, sentOf(imageOf(key)))));
    say(store, summary(store.state, keys));
  }

  return {
    /**
     * Send images; returns when all have ended.
     *
     * @param {string[]} keys
     * @param {(image: object) => Sent} sentOf
     */
    run,
    /** Follow an image that is on its way already. */
    resume: (key, runId, sent) => runOne(key, sent, runId),
    /** Send the images again that failed. */
    retry() {
      const failed = store.state.images.filter((image) => image.state === "failed" && image.sentNow);
      return run(failed.map((image) => image.key), (image) => image.sentNow);
    },
    /** Stop an image that is on its way. @param {string} key */
    cancel,
    cancelAll() {
      for (const key of [...running.keys()]) cancel(key);
    },
  };
}

/** Say whether an image is on its way. */
export function isOnItsWay(image) {
  return image.state === "queued" || image.state === "running";
}

/** Take a result; what was there before can be brought back. */
function take(store, key, sent, result) {
  const image = store.state.images.find((each) => each.key === key);
  const past = image.sent ? [...(image.past ?? []), pastOf(image)] : (image.past ?? []);
  takeResult(store, key, result);
  patchImage(store, key, { sent, past, stage: null, runId: null, leftOut: null });
}

/** Return what brings a result back: its task, its prompt, and its objects as they were left. */
export function pastOf({ taskId, sent, result, objects, state }) {
  return { taskId, sent, result, objects, state };
}

/** Bring an earlier result back; the one that is open takes its place. */
export function bringBack(store, key, index) {
  const image = store.state.images.find((each) => each.key === key);
  const earlier = image.past[index];
  patchImage(store, key, {
    ...earlier, past: image.past.with(index, pastOf(image)), undo: [], redo: [], error: null,
  });
  store.set({ selectedId: null, hoveredId: null, solo: null });
  if (earlier.sent.query) store.set({ query: earlier.sent.query, prompt: earlier.sent.query.asked });
}

function noteEvent(store, key, event) {
  const { done, total } = event.data ?? {};
  if (event.type === "queued") patchImage(store, key, { state: "queued", stage: event.stage });
  if (event.type === "started") patchImage(store, key, { state: "running", stage: event.stage, share: null });
  if (event.type === "progress" && total) patchImage(store, key, { share: done / total });
}

/** Note that the API did not answer, since when it does not. */
export function noteSilence(store, problem, sinceMs = Date.now()) {
  if (problem.code !== "unavailable" && problem.code !== "timeout") return;
  store.set({ silentSince: store.state.silentSince ?? sinceMs });
}

/** Note that the API answers. */
export function noteAnswer(store) {
  store.set({ silentSince: null });
}

function summary(state, keys) {
  const images = state.images.filter((image) => keys.includes(image.key));
  const failed = images.filter((image) => image.state === "failed").length;
  if (images.length > 1) {
    const done = counted(images.length - failed, "image");
    return failed ? `${done} done, ${failed} failed` : `${done} done`;
  }
  const image = openImage(state);
  if (!images.length || images[0].state === "failed") return images[0]?.error ?? "";
  return image ? `${counted(images[0].objects.filter((each) => each.score >= state.confidence).length, "object")} found` : "";
}

/** Return a function that runs tasks in their order, so many at a time. */
export function limiter(count) {
  let free = count;
  const waiting = [];
  return async function limited(task) {
    if (free > 0) free -= 1;
    else await new Promise((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
