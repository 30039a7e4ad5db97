/** The parts around the picture, wired together: prompt, images, notices, exports, session. */

import { createCode } from "./code.js";
import { createDownloads } from "./downloads.js";
import { make } from "./dom.js";
import { createDrop } from "./drop.js";
import { createFacts } from "./facts.js";
import * as objects from "./objects.js";
import { createPromptBar } from "./prompt_bar.js";
import * as query from "./query.js";
import { createRunner, isOnItsWay } from "./runner.js";
import { createSamples } from "./samples.js";
import { createSession } from "./session.js";
import { createSettings } from "./settings.js";
import { createStatus } from "./status.js";
import { fromApi, openImage, patchImage, say, setConfidence, setTool } from "./store.js";
import { createStrip } from "./strip.js";

/** @param {import("./main.js").Stage} stage */
export function createWorkspace(stage) {
  const { store, root, slots, api } = stage;
  root.prepend(make("link", { rel: "stylesheet", href: new URL("workspace.css", import.meta.url).href }));
  store.set({ query: query.NO_QUERY, silentSince: null, queues: null, refused: [], restoring: 0 });
  const runner = createRunner(store, api);
  const drop = createDrop(stage);
  const find = (isOnlyOpen) => findAll(store, api, runner, isOnlyOpen);
  const bar = createPromptBar(stage, find, () => runner.cancelAll());
  const everything = make("button", {
    type: "button", className: "action everything", title: "Masks of everything, without words",
    click: () => segmentEverything(store, runner),
  }, "Everything");
  slots.actions.append(everything);
  createCode(stage);
  createDownloads(stage);
  createSettings(stage);
  const ends = [
    createSamples(stage, drop, (prompt) => bar.ask(prompt)),
    createStrip(stage, drop),
    createFacts(stage),
    createStatus(stage, actionsOf(stage, runner, bar, find)),
    createSession(stage, runner),
    bar.stop,
    drop.stop,
  ];
  const update = ({ images }) => {
    everything.disabled = !images.length || images.some(isOnItsWay);
  };
  update(store.state);
  ends.push(store.subscribe(update));
  return () => ends.forEach((end) => end());
}

/** What the buttons of notices do. */
function actionsOf({ store }, runner, bar, find) {
  return {
    stop: () => runner.cancelAll(),
    retry: () => runner.retry(),
    find: () => find(false),
    closeRefused: () => store.set({ refused: [] }),
    showWeaker: () => store.set({ showWeaker: !store.state.showWeaker }),
    confidence: (value) => setConfidence(store, value),
    tool: (tool) => setTool(store, tool),
    replaceWord: ([word, near]) => bar.ask(store.state.query.asked.replaceAll(word, near)),
    keepLeftOut: () => keepLeftOut(store),
  };
}

/** Run the query of the store on the open image, or on all; what is on its way is stopped. */
async function findAll(store, api, runner, isOnlyOpen) {
  const { state } = store;
  const asked = state.query;
  const sentOf = (image) => ({
    path: "/segment",
    fields: query.fieldsOf(asked, state.settings, state.confidence, image),
    query: asked,
    textThreshold: state.settings.text_threshold ?? null,
  });
  const images = isOnlyOpen ? [openImage(state)] : state.images;
  const keys = images.map((image) => image.key);
  await runner.run(keys, sentOf);
  const open = openImage(store.state);
  if (open && keys.includes(open.key)) await findLeftOut(store, api, open);
}

/** Where the choices of a prompt leave nothing, find what they left out. */
async function findLeftOut(store, api, image) {
  const { sent } = image;
  if (image.state !== "empty" || !query.filtersOf(sent?.query ?? query.NO_QUERY).length) return;
  const things = query.thingsOf(sent.query);
  const fields = { ...sent.fields, text_prompt: `${things.join(" . ")} .`, simplify: "never", filters: [] };
  try {
    const taskId = await api.submit("/segment", image.file, image.name, fields);
    const { result } = await api.follow(taskId, () => {});
    const now = store.state.images.find((each) => each.key === image.key);
    if (now?.taskId !== image.taskId) return;
    patchImage(store, image.key, { leftOut: result?.objects.map(fromApi) ?? [] });
  } catch {
    // The notice then says only that nothing was found.
  }
}

function keepLeftOut(store) {
  const image = openImage(store.state);
  let id = objects.localId(image);
  const kept = image.leftOut.map((object) => ({ ...object, id: id--, kept: true }));
  objects.changeObjects(store, image.key, [...image.objects, ...kept]);
  say(store, `${kept.length} kept`);
}

function segmentEverything(store, runner) {
  const { segment } = store.state.settings.engines ?? {};
  const fields = segment ? { engines: { segment } } : {};
  const keys = store.state.images.filter((image) => !isOnItsWay(image)).map((image) => image.key);
  return runner.run(keys, () => ({ path: "/masks", fields }));
}
