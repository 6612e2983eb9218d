// What each key does while a picture is looked at; typing in a field is left alone.

export interface Commands {
  mayLabel: boolean;
  hasChosen(): boolean;
  nudge(dx: number, dy: number): void;
  stretch(dx: number, dy: number): void;
  classify(number: number): void;
  next(by: 1 | -1): void;
  run: Record<string, () => void>;
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const LOOKING: Record<string, string> = { "+": "zoom-in", "-": "zoom-out", "0": "home" };
const DRAWING: Record<string, string> = {
  delete: "remove",
  backspace: "remove",
  s: "save",
  e: "nothing",
  a: "accept",
  b: "draw",
  v: "move",
  c: "add",
  escape: "none",
};

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input, select, textarea, dialog *"))
  );
}

/** The name of what a key does, or a number for a class; undefined if it does nothing here. */
export function meaning(
  key: string,
  held: { command: boolean; shift: boolean; alt: boolean },
  mayLabel: boolean,
): string | undefined {
  const lower = key.toLowerCase();
  if (held.command) {
    if (!mayLabel) return undefined;
    if (lower === "z") return held.shift ? "redo" : "undo";
    return { y: "redo", s: "save" }[lower];
  }
  if (held.alt) return undefined;
  return LOOKING[key] ?? (mayLabel ? DRAWING[lower] : undefined);
}

function onArrow(event: KeyboardEvent, arrow: [number, number], commands: Commands): boolean {
  const step = event.shiftKey ? 10 : 1;
  const [dx, dy] = [arrow[0] * step, arrow[1] * step];
  if (commands.mayLabel && commands.hasChosen()) {
    if (event.altKey) commands.stretch(dx, dy);
    else commands.nudge(dx, dy);
    return true;
  }
  if (event.altKey || dy !== 0) return false;
  commands.run[dx < 0 ? "before" : "after"]?.();
  return true;
}

/** Listen to the keys of the page. `hold` is told while the space bar is held. */
export function startKeys(commands: Commands, hold: (isHeld: boolean) => void): () => void {
  const obey = (event: KeyboardEvent): boolean => {
    const command = event.ctrlKey || event.metaKey;
    const arrow = ARROWS[event.key];
    if (arrow && !command) return onArrow(event, arrow, commands);
    if (
      event.key === " " &&
      event.target instanceof HTMLElement &&
      event.target.dataset.stage !== undefined
    ) {
      if (!event.repeat) hold(true);
      return true;
    }
    const held = { command, shift: event.shiftKey, alt: event.altKey };
    const name = meaning(event.key, held, commands.mayLabel);
    if (name !== undefined) {
      commands.run[name]?.();
      return true;
    }
    if (command || event.altKey || !commands.mayLabel) return false;
    if (/^[1-9]$/.test(event.key)) commands.classify(Number(event.key));
    else if (event.key.toLowerCase() === "n") commands.next(event.shiftKey ? -1 : 1);
    else return false;
    return true;
  };
  const down = (event: KeyboardEvent): void => {
    if (isTyping(event.target) || event.defaultPrevented) return;
    if (obey(event)) event.preventDefault();
  };
  const up = (event: KeyboardEvent): void => {
    if (event.key === " ") hold(false);
  };
  document.addEventListener("keydown", down, true);
  document.addEventListener("keyup", up, true);
  return () => {
    document.removeEventListener("keydown", down, true);
    document.removeEventListener("keyup", up, true);
  };
}
