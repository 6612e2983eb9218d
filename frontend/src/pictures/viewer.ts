// A picture that can be zoomed deep, and a drawing over it in pixels of the picture.
import OpenSeadragon from "openseadragon";
import type { Size } from "./boxes";

const SVG = "http://www.w3.org/2000/svg";

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/**
 * The library adds a style of its own unless it finds one, which the content policy forbids: even an empty
 * style is refused. An element of that name in no known namespace is found, and styles nothing.
 */
function keepPolicy(): void {
  const mark = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${mark}]`)) return;
  const found = document.createElementNS("urn:assay", "style");
  found.setAttribute(mark, "");
  document.head.append(found);
}

export interface Options {
  /** Whether a turned wheel zooms by itself; else only with Ctrl, so that the page can be scrolled. */
  wheel: boolean;
  onOpen?: () => void;
  onFail?: () => void;
}

export function openViewer(
  element: HTMLElement,
  url: string,
  options: Options,
): OpenSeadragon.Viewer {
  keepPolicy();
  const viewer = OpenSeadragon({
    element,
    drawer: "canvas",
    tileSources: { type: "image", url, buildPyramid: true } as unknown as string,
    showNavigationControl: false,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.3,
    maxZoomPixelRatio: 8,
    minZoomImageRatio: 0.8,
    visibilityRatio: 0.5,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: !options.wheel },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: !options.wheel },
  });
  if (!options.wheel) {
    viewer.addHandler("canvas-scroll", (event) => {
      if (event.originalEvent instanceof WheelEvent && event.originalEvent.ctrlKey) return;
      event.preventDefaultAction = true;
      event.preventDefault = false;
    });
  }
  // Turning and mirroring would part the picture from its boxes.
  viewer.addHandler("canvas-key", (event) => {
    const { key } = event.originalEvent;
    if (options.wheel || ["r", "R", "f", "F"].includes(key)) event.preventDefaultAction = true;
  });
  viewer.addOnceHandler("open", () => options.onOpen?.());
  viewer.addOnceHandler("open-failed", () => options.onFail?.());
  return viewer;
}

/** Keep a group of shapes, drawn in pixels of the picture, where the picture is. */
export function follow(
  viewer: OpenSeadragon.Viewer,
  layer: SVGSVGElement,
  group: SVGGElement,
  picture: Size,
): void {
  const place = (): void => {
    const corner = viewer.viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const end = viewer.viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
    const scale = (end.x - corner.x) / picture.width;
    group.setAttribute("transform", `translate(${corner.x} ${corner.y}) scale(${scale})`);
    layer.style.setProperty("--px", `${1 / scale}px`);
  };
  for (const event of ["open", "update-viewport", "resize"] as const) {
    viewer.addHandler(event, place);
  }
}

/** The pixel of the picture at a place of the window. */
export function pixelAt(
  viewer: OpenSeadragon.Viewer,
  picture: Size,
  place: { clientX: number; clientY: number },
): { x: number; y: number } {
  const frame = viewer.container.getBoundingClientRect();
  const pixel = new OpenSeadragon.Point(place.clientX - frame.left, place.clientY - frame.top);
  const point = viewer.viewport.pointFromPixel(pixel, true);
  return { x: point.x * picture.width, y: point.y * picture.width };
}

export function zoom(
  viewer: OpenSeadragon.Viewer,
  by: number,
  at?: { x: number; y: number },
): void {
  const frame = viewer.container.getBoundingClientRect();
  const point =
    at === undefined
      ? undefined
      : viewer.viewport.pointFromPixel(
          new OpenSeadragon.Point(at.x - frame.left, at.y - frame.top),
          true,
        );
  viewer.viewport.zoomBy(by, point);
  viewer.viewport.applyConstraints();
}
