/** Mounts the stage as a component of Streamlit: once for each tab, whatever is drawn anew around it. */

import * as api from "./api.js";
import { make } from "./dom.js";
import { mount } from "./main.js";
import { createPages } from "./pages.js";

/**
 * The one stage of this tab: it outlives its place, since Streamlit takes that away for a moment, or
 * for as long as another page is open.
 *
 * @type {ReturnType<typeof mount> | null}
 */
let stage = null;

/**
 * Mount the stage, or bring it back as it was.
 *
 * @param {{parentElement: ShadowRoot | HTMLElement, data: {pages: Record<string, string>},
 *   setTriggerValue: (name: string, value: string) => void}} component
 * @returns {() => void} what takes it out of the page, with all that it holds
 */
export default function show({ parentElement, data, setTriggerValue }) {
  if (!stage) {
    stage = mount(parentElement, { api });
    stage.root.prepend(make("link", { rel: "stylesheet", href: new URL("styles.css", import.meta.url).href }));
    createPages(stage, data.pages, (page) => stage.openPage(page));
  }
  stage.openPage = (page) => setTriggerValue("page", page);
  if (stage.root.parentNode !== parentElement) parentElement.append(stage.root);
  const { root } = stage;
  return () => {
    if (root.parentNode === parentElement) root.remove();
  };
}

/** Return the stage, for scripts that drive the page. */
export function stageOfTab() {
  return stage;
}
