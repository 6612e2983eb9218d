// Boxes on a picture as plain values: move, resize, clip, compare; and what was done to them, to undo it.

export interface Box {
  label: string;
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Proposal extends Box {
  confidence: number;
}
export interface Size {
  width: number;
  height: number;
}
/** Which sides a drag moves: -1 left or upper, 1 right or lower, 0 neither. */
export interface Sides {
  horizontal: -1 | 0 | 1;
  vertical: -1 | 0 | 1;
}

const LEAST_SIDE = 2; // pixels of the picture: less is a slip of the hand

const round = (value: number): number => Math.round(value * 100) / 100;
const between = (value: number, low: number, high: number): number =>
  Math.min(Math.max(value, low), high);

/** The box between two corners, cut at the edges of the picture; undefined if hardly anything is left. */
export function boxBetween(
  label: string,
  from: { x: number; y: number },
  to: { x: number; y: number },
  picture: Size,
): Box | undefined {
  const left = between(Math.min(from.x, to.x), 0, picture.width);
  const upper = between(Math.min(from.y, to.y), 0, picture.height);
  const width = between(Math.max(from.x, to.x), 0, picture.width) - left;
  const height = between(Math.max(from.y, to.y), 0, picture.height) - upper;
  if (width < LEAST_SIDE || height < LEAST_SIDE) return undefined;
  return { label, x: round(left), y: round(upper), width: round(width), height: round(height) };
}

/** The box elsewhere, as large as it was, within the picture. */
export function moved(box: Box, dx: number, dy: number, picture: Size): Box {
  return {
    ...box,
    x: round(between(box.x + dx, 0, Math.max(0, picture.width - box.width))),
    y: round(between(box.y + dy, 0, Math.max(0, picture.height - box.height))),
  };
}

/** The box with some of its sides elsewhere; a side stops before the one across. */
export function resized(box: Box, sides: Sides, dx: number, dy: number, picture: Size): Box {
  let [left, right] = [box.x, box.x + box.width];
  let [upper, lower] = [box.y, box.y + box.height];
  if (sides.horizontal < 0) left = between(left + dx, 0, right - LEAST_SIDE);
  if (sides.horizontal > 0) right = between(right + dx, left + LEAST_SIDE, picture.width);
  if (sides.vertical < 0) upper = between(upper + dy, 0, lower - LEAST_SIDE);
  if (sides.vertical > 0) lower = between(lower + dy, upper + LEAST_SIDE, picture.height);
  return {
    ...box,
    x: round(left),
    y: round(upper),
    width: round(right - left),
    height: round(lower - upper),
  };
}

/** Which part of both boxes together is in both, from 0 to 1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/** What a model proposes that nobody has drawn yet, sure enough, the surest first. */
export function open(proposals: Proposal[], boxes: Box[], least: number): Proposal[] {
  return proposals
    .filter((one) => one.confidence >= least)
    .filter((one) => !boxes.some((box) => box.label === one.label && overlap(box, one) > 0.6))
    .sort((a, b) => b.confidence - a.confidence);
}

export function same(a: Box[] | null, b: Box[] | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return (
        other?.label === one.label &&
        other.x === one.x &&
        other.y === one.y &&
        other.width === one.width &&
        other.height === one.height
      );
    })
  );
}

/** States that were, to go back to and forth again. */
export class History<T> {
  private readonly past: T[] = [];
  private future: T[] = [];

  constructor(private current: T) {}

  get now(): T {
    return this.current;
  }
  get canUndo(): boolean {
    return this.past.length > 0;
  }
  get canRedo(): boolean {
    return this.future.length > 0;
  }
  do(next: T): void {
    this.past.push(this.current);
    this.current = next;
    this.future = [];
  }
  undo(): void {
    const before = this.past.pop();
    if (before === undefined) return;
    this.future.push(this.current);
    this.current = before;
  }
  redo(): void {
    const after = this.future.pop();
    if (after === undefined) return;
    this.past.push(this.current);
    this.current = after;
  }
}
