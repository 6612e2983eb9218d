import { describe, expect, it } from "vitest";
import { complaints } from "../src/complaints";

describe("complaints", () => {
  it("reads rows and advice from problem+json", () => {
    const body = JSON.stringify({
      title: "This data cannot be used",
      detail: "many words",
      advice: "Correct the data.",
      issues: [
        { row: 7, message: "amount must be a number." },
        { row: null, message: "No time." },
      ],
    });

    expect(complaints(422, body)).toEqual({
      title: "This data cannot be used",
      texts: ["Row 7: amount must be a number.", "No time.", "Correct the data."],
    });
  });

  it("reads fields of a form", () => {
    const body = JSON.stringify({ title: "Not valid", fields: { name: ["Too long."] } });

    expect(complaints(400, body).texts).toEqual(["name: Too long."]);
  });

  it("says something useful about an answer that is neither", () => {
    expect(complaints(413, "<html>nginx</html>").title).toBe("Too large");
    expect(complaints(502, "Bad gateway").title).toBe("The server answered 502");
  });
});
