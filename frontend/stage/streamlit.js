/** Mounts the stage as a component of Streamlit: once for each place, and anew only when it is gone. */

import { make } from "./dom.js";
import { mount } from "./main.js";

const mounted = new WeakMap();

/**
 * Mount or update the stage.
 *
 * @param {{parentElement: ShadowRoot | HTMLElement, data: object, setTriggerValue: Function}} component
 * @returns {() => void} what takes the stage away again
 */
export default function show(component) {
  const { parentElement } = component;
  let stage = mounted.get(parentElement);
  if (!stage) {
    const address = new URL("styles.css", import.meta.url).href;
    parentElement.append(make("link", { rel: "stylesheet", href: address }));
    stage = mount(parentElement, {});
    mounted.set(parentElement, stage);
  }
  return () => {
    mounted.delete(parentElement);
    stage.unmount();
  };
}
