// What a pointer does over the picture: draws a box, chooses one, moves it, moves its sides.
import type OpenSeadragon from "openseadragon";
import { boxBetween, moved, resized, type Box, type Sides, type Size } from "./boxes";
import { pixelAt, zoom } from "./viewer";

export interface Desk {
  readonly boxes: Box[];
  readonly chosen: number;
  readonly label: string | undefined;
  choose(index: number): void;
  /** Show a change that is not finished. */
  sketch(boxes: Box[], draft?: Box): void;
  finish(boxes: Box[], chosen: number): void;
  /** A box was to be drawn, and no class is known. */
  askForClass(): void;
}

interface Drag {
  kind: "draw" | "move" | "resize";
  from: { x: number; y: number };
  screen: { x: number; y: number };
  index: number;
  sides: Sides;
  box: Box | undefined;
  moved: boolean;
}

const SLIP = 4; // pixels of the screen within which a drag is a click

export function startPointer(
  viewer: OpenSeadragon.Viewer,
  layer: SVGSVGElement,
  picture: Size,
  desk: Desk,
): void {
  let drag: Drag | undefined;

  const begin = (event: PointerEvent): void => {
    if (event.button !== 0 || !event.isPrimary) return;
    const target = event.target as SVGElement;
    const held = target.closest<SVGGElement>("[data-index]");
    const index = held ? Number(held.dataset.index) : -1;
    const sides = {
      horizontal: Number(target.dataset.horizontal ?? 0),
      vertical: Number(target.dataset.vertical ?? 0),
    } as Sides;
    const isHandle = target.dataset.horizontal !== undefined;
    const isChosen = index >= 0 && index === desk.chosen;
    const kind = isHandle ? "resize" : isChosen ? "move" : "draw";
    drag = {
      kind,
      from: pixelAt(viewer, picture, event),
      screen: { x: event.clientX, y: event.clientY },
      index: isHandle ? desk.chosen : index,
      sides,
      box: kind === "draw" ? undefined : desk.boxes[desk.chosen],
      moved: false,
    };
    layer.setPointerCapture(event.pointerId);
    event.preventDefault();
    layer.closest<HTMLElement>("[data-stage]")?.focus();
  };

  const changed = (held: Drag, event: PointerEvent): Box | undefined => {
    const to = pixelAt(viewer, picture, event);
    const [dx, dy] = [to.x - held.from.x, to.y - held.from.y];
    if (held.kind === "draw") return boxBetween(desk.label ?? "", held.from, to, picture);
    if (held.box === undefined) return undefined;
    if (held.kind === "move") return moved(held.box, dx, dy, picture);
    return resized(held.box, held.sides, dx, dy, picture);
  };

  const go = (event: PointerEvent): void => {
    if (!drag) return;
    const far = Math.hypot(event.clientX - drag.screen.x, event.clientY - drag.screen.y) > SLIP;
    drag.moved ||= far;
    if (!drag.moved) return;
    const box = changed(drag, event);
    if (drag.kind === "draw") desk.sketch(desk.boxes, box);
    else if (box) desk.sketch(desk.boxes.map((old, at) => (at === desk.chosen ? box : old)));
  };

  const end = (event: PointerEvent): void => {
    const held = drag;
    drag = undefined;
    if (!held) return;
    if (!held.moved) {
      if (held.kind !== "resize") desk.choose(held.index);
      return;
    }
    const box = changed(held, event);
    if (!box) desk.sketch(desk.boxes);
    else if (held.kind !== "draw") {
      desk.finish(
        desk.boxes.map((old, at) => (at === desk.chosen ? box : old)),
        desk.chosen,
      );
    } else if (desk.label === undefined) {
      desk.sketch(desk.boxes);
      desk.askForClass();
    } else desk.finish([...desk.boxes, box], desk.boxes.length);
  };

  layer.addEventListener("pointerdown", begin);
  layer.addEventListener("pointermove", go);
  layer.addEventListener("pointerup", end);
  layer.addEventListener("pointercancel", () => {
    drag = undefined;
    desk.sketch(desk.boxes);
  });
  layer.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(viewer, event.deltaY < 0 ? 1.2 : 1 / 1.2, { x: event.clientX, y: event.clientY });
    },
    { passive: false },
  );
}
