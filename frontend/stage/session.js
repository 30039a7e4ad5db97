/**
 * Nothing is lost: the address names the tasks, the server has their images and results, and this
 * browser has what was changed on the page.
 */

import { addFiles, previewed } from "./drop.js";
import { NO_QUERY, fieldsOf, queryOf } from "./query.js";
import { limiter } from "./runner.js";
import { patchImage, takeResult } from "./store.js";
import { counted } from "./words.js";

const PREFIX = "edgeseg:";
const KEPT_MS = 2 * 24 * 3600 * 1000;
const SAVE_AFTER_MS = 300;
/** An address stays within what servers take. */
const MAX_TASKS = 100;
/** The stack that has the task, where there are several, and 128 random bits. */
const TASK_ID = /^(?:[a-z0-9]{1,12}-)?[0-9a-f]{32}$/;
const KEPT = ["objects", "review", "sent", "seen"];

/** Return the tasks that an address names. @param {string} search */
export function tasksOf(search) {
  const named = new URLSearchParams(search).get("t") ?? "";
  return [...new Set(named.split(",").filter((each) => TASK_ID.test(each)))];
}

/** Return an address's query that names these tasks; what else it says stays. */
export function searchOf(search, taskIds) {
  const others = new URLSearchParams(search);
  others.delete("t");
  const named = taskIds.slice(0, MAX_TASKS).join(",");
  const parts = [others.toString(), named && `t=${named}`].filter(Boolean);
  return parts.length ? `?${parts.join("&")}` : "";
}

/** Return whether something was changed by hand that no file holds yet. */
export function isUnsaved(state) {
  return state.images.some((image) => image.undo.length > 0 && image.savedObjects !== image.objects);
}

/**
 * @param {import("./main.js").Stage} stage
 * @param {ReturnType<typeof import("./runner.js").createRunner>} runner
 */
export function createSession({ store, api }, runner) {
  let timer = 0;
  const written = new Map();

  /** Write down what was changed, under each image's task. */
  function save() {
    for (const image of store.state.images) {
      if (!image.taskId || written.get(image.taskId) === image) continue;
      written.set(image.taskId, image);
      const kept = Object.fromEntries(KEPT.map((name) => [name, image[name]]));
      keep(image.taskId, { ...kept, at: Date.now(), confidence: store.state.confidence });
    }
  }

  const end = store.subscribe((state, before) => {
    if (state.images === before.images) return;
    const taskIds = state.images.map((image) => image.runId ?? image.taskId).filter(Boolean);
    const search = searchOf(location.search, taskIds);
    if (search !== location.search) history.replaceState(history.state, "", location.pathname + search + location.hash);
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_AFTER_MS);
  });
  const ask = (event) => {
    save();
    if (isUnsaved(store.state)) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  forgetOld();
  restore(store, api, runner, tasksOf(location.search));
  return () => {
    end();
    clearTimeout(timer);
    window.removeEventListener("beforeunload", ask);
  };
}

/** Bring the tasks of an address back, in their order. */
export async function restore(store, api, runner, taskIds) {
  if (!taskIds.length) return;
  store.set({ restoring: taskIds.length });
  const limited = limiter(3);
  const loads = taskIds.map((taskId) => limited(async () => {
    const [status, file] = await Promise.all([api.task(taskId), api.image(taskId)]);
    return { taskId, status, file };
  }));
  let gone = 0;
  const problems = [];
  for (const load of loads) {
    try {
      await take(store, runner, await load);
    } catch (error) {
      if (error.code === "unknown_task") gone += 1;
      else problems.push(error.message);
    }
  }
  if (gone) problems.push(`${counted(gone, "image is", "images are")} no longer kept by the server.`);
  store.set({ restoring: 0, ...(problems.length ? { refused: problems } : {}) });
}

async function take(store, runner, { taskId, status, file }) {
  const [key] = await addFiles(store, [file], previewed, { isQuiet: true });
  if (!key) return;
  const kept = recall(taskId);
  if (!status.result) {
    if (status.status === "failed") patchImage(store, key, { state: "failed", error: status.error.detail, code: status.error.code });
    else if (status.status !== "cancelled") runner.resume(key, taskId, kept?.sent ?? sentOf(status, store.state, file));
    return;
  }
  takeResult(store, key, status.result);
  const image = store.state.images.find((each) => each.key === key);
  const sent = kept?.sent ?? sentOf(status, store.state, image);
  const isKept = kept && sameTask(kept.objects, status.result.objects);
  patchImage(store, key, { sent, ...(isKept ? { objects: kept.objects, review: kept.review, seen: kept.seen } : {}) });
  if (store.state.openKey !== key) return;
  const query = sent.query ?? NO_QUERY;
  store.set({ query, prompt: query.asked, ...(kept?.confidence === undefined ? {} : { confidence: kept.confidence }) });
}

/** Say whether what was kept here knows every object that the server has: clicks elsewhere add some. */
function sameTask(kept, objects) {
  const known = new Set(kept.map((object) => object.id));
  return objects.every((object) => known.has(object.id));
}

/** Return what a task was asked with, as far as it says so itself. */
function sentOf(status, state, image) {
  if (!status.prompt) return { path: "/masks", fields: {} };
  const query = status.result ? queryOf(status.result) : NO_QUERY;
  return { path: "/segment", fields: fieldsOf(query, {}, state.confidence, image), query, textThreshold: null };
}

function keep(taskId, value) {
  try {
    localStorage.setItem(PREFIX + taskId, JSON.stringify(value));
  } catch {
    // Full or switched off: the server still has image and result.
  }
}

function recall(taskId) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + taskId));
  } catch {
    return null;
  }
}

/** Forget what belongs to tasks that no server keeps any more. */
function forgetOld() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (!name.startsWith(PREFIX)) continue;
      const { at = 0 } = JSON.parse(localStorage.getItem(name)) ?? {};
      if (Date.now() - at > KEPT_MS) localStorage.removeItem(name);
    }
  } catch {
    // Switched off.
  }
}
