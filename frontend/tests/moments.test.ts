import { describe, expect, it } from "vitest";
import { agoWords, localWords, zoneWords } from "../src/moments";

const noon = new Date("2026-11-23T12:00:00Z");

describe("moments", () => {
  it("says how long ago something was", () => {
    const before = (seconds: number): string =>
      agoWords(new Date(noon.getTime() - 1000 * seconds), noon);

    expect(before(3)).toBe("just now");
    expect(before(45)).toBe("45 seconds ago");
    expect(before(7 * 60)).toBe("7 minutes ago");
    expect(before(26 * 3600)).toBe("yesterday");
    expect(before(400 * 86_400)).toBe("last year");
  });

  it("shows a moment in the zone of who reads", () => {
    expect(localWords(noon, "full", "Europe/Berlin")).toBe("23 Nov 2026, 13:00");
    expect(localWords(noon, "date", "Pacific/Auckland")).toBe("24 Nov 2026");
  });

  it("names the zone and tells UTC beside it", () => {
    const words = zoneWords(noon, "Asia/Tokyo");

    expect(words).toContain("21:00:00");
    expect(words).toContain("(Asia/Tokyo)");
    expect(words).toContain("2026-11-23 12:00:00 UTC");
  });
});
