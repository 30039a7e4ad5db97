/** A double of the API for tests: what it is asked, and answers that a test sets. */

import { Problem } from "../api.js";
import { addImages, createStore } from "../store.js";

/** Return the result of a task as the API gives it. */
export function resultOf(taskId, objects = [], more = {}) {
  return {
    task_id: taskId, prompt: "cat", simplified_prompt: "cat", simplify_reason: "", phrases: ["cat"],
    filters: [], warnings: [], image: { width: 4, height: 2 }, timings_ms: { total: 310 }, engines: {},
    objects: objects.map((score, id) => ({
      id, label: "cat", score, box: [0, 0, 4, 2], mask: { size: [2, 4], counts: "08" }, area: 8,
    })),
    ...more,
  };
}

/** Return a store with images of these names. */
export function storeWith(...names) {
  const store = createStore({ query: { chips: [], asked: "", reason: "", warnings: [] }, silentSince: null, queues: null });
  addImages(store, names.map((name) => ({ key: name, name, url: name, file: new Blob([name]), width: 4, height: 2 })));
  return store;
}

/** Return an API whose tasks are done at once; `tasks` changes what a file's task ends with. */
export function doubleApi(tasks = {}) {
  const asked = [];
  let count = 0;
  return {
    asked,
    Problem,
    async submit(path, file, name, fields, options = {}) {
      asked.push({ path, name, fields });
      options.signal?.throwIfAborted();
      return `${name}-${(count += 1)}`;
    },
    async follow(taskId, onEvent) {
      const name = taskId.replace(/-\d+$/, "");
      onEvent({ type: "started", stage: "detect", data: {} });
      const made = tasks[name]?.(taskId) ?? { status: "done", result: resultOf(taskId, [0.8]) };
      return made;
    },
    async cancel(taskId) {
      asked.push({ path: "cancel", name: taskId });
    },
    async queues() {
      return {};
    },
  };
}
