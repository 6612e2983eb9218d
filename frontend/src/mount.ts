// Finds [data-island], loads that island's file only, and disposes of it when it leaves the page.

/** Undoes what an island did: listeners outside of it, timers, observers. */
export type Dispose = () => void;
/** What a file in islands/ exports: it brings one element to life. */
export type Island = (element: HTMLElement) => Dispose | undefined;

const islands: Record<string, () => Promise<{ start: Island }>> = {
  "box-editor": () => import("./islands/box-editor"),
  ask: () => import("./islands/ask"),
  "graph-view": () => import("./islands/graph-view"),
  "image-viewer": () => import("./islands/image-viewer"),
  "line-chart": () => import("./islands/line-chart"),
  timeline: () => import("./islands/timeline"),
  upload: () => import("./islands/upload"),
};

const alive = new Map<HTMLElement, Dispose>();
const loading = new WeakSet<HTMLElement>();

function matching(root: Element): HTMLElement[] {
  const found = [...root.querySelectorAll<HTMLElement>("[data-island]")];
  if (root instanceof HTMLElement && root.matches("[data-island]")) found.unshift(root);
  return found;
}

async function bring(element: HTMLElement): Promise<void> {
  const name = element.dataset.island ?? "";
  const load = islands[name];
  if (load === undefined || loading.has(element)) return;
  loading.add(element);
  const island = await load();
  if (!element.isConnected) return;
  const dispose = island.start(element);
  alive.set(element, () => dispose?.());
  element.dataset.islandReady = "";
}

function sweep(): void {
  for (const [element, dispose] of alive) {
    if (!element.isConnected) {
      dispose();
      alive.delete(element);
      loading.delete(element);
    }
  }
}

/** Watch the page, so that islands also live in what htmx swaps in. */
export function startMounting(): void {
  for (const element of matching(document.body)) void bring(element);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node instanceof Element) for (const element of matching(node)) void bring(element);
      }
    }
    sweep();
  }).observe(document.body, { childList: true, subtree: true });
}
