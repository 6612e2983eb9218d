// A picture with boxes and heat: deep zoom, switches for its layers, and a limit that acts at once. Until it
// is loaded, or where it cannot be, the picture stands as it was drawn by the server.
import type { Dispose } from "../mount";
import { follow, openViewer, svg, zoom } from "../pictures/viewer";

function startLimit(root: HTMLElement): void {
  const limit = root.querySelector<HTMLInputElement>("[data-limit]");
  const shown = root.querySelector<HTMLOutputElement>("[data-limit-shown]");
  const regions = root.querySelectorAll<SVGGElement>("[data-confidence]");
  const apply = (): void => {
    const least = Number(limit?.value ?? 0) / 100;
    if (shown) shown.value = `${limit?.value ?? "0"} %`;
    for (const region of regions) {
      region.toggleAttribute("hidden", Number(region.dataset.confidence) < least);
    }
  };
  limit?.addEventListener("input", apply);
  apply();
}

function startLayers(root: HTMLElement): void {
  for (const box of root.querySelectorAll<HTMLInputElement>("[data-show]")) {
    const layer = root.querySelector<SVGGElement>(`[data-layer="${box.dataset.show ?? ""}"]`);
    box.addEventListener("change", () => layer?.toggleAttribute("hidden", !box.checked));
  }
}

export function start(root: HTMLElement): Dispose | undefined {
  startLimit(root);
  startLayers(root);
  const drawing = root.querySelector<SVGSVGElement>("svg.picture");
  const image = drawing?.querySelector("image");
  const url = image?.getAttribute("href");
  if (!drawing || !image || !url) return undefined;
  const size = { width: drawing.viewBox.baseVal.width, height: drawing.viewBox.baseVal.height };

  const stage = document.createElement("div");
  stage.className = "viewer viewer-block";
  stage.style.aspectRatio = `${size.width} / ${size.height}`;
  const tools = root.querySelector<HTMLElement>("[data-zoom-tools]");
  const viewer = openViewer(stage, url, {
    wheel: false,
    onOpen: () => {
      const group = svg("g");
      group.append(...drawing.querySelectorAll("[data-layer]"));
      drawing.append(group);
      drawing.removeAttribute("viewBox");
      drawing.classList.add("viewer-layer");
      image.setAttribute("hidden", "");
      follow(viewer, drawing, group, size);
      viewer.container.append(drawing);
      viewer.forceRedraw();
      if (tools) tools.hidden = false;
    },
    onFail: () => {
      viewer.destroy();
      stage.remove();
    },
  });
  drawing.before(stage);
  viewer.canvas.setAttribute("aria-label", "Zoom with plus and minus, move with the arrow keys");

  const actions: Record<string, () => void> = {
    in: () => {
      zoom(viewer, 1.5);
    },
    out: () => {
      zoom(viewer, 1 / 1.5);
    },
    home: () => {
      viewer.viewport.goHome();
    },
  };
  tools?.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-zoom]");
    actions[button?.dataset.zoom ?? ""]?.();
  });
  return () => {
    viewer.destroy();
  };
}
