import { describe, expect, it } from "vitest";
import { boxBetween, History, moved, open, overlap, resized, same } from "../src/pictures/boxes";
import { meaning } from "../src/pictures/keys";

const picture = { width: 100, height: 50 };
const box = { label: "crack", x: 10, y: 10, width: 20, height: 20 };

describe("boxes", () => {
  it("are drawn from any corner and cut at the edges", () => {
    const drawn = boxBetween("crack", { x: 120, y: 60 }, { x: 90.127, y: -5 }, picture);

    expect(drawn).toEqual({ label: "crack", x: 90.13, y: 0, width: 9.87, height: 50 });
  });

  it("are not drawn by a slip of the hand", () => {
    expect(boxBetween("crack", { x: 5, y: 5 }, { x: 6, y: 30 }, picture)).toBeUndefined();
    expect(boxBetween("crack", { x: -9, y: 5 }, { x: -2, y: 30 }, picture)).toBeUndefined();
  });

  it("stay as large as they are where they are moved, and inside", () => {
    expect(moved(box, 500, -500, picture)).toEqual({ ...box, x: 80, y: 0 });
  });

  it("keep an area when a side is pushed over the one across", () => {
    const small = resized(box, { horizontal: 1, vertical: -1 }, -500, 500, picture);

    expect(small).toEqual({ ...box, y: 28, width: 2, height: 2 });
    expect(resized(box, { horizontal: -1, vertical: 1 }, -500, 500, picture)).toEqual({
      ...box,
      x: 0,
      width: 30,
      height: 40,
    });
  });

  it("overlap by the part that both share", () => {
    expect(overlap(box, box)).toBe(1);
    expect(overlap(box, { ...box, x: 20 })).toBeCloseTo(1 / 3);
    expect(overlap(box, { ...box, x: 30 })).toBe(0);
  });

  it("are told apart from what nobody has looked at", () => {
    expect(same([], null)).toBe(false);
    expect(same([box], [{ ...box }])).toBe(true);
    expect(same([box], [{ ...box, label: "pore" }])).toBe(false);
  });

  it("are proposed if sure enough and not drawn yet, the surest first", () => {
    const proposals = [
      { ...box, confidence: 0.9 },
      { ...box, x: 70, confidence: 0.5 },
      { ...box, x: 60, y: 30, confidence: 0.7 },
      { ...box, x: 40, confidence: 0.1 },
    ];

    expect(open(proposals, [box], 0.25).map((one) => one.confidence)).toEqual([0.7, 0.5]);
  });
});

describe("history", () => {
  it("goes back and forth, and forgets what was undone before something new", () => {
    const history = new History(0);
    history.do(1);
    history.do(2);
    history.undo();
    history.undo();
    history.redo();
    expect([history.now, history.canUndo, history.canRedo]).toEqual([1, true, true]);

    history.do(5);
    history.redo();
    expect([history.now, history.canRedo]).toEqual([5, false]);
  });
});

describe("keys", () => {
  const none = { command: false, shift: false, alt: false };

  it("undo, redo and save with the command key", () => {
    expect(meaning("z", { ...none, command: true }, true)).toBe("undo");
    expect(meaning("Z", { ...none, command: true, shift: true }, true)).toBe("redo");
    expect(meaning("s", { ...none, command: true }, true)).toBe("save");
    expect(meaning("c", { ...none, command: true }, true)).toBeUndefined();
  });

  it("change nothing for those who only look", () => {
    expect(meaning("Delete", none, false)).toBeUndefined();
    expect(meaning("z", { ...none, command: true }, false)).toBeUndefined();
    expect(meaning("+", none, false)).toBe("zoom-in");
  });
});
