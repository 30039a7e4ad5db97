/** Mounts the stage as a component of Streamlit: once for each place, whatever is drawn anew around it. */

import * as api from "./api.js";
import { make } from "./dom.js";
import { mount } from "./main.js";
import { createPages } from "./pages.js";

/** @type {WeakMap<ShadowRoot | HTMLElement, ReturnType<typeof mount>>} */
const mounted = new WeakMap();

/**
 * Mount the stage, or leave it as it is.
 *
 * @param {{parentElement: ShadowRoot | HTMLElement, data: {pages: Record<string, string>},
 *   setTriggerValue: (name: string, value: string) => void}} component
 * @returns {() => void} what takes the stage away again
 */
export default function show({ parentElement, data, setTriggerValue }) {
  if (!mounted.has(parentElement)) {
    parentElement.append(make("link", { rel: "stylesheet", href: new URL("styles.css", import.meta.url).href }));
    const stage = mount(parentElement, { api });
    createPages(stage, data.pages, (page) => setTriggerValue("page", page));
    mounted.set(parentElement, stage);
  }
  return () => {
    mounted.get(parentElement)?.unmount();
    mounted.delete(parentElement);
  };
}

/** Return the stage that is mounted in a place, for scripts that drive the page. */
export function stageOf(parentElement) {
  return mounted.get(parentElement);
}
