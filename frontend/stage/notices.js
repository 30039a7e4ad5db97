/**
 * What is to be said about the open image and the whole: one sentence, and a button that helps.
 *
 * @typedef {{tone: "info" | "warn" | "bad", text: string, actions: {label: string, name: string, value?: any}[]}} Notice
 */

import { exportedObjects, isWeaker } from "./objects.js";
import { fieldsOf, filtersOf, thingsOf } from "./query.js";
import { isOnItsWay } from "./runner.js";
import { openImage } from "./store.js";
import { counted, filterInWords, listed } from "./words.js";

const STAGES = {
  simplify: "Reading the prompt", detect: "Looking for it", segment: "Drawing the masks",
  ground: "Looking and drawing", classify: "Looking for classes",
};
const WORKERS = {
  simplifier_queue: "reads prompts", grounding_dino_queue: "finds objects", sam2_queue: "draws masks",
};

/** Return the notice that matters most, or null. @returns {Notice | null} */
export function noticeOf(state) {
  return ofApi(state) ?? ofProgress(state) ?? ofFailures(state) ?? ofRefused(state) ?? ofImage(state);
}

function ofApi({ silentSince, queues, trouble }) {
  if (silentSince) {
    const time = new Date(silentSince).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const text = `The API has not answered since ${time}. What is on the page goes on working; what was sent is sent again.`;
    return { tone: "bad", text, actions: [{ label: "Try now", name: "check" }] };
  }
  if (trouble) return { tone: "bad", text: trouble, actions: [{ label: "Check again", name: "check" }] };
  const missing = missingQueues(queues).map((queue) => WORKERS[queue]);
  if (!missing.length) return null;
  const text = `No worker is there that ${listed(missing)}: requests for it are refused until one starts (edgeseg up, or its service).`;
  return { tone: "bad", text, actions: [{ label: "Check again", name: "check" }] };
}

/** Return the queues that nobody serves. */
export function missingQueues(queues) {
  return Object.keys(WORKERS).filter((name) => queues?.[name] && !queues[name].workers.length);
}

function ofProgress(state) {
  const busy = state.images.filter(isOnItsWay);
  if (!busy.length) return null;
  const image = openImage(state);
  const now = image && isOnItsWay(image) ? image : busy[0];
  const total = state.images.filter((each) => each.sentNow).length;
  const share = now.share ? ` · ${Math.round(100 * now.share)} %` : "";
  const what = now.state === "running" ? `${STAGES[now.stage] ?? "At work"}${share}` : "Waiting for a worker";
  const text = total > 1 ? `${what} · ${total - busy.length} of ${total} images done` : `${what} …`;
  return { tone: "info", text, actions: [{ label: "Stop", name: "stop" }] };
}

function ofFailures(state) {
  const failed = state.images.filter((image) => image.state === "failed");
  if (!failed.length) return null;
  const reasons = [...new Set(failed.map((image) => image.error))];
  if (failed.length === 1) {
    return { tone: "bad", text: `${failed[0].name}: ${failed[0].error}`, actions: [{ label: "Retry", name: "retry" }] };
  }
  const more = reasons.length > 1 ? ` (and ${counted(reasons.length - 1, "other reason")})` : "";
  const text = `${failed.length} images failed: ${reasons[0]}${more}`;
  return { tone: "bad", text, actions: [{ label: `Retry the ${failed.length}`, name: "retry" }] };
}

function ofRefused({ refused }) {
  if (!refused?.length) return null;
  const more = refused.length > 1 ? ` (and ${counted(refused.length - 1, "other file")})` : "";
  return { tone: "warn", text: `${refused[0]}${more}`, actions: [{ label: "Close", name: "closeRefused" }] };
}

function ofImage(state) {
  const image = openImage(state);
  if (!image?.result || !image.sent) return null;
  if (isStale(image, state)) {
    const text = isWeakerThanAsked(image, state)
      ? `Only finds from ${image.sent.fields.box_threshold.toFixed(2)} on were asked for.`
      : "What is asked for has changed since this result.";
    return { tone: "warn", text, actions: [{ label: "Find again", name: "find" }] };
  }
  return ofUnknownWords(image, state) ?? ofNothing(image, state);
}

/** Say whether the words or settings are no longer those of an image's result. */
export function isStale(image, state) {
  if (image.sent.path !== "/segment" || !thingsOf(state.query).length) return false;
  const now = fieldsOf(state.query, state.settings, state.confidence, image);
  const apart = (fields) => JSON.stringify({ ...fields, box_threshold: 0, text_threshold: 0 });
  if (apart(now) !== apart(image.sent.fields)) return true;
  if ((state.settings.text_threshold ?? null) !== (image.sent.textThreshold ?? null)) return true;
  if (filtersOf(state.query).length && now.box_threshold !== image.sent.fields.box_threshold) return true;
  return isWeakerThanAsked(image, state);
}

function isWeakerThanAsked(image, state) {
  return state.confidence < image.sent.fields.box_threshold;
}

/** Read words that the engine does not know, with those near to them, out of its warnings. */
export function unknownWords(warnings) {
  return warnings.flatMap((warning) => {
    const [, word] = warning.match(/^“(.+)” is not a known word/) ?? [];
    const near = warning.match(/nearest known words are (.+?)\.$/)?.[1].split(", ") ?? [];
    return word ? [{ word, near }] : [];
  });
}

function ofUnknownWords(image, state) {
  const [unknown] = unknownWords(image.result.warnings ?? []);
  if (!unknown) return null;
  const actions = unknown.near.slice(0, 3).map((word) => ({
    label: word, name: "replaceWord", value: [unknown.word, word],
  }));
  const help = actions.length ? " Did you mean:" : " Write it another way, or click on the thing.";
  return { tone: "warn", text: `“${unknown.word}” is not a known word.${help}`, actions };
}

function ofNothing(image, state) {
  if (exportedObjects(image, state).length) return null;
  if (image.leftOut?.length) return ofLeftOut(image);
  const weaker = image.objects.filter((object) => !object.deleted && isWeaker(object, state));
  if (weaker.length) {
    const best = Math.max(...weaker.map((object) => object.score));
    const text = `Nothing is as certain as ${state.confidence.toFixed(2)}, but ${counted(weaker.length, "weaker find")} up to ${best.toFixed(2)}.`;
    const lower = Math.floor(best * 100) / 100;
    return { tone: "warn", text, actions: [
      { label: state.showWeaker ? "Hide them" : "Show them", name: "showWeaker" },
      { label: `Lower to ${lower.toFixed(2)}`, name: "confidence", value: lower },
    ] };
  }
  if (image.objects.some((object) => object.hidden || object.deleted)) return null;
  const asked = state.query.asked || listed(thingsOf(state.query));
  const text = `Nothing was found for “${asked}”. Name it more simply, or click on it.`;
  return { tone: "warn", text, actions: [{ label: "Click on it", name: "tool", value: "new" }] };
}

function ofLeftOut(image) {
  const labels = [...new Set(image.leftOut.map((object) => object.label))];
  const choices = filtersOf(image.sent.query).map(filterInWords).map((words) => words.replace("leave out: ", ""));
  const was = image.leftOut.length === 1 ? "was" : "were";
  const found = `${counted(image.leftOut.length, "object")} ${was} found for “${listed(labels)}”`;
  const text = `${found} and left out by the choice “${listed(choices)}”.`;
  const label = image.leftOut.length === 1 ? "Keep it" : "Keep them";
  return { tone: "warn", text, actions: [{ label, name: "keepLeftOut" }] };
}
