// Turns <time data-time> to the zone of who reads, names the zone on hover, keeps "ago" fresh.
import { agoWords, localWords, zoneWords } from "./moments";

function show(element: HTMLTimeElement, now: Date): void {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const style = element.dataset.time ?? "full";
  const words = style === "ago" ? agoWords(moment, now) : localWords(moment, style);
  if (element.textContent !== words) element.textContent = words;
  const title = zoneWords(moment);
  if (element.title !== title) element.title = title;
}

function showAll(root: ParentNode, selector = "time[data-time]"): void {
  const now = new Date();
  for (const element of root.querySelectorAll<HTMLTimeElement>(selector)) show(element, now);
}

export function startTimes(): void {
  showAll(document);
  setInterval(() => {
    showAll(document, 'time[data-time="ago"]');
  }, 20_000);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node instanceof HTMLTimeElement && node.dataset.time !== undefined) {
          show(node, new Date());
        } else if (node instanceof Element) {
          showAll(node);
        }
      }
    }
  }).observe(document.body, { childList: true, subtree: true });
}
