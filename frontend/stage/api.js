/**
 * The API, under the address of the page itself: requests, retries, and events as they happen.
 *
 * @typedef {{type: string, stage: string | null, at: number, id: string, data: any}} StageEvent
 * @typedef {{signal?: AbortSignal, onWait?: (problem: Problem) => void}} Waiting
 */

export const BASE = "/api";
/** A submit is sent again for so long, with the same key, so that it runs once. */
export const RETRY_FOR_MS = 120_000;
const PAUSES_MS = [300, 700, 1500, 3000, 5000];
/** What passes by itself; anything else is told at once. */
const PASSING = new Set([
  "unavailable", "timeout", "queue_unavailable", "queue_full", "too_many_connections",
]);

/** An error of the API, or that it does not answer: a code and a sentence. */
export class Problem extends Error {
  /** @param {{code?: string, status?: number, detail?: string}} document */
  constructor(document) {
    super(document.detail || "The server failed.");
    this.code = document.code || "internal_error";
    this.status = document.status || 0;
    this.document = document;
  }

  /** Whether the same request may succeed a moment later. */
  get isPassing() {
    return PASSING.has(this.code);
  }
}

/**
 * Send a request; throws a Problem for every answer that is none.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(BASE + path, options);
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Problem({ code: "unavailable", detail: "The UI's own server does not answer." });
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

/** @param {Response} answer */
async function problemOf(answer) {
  try {
    return new Problem(await answer.json());
  } catch {
    return new Problem({ status: answer.status, detail: `The server answered ${answer.status}.` });
  }
}

/**
 * Call again, with growing pauses, while what goes wrong may pass.
 *
 * @template T
 * @param {() => Promise<T>} call
 * @param {Waiting} [waiting]
 * @param {number} [forMs]
 */
export async function retried(call, { signal, onWait } = {}, forMs = RETRY_FOR_MS) {
  const until = Date.now() + forMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const pauseMs = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)];
      if (!(error instanceof Problem) || !error.isPassing || Date.now() + pauseMs > until) {
        throw error;
      }
      onWait?.(error);
      await pause(pauseMs, signal);
    }
  }
}

/**
 * Wait; rejects as soon as it is aborted.
 *
 * @param {number} ms
 * @param {AbortSignal} [signal]
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve(undefined);
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Return fields as a form; lists and objects are JSON, null and undefined are left out.
 *
 * @param {Record<string, unknown>} fields
 */
export function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined) continue;
    form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form;
}

/**
 * Queue an image at /segment or /masks and return the task's id.
 *
 * @param {string} path
 * @param {Blob} file
 * @param {string} name
 * @param {Record<string, unknown>} fields
 * @param {Waiting & {key?: string}} [options] ``key``: the same for each attempt of one request
 * @returns {Promise<string>}
 */
export function submit(path, file, name, fields, { key = newKey(), ...waiting } = {}) {
  const headers = { Prefer: "respond-async", "Idempotency-Key": key };
  return retried(async () => {
    const body = formOf({ ...fields, visualization: false });
    body.append("image", file, name);
    const answer = await send(path, { method: "POST", body, headers, signal: waiting.signal });
    return (await answer.json()).task_id;
  }, waiting);
}

/** Return a key that no other request has. It is no secret: pages by plain HTTP have no UUIDs. */
export function newKey() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return [...words].map((word) => word.toString(16).padStart(8, "0")).join("");
}

/**
 * Follow a task to its end, through broken connections, and return its state with the result.
 *
 * @param {string} taskId
 * @param {(event: StageEvent) => void} onEvent
 * @param {Waiting} [waiting]
 */
export async function follow(taskId, onEvent, waiting = {}) {
  let last = "";
  const read = async () => {
    const headers = last ? { "Last-Event-ID": last } : undefined;
    const answer = await send(`/tasks/${taskId}/events`, { headers, signal: waiting.signal });
    if (answer.status === 204) return true;
    for await (const event of eventsOf(answer)) {
      last = event.id;
      onEvent(event);
      if (["done", "failed", "cancelled"].includes(event.type)) return true;
    }
    return false;
  };
  while (!(await retried(read, waiting, Infinity)));
  return retried(() => task(taskId, waiting.signal), waiting);
}

/**
 * Yield the events of a stream; it ends without an error where the connection breaks.
 *
 * @param {Response} answer
 * @returns {AsyncGenerator<StageEvent>}
 */
export async function* eventsOf(answer) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        if (error.name === "AbortError") throw error;
        return { value: "", done: true };
      });
      if (done) return;
      text += value.replaceAll("\r\n", "\n");
      const blocks = text.split("\n\n");
      text = /** @type {string} */ (blocks.pop());
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^[^:]*: ?/, "")]),
        );
        if (fields.data) yield { ...JSON.parse(fields.data), id: fields.id ?? "" };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {string} path @param {AbortSignal} [signal] */
async function json(path, signal) {
  return (await send(path, { signal })).json();
}

/** @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const options = { method: "POST", body: JSON.stringify(body), headers, signal };
  return (await send(path, options)).json();
}

/** @param {string} taskId @param {AbortSignal} [signal] */
export const task = (taskId, signal) => json(`/tasks/${taskId}`, signal);

export const engines = () => json("/engines");
export const queues = async () => (await json("/queue-status")).queues;

/** Cancel a task. @param {string} taskId */
export const cancel = (taskId) => send(`/tasks/${taskId}`, { method: "DELETE" });

/**
 * Correct an object of a task, or make one, by points or a box; returns the object.
 *
 * @param {string} taskId
 * @param {object} refinement fields of POST /tasks/{id}/refine
 * @param {AbortSignal} [signal]
 */
export const refine = async (taskId, refinement, signal) =>
  (await post(`/tasks/${taskId}/refine`, refinement, signal)).object;

/**
 * Return what a prompt stands for: phrases, filters and the reason.
 *
 * @param {string} prompt
 * @param {Record<string, string>} [engines]
 * @param {AbortSignal} [signal]
 */
export async function simplify(prompt, engines = {}, signal) {
  const body = formOf({ text_prompt: prompt, engines });
  return (await send("/simplify", { method: "POST", body, signal })).json();
}

/**
 * Return the image of a task as a file under its own name.
 *
 * @param {string} taskId
 */
export async function image(taskId) {
  const answer = await send(`/tasks/${taskId}/image`);
  return new File([await answer.blob()], fileName(answer) || "image", {
    type: answer.headers.get("content-type") ?? "",
  });
}

/**
 * Return results, as they are on the page, as a file of another tool's format.
 *
 * @param {string} format
 * @param {object[]} results
 * @param {string[]} names of the images, one for each result
 */
export async function exported(format, results, names) {
  const body = formOf({ format });
  for (const result of results) {
    body.append("result", new Blob([JSON.stringify(result)], { type: "application/json" }), "r.json");
  }
  names.forEach((name) => body.append("file_name", name));
  const answer = await send("/export", { method: "POST", body });
  return { name: fileName(answer) || format, blob: await answer.blob() };
}

/** @param {Response} answer */
function fileName(answer) {
  const said = answer.headers.get("content-disposition") ?? "";
  return decodeURIComponent(said.match(/filename\*=UTF-8''([^;]*)/)?.[1] ?? "");
}
