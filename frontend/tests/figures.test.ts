import { describe, expect, it } from "vitest";
import { figure, seconds, shortFigure, size } from "../src/figures";

describe("figures", () => {
  it("keeps all digits of a whole number, and those that count of others", () => {
    expect(figure(1_754_155)).toBe("1,754,155");
    expect(figure(0.123456789)).toBe("0.1235");
  });

  it("shows what is not there as a dash", () => {
    expect([figure(null), figure(undefined), figure(NaN)]).toEqual(["–", "–", "–"]);
  });

  it("shortens figures for an axis", () => {
    expect([shortFigure(0), shortFigure(1500), shortFigure(2e6)]).toEqual(["0", "1.5K", "2M"]);
    expect(shortFigure(0.00002)).toBe("2e-5");
  });

  it("says sizes and times as people do", () => {
    expect([size(999), size(53_687_091), size(5e9)]).toEqual(["999 B", "53.7 MB", "5.0 GB"]);
    expect([seconds(12), seconds(200), seconds(7500)]).toEqual(["12 s", "3 min 20 s", "2 h 5 min"]);
    expect(seconds(Infinity)).toBe("–");
  });
});
