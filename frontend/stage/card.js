/** The card over the selected object: its name and score, and what can be done to it. */

import { copyCutout } from "./cutout.js";
import { make } from "./dom.js";
import { toStage } from "./geometry.js";
import * as objects from "./objects.js";
import { openImage, say } from "./store.js";

const MARGIN_PX = 8;
const COMMAND = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? "") ? "⌘C" : "Ctrl C";

/** @param {import("./main.js").Stage} stage */
export function createCard(stage) {
  const { store, slots, view } = stage;
  const selected = () => objects.objectById(store.state, store.state.selectedId);
  const title = make("strong", {});
  const action = (word, key, run) =>
    make("button", { type: "button", click: () => run(selected()) }, word, make("kbd", { "aria-hidden": "true" }, key));
  const keep = action("Keep", "K", (object) => objects.keepObjects(store, [object.id]));
  const card = make(
    "div",
    { className: "card", role: "toolbar", "aria-label": "Selected object", hidden: true },
    title,
    keep,
    action("Rename", "R", () => stage.rename()),
    action("Hide", "H", (object) => hide(stage, object)),
    action("Delete", "⌫", (object) => remove(stage, object)),
    action("Cut out", COMMAND, (object) => cut(stage, object)),
  );
  slots.canvas.append(card);

  const draw = (state) => {
    const object = selected();
    card.hidden = !object || object.deleted || object.hidden || !!state.solo?.label;
    if (card.hidden) return;
    title.textContent = `${objects.nameOf(state, object)} ${object.score.toFixed(2)}`;
    keep.hidden = !objects.isWeaker(object, state);
    place(card, object.box_xyxy, view.view, slots.canvas);
  };
  stage.placeCard = () => draw(store.state);
  return store.subscribe((state, before) => {
    const same = state.selectedId === before.selectedId && state.images === before.images &&
      state.confidence === before.confidence && state.openKey === before.openKey;
    if (!same) draw(state);
  });
}

/** Put the card above the box, below it where there is no room, and always in sight. */
function place(card, [x0, y0, x1, y1], view, canvas) {
  const top = toStage(view, { x: (x0 + x1) / 2, y: y0 });
  const bottom = toStage(view, { x: 0, y: y1 });
  const { offsetWidth: width, offsetHeight: height } = card;
  const above = top.y - height - MARGIN_PX;
  const y = above >= MARGIN_PX ? above : bottom.y + MARGIN_PX;
  const within = (at, room) => Math.min(Math.max(at, MARGIN_PX), Math.max(room - MARGIN_PX, MARGIN_PX));
  card.style.left = `${within(top.x - width / 2, canvas.clientWidth - width)}px`;
  card.style.top = `${within(y, canvas.clientHeight - height)}px`;
}

/** Hide an object, and say so. */
export function hide({ store }, object) {
  const name = objects.nameOf(store.state, object);
  objects.toggleHidden(store, object.id);
  say(store, `${name} ${object.hidden ? "shown" : "hidden"}`);
}

/** Delete an object, and say so. */
export function remove({ store }, object) {
  const name = objects.nameOf(store.state, object);
  objects.deleteObject(store, object.id);
  say(store, `${name} deleted · Z brings it back`);
}

/** Copy an object's cut-out. */
export function cut(stage, object) {
  if (!openImage(stage.store.state) || !stage.maskOf(object).box) return;
  copyCutout(stage, object, objects.nameOf(stage.store.state, object));
}
