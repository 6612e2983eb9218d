// Draw, correct and save the boxes of a picture: by pointer, by touch, and by keyboard alone. Without
// JavaScript the picture can be looked at.
import type { Dispose } from "../mount";
import {
  History,
  moved,
  open,
  resized,
  same,
  type Box,
  type Proposal,
  type Size,
} from "../pictures/boxes";
import { startKeys, type Commands } from "../pictures/keys";
import { drawScene } from "../pictures/layer";
import { Panel } from "../pictures/panel";
import { startPointer, type Desk } from "../pictures/pointer";
import { save, type Drawn } from "../pictures/saving";
import { follow, openViewer, pixelAt, svg, zoom } from "../pictures/viewer";

interface Data extends Size {
  picture: string;
  may_label: boolean;
  drawn: Drawn;
  proposals: Proposal[];
  classes: string[];
  save?: string;
}

class Editor implements Desk {
  chosen = -1;
  least = 0.25;
  tool: "draw" | "move" = "draw";
  isVisible = true;
  classes: string[];
  current: string | undefined;
  saved: Drawn;
  isSaving = false;
  private readonly history: History<Box[]>;
  private draft: Box | undefined;
  private sketched: Box[] | undefined;
  private readonly layer = svg("svg", { class: "viewer-layer" });
  private readonly group = svg("g");
  readonly viewer;

  constructor(
    readonly data: Data,
    private readonly stage: HTMLElement,
    private readonly panel: Panel,
  ) {
    this.saved = data.drawn;
    this.history = new History(data.drawn.boxes ?? []);
    this.classes = [...data.classes];
    this.current = this.classes[0];
    const still = stage.querySelector("img");
    this.viewer = openViewer(stage, data.picture, {
      wheel: true,
      onOpen: () => {
        still?.remove();
        this.viewer.container.append(this.layer);
        follow(this.viewer, this.layer, this.group, data);
        this.viewer.forceRedraw();
        stage.dataset.open = "";
      },
    });
    this.viewer.canvas.tabIndex = -1;
    this.layer.append(this.group);
    if (data.may_label) startPointer(this.viewer, this.layer, data, this);
    this.use(data.may_label ? "draw" : "move");
  }

  get boxes(): Box[] {
    return this.history.now;
  }
  get label(): string | undefined {
    return this.current;
  }
  get isChanged(): boolean {
    return this.data.may_label && !same(this.boxes, this.saved.boxes ?? []);
  }
  get proposed(): Proposal[] {
    return open(this.data.proposals, this.boxes, this.least);
  }
  get canUndo(): boolean {
    return this.history.canUndo;
  }
  get canRedo(): boolean {
    return this.history.canRedo;
  }

  // -- what is shown ---------------------------------------------------------------------------

  draw(): void {
    drawScene(this.group, {
      boxes: this.isVisible ? (this.sketched ?? this.boxes) : [],
      chosen: this.data.may_label ? this.chosen : -1,
      proposals: this.isVisible ? this.proposed : [],
      draft: this.draft,
      tone: (label) => this.toneOf(label),
      picture: this.data,
    });
  }
  show(): void {
    this.draw();
    this.panel.show(this);
  }
  toneOf(label: string): number {
    const at = this.classes.indexOf(label);
    return at < 0 ? 6 : (at % 6) + 1;
  }
  use(tool: "draw" | "move"): void {
    this.tool = tool;
    this.layer.classList.toggle("viewer-drawing", tool === "draw");
    this.show();
  }

  // -- what is done to boxes -------------------------------------------------------------------

  choose(index: number): void {
    this.chosen = index < this.boxes.length ? index : -1;
    const box = this.boxes[this.chosen];
    if (box && this.classes.includes(box.label)) this.current = box.label;
    this.show();
  }
  sketch(boxes: Box[], draft?: Box): void {
    this.sketched = boxes;
    this.draft = draft;
    this.draw();
  }
  finish(boxes: Box[], chosen: number): void {
    this.sketched = this.draft = undefined;
    if (!same(boxes, this.boxes)) this.history.do(boxes);
    this.choose(chosen);
  }
  askForClass(): void {
    this.panel.askForClass();
  }
  change(change: (box: Box) => Box): void {
    const changed = this.boxes.map((box, at) => (at === this.chosen ? change(box) : box));
    this.finish(changed, this.chosen);
  }
  remove(index = this.chosen): void {
    if (!this.boxes[index]) return;
    this.finish(
      this.boxes.filter((_, at) => at !== index),
      -1,
    );
  }
  /** Add a box in the middle of what is seen: for those who draw without a pointer. */
  add(): void {
    if (this.current === undefined) {
      this.askForClass();
      return;
    }
    const frame = this.stage.getBoundingClientRect();
    const at = (part: number): { x: number; y: number } =>
      pixelAt(this.viewer, this.data, {
        clientX: frame.left + frame.width * part,
        clientY: frame.top + frame.height * part,
      });
    const [from, to] = [at(0.4), at(0.6)];
    const box = resized(
      { label: this.current, x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y },
      { horizontal: 0, vertical: 0 },
      0,
      0,
      this.data,
    );
    this.finish([...this.boxes, moved(box, 0, 0, this.data)], this.boxes.length);
  }
  accept(proposals: Proposal[]): void {
    const added = proposals.map(({ label, x, y, width, height }) => ({
      label,
      x,
      y,
      width,
      height,
    }));
    for (const { label } of added) this.know(label);
    if (added.length > 0) this.finish([...this.boxes, ...added], -1);
  }
  know(label: string): void {
    if (!this.classes.includes(label)) this.classes.push(label);
  }
  classify(label: string): void {
    this.know(label);
    this.current = label;
    if (this.boxes[this.chosen]) this.change((box) => ({ ...box, label }));
    else this.show();
  }
  undo(): void {
    this.history.undo();
    this.choose(-1);
  }
  redo(): void {
    this.history.redo();
    this.choose(-1);
  }
  take(drawn: Drawn): void {
    this.saved = drawn;
    this.finish(drawn.boxes ?? [], -1);
    this.show();
  }

