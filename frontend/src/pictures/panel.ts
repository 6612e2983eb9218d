// What stands beside the picture: state, classes, boxes, proposals, and what the server said.
import type { Complaint } from "../complaints";
import type { Box, Proposal } from "./boxes";
import type { Commands } from "./keys";
import type { Drawn, Outcome } from "./saving";

/** What the panel shows and asks for; the editor is one. */
export interface Subject {
  readonly data: { may_label: boolean; proposals: Proposal[] };
  readonly boxes: Box[];
  readonly chosen: number;
  readonly classes: string[];
  readonly current: string | undefined;
  readonly proposed: Proposal[];
  readonly saved: Drawn;
  readonly tool: string;
  readonly isChanged: boolean;
  readonly isSaving: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  least: number;
  isVisible: boolean;
  choose(index: number): void;
  remove(index: number): void;
  classify(label: string): void;
  accept(proposals: Proposal[]): void;
  take(drawn: Drawn): void;
  save(revision: number): Promise<boolean>;
  show(): void;
  toneOf(label: string): number;
}

function button(css: string, text: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = css;
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

export class Panel {
  constructor(private readonly root: HTMLElement) {}

  private find(selector: string): HTMLElement | null {
    return this.root.querySelector<HTMLElement>(selector);
  }

  /** Let buttons, switches and the slider act. */
  start(subject: Subject, commands: Commands): void {
    this.root.addEventListener("click", (event) => {
      const target = event.target as Element;
      const name =
        target.closest<HTMLElement>("[data-do]")?.dataset.do ??
        target.closest<HTMLElement>("[data-tool]")?.dataset.tool;
      if (name !== undefined) commands.run[name]?.();
    });
    this.root
      .querySelector<HTMLInputElement>("[data-show]")
      ?.addEventListener("change", (event) => {
        subject.isVisible = (event.target as HTMLInputElement).checked;
        subject.show();
      });
    this.root
      .querySelector<HTMLInputElement>("[data-limit]")
      ?.addEventListener("input", (event) => {
        subject.least = Number((event.target as HTMLInputElement).value) / 100;
        subject.show();
      });
    const form = this.root.querySelector<HTMLFormElement>("[data-new-class]");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      const field = form.elements.namedItem("label") as HTMLInputElement;
      const label = field.value.trim();
      if (label !== "") subject.classify(label);
      field.value = "";
      field.blur();
    });
  }

  askForClass(): void {
    const field = this.root.querySelector<HTMLInputElement>("[data-new-class] input");
    field?.focus();
    this.complain({ title: "No class yet", texts: ["Name a class first, then draw."] });
  }

  show(subject: Subject): void {
    this.showState(subject);
    this.showTools(subject);
    this.showClasses(subject);
    this.showBoxes(subject);
    this.showProposals(subject);
  }

  private showState(subject: Subject): void {
    const state = this.find("[data-state]");
    if (!state) return;
    const { saved } = subject;
    const by = saved.changed_by === null ? "" : ` by ${saved.changed_by}`;
    let words = `Saved${by}.`;
    if (subject.isSaving) words = "Saving…";
    else if (subject.isChanged) words = "Changed, not saved yet.";
    else if (saved.boxes === null) words = "Nobody has looked at this picture yet.";
    else if (saved.revision === 0) words = "As in this version.";
    if (state.textContent !== words) state.textContent = words;
  }

  private showTools(subject: Subject): void {
    const off: Record<string, boolean> = {
      undo: !subject.canUndo,
      redo: !subject.canRedo,
      save: !subject.isChanged || subject.isSaving,
      nothing: subject.isSaving,
      accept: subject.proposed.length === 0,
    };
    for (const [name, isOff] of Object.entries(off)) {
      const found = this.root.querySelector<HTMLButtonElement>(`[data-do="${name}"]`);
      if (found) found.disabled = isOff;
    }
    for (const tool of this.root.querySelectorAll<HTMLElement>("[data-tool]")) {
      const isUsed = tool.dataset.tool === subject.tool;
      tool.setAttribute("aria-pressed", String(isUsed));
      tool.classList.toggle("active", isUsed);
    }
  }

  private showClasses(subject: Subject): void {
    const list = this.find("[data-classes]");
    list?.replaceChildren(
      ...subject.classes.map((label, index) => {
        const isCurrent = label === subject.current;
        const made = button(
          `btn btn-sm class-choice box-tone-${subject.toneOf(label)}`,
          label,
          () => {
            subject.classify(label);
          },
        );
        made.setAttribute("role", "radio");
        made.setAttribute("aria-checked", String(isCurrent));
        made.classList.toggle("active", isCurrent);
        if (index < 9) {
          const key = document.createElement("kbd");
          key.textContent = String(index + 1);
          made.prepend(key);
        }
        return made;
      }),
    );
  }

  private showBoxes(subject: Subject): void {
    const count = this.find("[data-count]");
    if (count) count.textContent = String(subject.boxes.length);
    this.find("[data-boxes]")?.replaceChildren(
      ...subject.boxes.map((box, index) => {
        const line = document.createElement("li");
        const size = `${Math.round(box.width)} × ${Math.round(box.height)} px`;
        const name = button("box-name", `${box.label} · ${size}`, () => {
          subject.choose(index);
        });
        name.classList.add(`box-tone-${subject.toneOf(box.label)}`);
        name.setAttribute("aria-current", String(index === subject.chosen));
        line.append(name);
        if (subject.data.may_label) {
          const remove = button("btn btn-sm btn-ghost-danger", "Delete", () => {
            subject.remove(index);
          });
          remove.setAttribute("aria-label", `Delete box ${index + 1}, ${box.label}`);
          line.append(remove);
        }
        return line;
      }),
    );
  }

  private showProposals(subject: Subject): void {
    const section = this.find("[data-proposals]");
    if (!section) return;
    section.hidden = subject.data.proposals.length === 0;
    const shown = this.root.querySelector<HTMLOutputElement>("[data-limit-shown]");
    if (shown) shown.value = `${Math.round(subject.least * 100)} %`;
    this.find("[data-proposed]")?.replaceChildren(
      ...subject.proposed.map((one) => {
        const line = document.createElement("li");
        const words = document.createElement("span");
        words.textContent = `${one.label} · ${Math.round(one.confidence * 100)} %`;
        line.append(words);
        if (subject.data.may_label) {
          line.append(
            button("btn btn-sm", "Accept", () => {
              subject.accept([one]);
            }),
          );
        }
        return line;
      }),
    );
  }

  // -- what the server said --------------------------------------------------------------------

  tell(subject: Subject, outcome: Outcome): void {
    this.find("[data-trouble]")?.replaceChildren();
    if (outcome.kind === "saved") return;
    const box = this.complain(outcome.told);
    if (outcome.kind !== "conflict") return;
    const choices = document.createElement("div");
    choices.className = "btn-list mt-2";
    const clear = (): void => {
      this.find("[data-trouble]")?.replaceChildren();
    };
    choices.append(
      button("btn btn-sm", "Load theirs", () => {
        clear();
        subject.take(outcome.theirs);
      }),
      button("btn btn-sm", "Save mine over theirs", () => {
        clear();
        void subject.save(outcome.theirs.revision);
      }),
    );
    box?.append(choices);
  }

  private complain(told: Complaint): HTMLElement | undefined {
    const place = this.find("[data-trouble]");
    if (!place) return undefined;
    const box = document.createElement("div");
    box.className = "alert alert-danger mt-3 mb-0 d-block";
    const title = document.createElement("strong");
    title.textContent = told.title;
    box.append(title);
    for (const text of told.texts) {
      const line = document.createElement("div");
      line.textContent = text;
      box.append(line);
    }
    place.replaceChildren(box);
    return box;
  }
}
