// Draws boxes, the handles of the chosen one, and what a model proposes; knows nothing of how they change.
import type { Box, Proposal, Size } from "./boxes";
import { svg } from "./viewer";

const HANDLES = [-1, 0, 1].flatMap((horizontal) =>
  [-1, 0, 1].map((vertical) => ({ horizontal, vertical })),
);

export interface Scene {
  boxes: Box[];
  chosen: number;
  proposals: Proposal[];
  draft: Box | undefined;
  tone: (label: string) => number;
  picture: Size;
}

function drawBox(box: Box, css: string, tone: number, words: string): SVGGElement {
  const group = svg("g", { class: `box ${css} box-tone-${tone}` });
  const { x, y, width, height } = box;
  const text = svg("text", { x, y });
  text.textContent = words;
  group.append(svg("rect", { x, y, width, height }), text);
  return group;
}

function drawHandles(box: Box): SVGCircleElement[] {
  return HANDLES.filter((at) => at.horizontal !== 0 || at.vertical !== 0).map((at) =>
    svg("circle", {
      class: `handle handle-${at.horizontal}${at.vertical}`,
      cx: box.x + (box.width * (at.horizontal + 1)) / 2,
      cy: box.y + (box.height * (at.vertical + 1)) / 2,
      "data-horizontal": at.horizontal,
      "data-vertical": at.vertical,
    }),
  );
}

export function drawScene(group: SVGGElement, scene: Scene): void {
  const drawn: SVGElement[] = scene.proposals.map((one) =>
    drawBox(
      one,
      "box-proposed",
      scene.tone(one.label),
      `${one.label} ${Math.round(one.confidence * 100)} %`,
    ),
  );
  scene.boxes.forEach((box, index) => {
    const css = index === scene.chosen ? "box-drawn box-chosen" : "box-drawn";
    const element = drawBox(box, css, scene.tone(box.label), box.label);
    element.dataset.index = String(index);
    drawn.push(element);
  });
  if (scene.draft) {
    drawn.push(drawBox(scene.draft, "box-draft", scene.tone(scene.draft.label), scene.draft.label));
  }
  const chosen = scene.boxes[scene.chosen];
  if (chosen) drawn.push(...drawHandles(chosen));
  group.replaceChildren(...drawn);
}