  /** Save; true if all is on the server. `revision` says what is saved over. */
  async save(revision = this.saved.revision): Promise<boolean> {
    if (this.isSaving || this.data.save === undefined) return false;
    this.isSaving = true;
    this.show();
    const sent = this.boxes;
    const outcome = await save(this.data.save, sent, revision);
    this.isSaving = false;
    this.panel.tell(this, outcome);
    if (outcome.kind === "saved") {
      this.saved = outcome.drawn;
      // The server rounds and cuts at the edges: what it has is what is shown.
      if (same(sent, this.boxes) && !same(sent, outcome.drawn.boxes)) {
        this.finish(outcome.drawn.boxes ?? [], this.chosen);
      }
    }
    this.show();
    return outcome.kind === "saved";
  }
  async saveNothing(): Promise<void> {
    this.finish([], -1);
    await this.save();
  }
}

function commandsOf(editor: Editor, leave: (where: string) => void): Commands {
  const nudge = (dx: number, dy: number): void => {
    editor.change((box) => moved(box, dx, dy, editor.data));
  };
  const stretch = (dx: number, dy: number): void => {
    editor.change((box) => resized(box, { horizontal: 1, vertical: 1 }, dx, dy, editor.data));
  };
  return {
    mayLabel: editor.data.may_label,
    hasChosen: () => editor.boxes[editor.chosen] !== undefined,
    nudge,
    stretch,
    classify: (number) => {
      const label = editor.classes[number - 1];
      if (label !== undefined) editor.classify(label);
    },
    next: (by) => {
      const count = editor.boxes.length;
      if (count > 0) editor.choose((editor.chosen + by + count) % count);
    },
    run: {
      undo: () => {
        editor.undo();
      },
      redo: () => {
        editor.redo();
      },
      remove: () => {
        editor.remove();
      },
      add: () => {
        editor.add();
      },
      save: () => void editor.save(),
      nothing: () => void editor.saveNothing(),
      accept: () => {
        editor.accept(editor.proposed);
      },
      draw: () => {
        editor.use("draw");
      },
      move: () => {
        editor.use("move");
      },
      none: () => {
        editor.choose(-1);
      },
      before: () => {
        leave("before");
      },
      after: () => {
        leave("after");
      },
      "zoom-in": () => {
        zoom(editor.viewer, 1.5);
      },
      "zoom-out": () => {
        zoom(editor.viewer, 1 / 1.5);
      },
      home: () => {
        editor.viewer.viewport.goHome();
      },
    },
  };
}

export function start(root: HTMLElement): Dispose | undefined {
  const source = document.getElementById(root.dataset.source ?? "");
  const stage = root.querySelector<HTMLElement>("[data-stage]");
  if (!source || !stage) return undefined;
  const data = JSON.parse(source.textContent) as Data;
  const panel = new Panel(root);
  const editor = new Editor(data, stage, panel);

  const links = [...document.querySelectorAll<HTMLAnchorElement>("a[data-go]")];
  const follows = async (link: HTMLAnchorElement): Promise<void> => {
    if (!editor.isChanged || (await editor.save())) location.assign(link.href);
  };
  const leave = (where: string): void => {
    const link = links.find((one) => one.dataset.go === where);
    if (link) void follows(link);
  };
  const onLink = (event: MouseEvent): void => {
    if (!editor.isChanged || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void follows(event.currentTarget as HTMLAnchorElement);
  };
  const guard = (event: BeforeUnloadEvent): void => {
    if (editor.isChanged) event.preventDefault();
  };
  for (const link of links) link.addEventListener("click", onLink);
  addEventListener("beforeunload", guard);
  const commands = commandsOf(editor, leave);
  panel.start(editor, commands);
  const stopKeys = startKeys(commands, (isHeld) => {
    if (data.may_label) editor.use(isHeld ? "move" : "draw");
  });
  editor.show();
  return () => {
    stopKeys();
    removeEventListener("beforeunload", guard);
    for (const link of links) link.removeEventListener("click", onLink);
    editor.viewer.destroy();
  };
}
