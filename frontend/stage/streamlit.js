/**
 * Shows the stage over Streamlit's page: once for each tab, whatever is drawn anew below it.
 *
 * The first page is always the stage's, so it comes before Streamlit says so.
 */

import * as api from "./api.js";
import { make } from "./dom.js";
import { mount } from "./main.js";
import { createPages } from "./pages.js";

/** Over Streamlit's head (999990), below its dialogs (1000040). */
const LAYER = "999995";

/**
 * The one stage of this tab: it outlives its place, since Streamlit takes that away for a moment, or
 * for as long as another page is open.
 *
 * @type {ReturnType<typeof mount> | null}
 */
let stage = null;
const host = make("div", { style: { position: "fixed", inset: "0", zIndex: LAYER } });
/** The component's latest call to show the stage: the end of an earlier one comes too late. */
let latest = 0;

/** Put the stage into the document. */
export function present() {
  if (!stage) {
    stage = mount(host.attachShadow({ mode: "open" }), { api });
    stage.root.prepend(make("link", { rel: "stylesheet", href: new URL("styles.css", import.meta.url).href }));
  }
  if (!host.isConnected) document.body.append(host);
}

/**
 * Show the stage for as long as its component is part of the page.
 *
 * @param {{data: {pages: Record<string, string>}, setTriggerValue: (name: string, value: string) => void}} component
 * @returns {() => void} what takes it out of the page, with all that it holds
 */
export default function show({ data, setTriggerValue }) {
  present();
  if (!stage.openPage) createPages(stage, data.pages, (page) => stage.openPage(page));
  stage.openPage = (page) => setTriggerValue("page", page);
  const mine = (latest += 1);
  return () => {
    if (mine === latest) host.remove();
  };
}

/** Return the stage, for scripts that drive the page. */
export function stageOfTab() {
  return stage;
}
