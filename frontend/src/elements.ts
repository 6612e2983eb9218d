// Elements that a script puts on the page.

/** Make an element with its classes and, if there is any, its text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  css: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = css;
  element.textContent = text;
  return element;
}
