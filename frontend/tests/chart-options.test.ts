import { describe, expect, it } from "vitest";
import type { ChartBlock } from "../src/blocks";
import { chartOption } from "../src/chart-options";
import type { Palette } from "../src/palette";

const colours: Palette = {
  text: "#000",
  muted: "#666",
  line: "#ccc",
  surface: "#fff",
  series: ["#111", "#222"],
  bad: "#f00",
  warning: "#fa0",
  good: "#0a0",
};

function block(changes: Partial<ChartBlock>): ChartBlock {
  const series = [{ name: "a", x: [1, 2, 3], y: [4, null, 6] }];
  return {
    title: "t",
    series,
    form: "line",
    x_title: "",
    y_title: "",
    x_kind: "value",
    y_kind: "value",
    hint: "",
    ...changes,
  };
}

interface Drawn {
  series: { data: unknown[]; type: string; lineStyle: { type: unknown } }[];
}

function seriesOf(changes: Partial<ChartBlock>): Drawn["series"] {
  return (chartOption(block(changes), colours, {}) as unknown as Drawn).series;
}

describe("chart options", () => {
  it("keeps a missing value as a gap", () => {
    expect(seriesOf({})[0]?.data).toEqual([
      [1, 4],
      [2, null],
      [3, 6],
    ]);
  });

  it("leaves out what a logarithm cannot show", () => {
    const series = [{ name: "a", x: [0, 1, 10], y: [5, 0, 6] }];

    expect(seriesOf({ series, x_kind: "log", y_kind: "log" })[0]?.data).toEqual([
      [1, null],
      [10, 6],
    ]);
  });

  it("tells lines apart without colour", () => {
    const series = ["a", "b"].map((name) => ({ name, x: [1], y: [1] }));

    const [first, second] = seriesOf({ series });

    expect(first?.lineStyle.type).not.toEqual(second?.lineStyle.type);
  });

  it("reads text on an axis of values as categories", () => {
    const series = [{ name: "a", x: ["low", "high"], y: [1, 2] }];

    const option = chartOption(block({ series, form: "bar" }), colours, {}) as unknown as {
      xAxis: { type: string };
    };

    expect(option.xAxis.type).toBe("category");
  });
});
