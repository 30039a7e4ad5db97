/** The notice over the picture, and the line of queues and workers at the foot. */

import { make } from "./dom.js";
import { missingQueues, noticeOf } from "./notices.js";
import { isOnItsWay, noteAnswer, noteSilence } from "./runner.js";
import { counted } from "./words.js";

const AT_REST_MS = 30_000;
const AT_WORK_MS = 10_000;
const WHILE_SILENT_MS = 3_000;

/**
 * @param {import("./main.js").Stage} stage
 * @param {Record<string, (value: any) => void>} actions what the buttons of notices do, by name
 */
export function createStatus({ store, slots, api }, actions) {
  const text = make("span", {});
  const buttons = make("span", { className: "notice-acts" });
  const notice = make("div", { className: "notice", hidden: true }, text, buttons);
  const line = make("span", { className: "line" });
  slots.canvas.append(notice);
  slots.status.append(line);
  let drawn = "";
  let timer = 0;

  /** Ask again after a pause; not while nobody sees the page. */
  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(check, pauseMsOf(store.state));
  }
  /** Ask how the queues stand. */
  async function check() {
    clearTimeout(timer);
    const sinceMs = Date.now();
    try {
      const queues = await api.queues();
      noteAnswer(store);
      store.set({ trouble: null });
      if (JSON.stringify(queues) !== JSON.stringify(store.state.queues)) store.set({ queues });
    } catch (error) {
      noteSilence(store, error, sinceMs);
      // The API answers, but what it needs does not: Redis, for one.
      if (!store.state.silentSince) store.set({ trouble: error.message });
    }
    plan();
  }
  const onSight = () => (document.hidden ? clearTimeout(timer) : check());
  document.addEventListener("visibilitychange", onSight);

  function update(state) {
    const said = noticeOf(state);
    const next = JSON.stringify(said);
    line.textContent = lineOf(state);
    line.classList.toggle("bad", Boolean(state.silentSince) || missingQueues(state.queues).length > 0);
    if (next === drawn) return;
    drawn = next;
    notice.hidden = !said;
    if (!said) return;
    notice.className = `notice ${said.tone}`;
    text.textContent = said.text;
    buttons.replaceChildren(...said.actions.map(({ label, name, value }) =>
      make("button", { type: "button", className: "link", click: () => actions[name](value) }, label)));
  }
  actions.check = check;
  check();
  update(store.state);
  const end = store.subscribe((state, before) => {
    if (pauseMsOf(state) < pauseMsOf(before)) plan();
    update(state);
  });
  return () => {
    end();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onSight);
  };
}

/** Return how long after an answer to ask again: rarely at rest, often while the API is silent. */
export function pauseMsOf({ silentSince, images }) {
  if (silentSince) return WHILE_SILENT_MS;
  return images.some(isOnItsWay) ? AT_WORK_MS : AT_REST_MS;
}

/** Return queues and workers in one line. */
export function lineOf({ queues, silentSince }) {
  if (silentSince) return "API: no answer";
  if (!queues) return "";
  const rows = Object.values(queues);
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0);
  const running = rows.reduce((sum, row) => sum + row.running, 0);
  const workers = new Set(rows.flatMap((row) => row.workers.map((worker) => worker.name))).size;
  const work = waiting + running ? `${running} at work, ${waiting} waiting` : "ready";
  return `${counted(workers, "worker")} · ${work}`;
}
