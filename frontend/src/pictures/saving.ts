// Sends boxes to the server, and says what it has against them.
import { complaints, type Complaint } from "../complaints";
import { csrfToken } from "../requests";
import type { Box } from "./boxes";

export interface Drawn {
  boxes: Box[] | null;
  revision: number;
  changed_by: string | null;
}
export type Outcome =
  | { kind: "saved"; drawn: Drawn }
  | { kind: "conflict"; theirs: Drawn; told: Complaint }
  | { kind: "refused"; told: Complaint };

const UNREACHED: Complaint = {
  title: "The server cannot be reached",
  texts: ["Nothing was saved, and nothing is lost: your boxes are still here. Save again."],
};

export async function save(url: string, boxes: Box[], revision: number): Promise<Outcome> {
  try {
    const answer = await fetch(url, {
      method: "PUT",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify({ boxes, revision }),
    });
    if (answer.ok) return { kind: "saved", drawn: (await answer.json()) as Drawn };
    const told = complaints(answer.status, await answer.text());
    if (answer.status !== 409) return { kind: "refused", told };
    const theirs = await fetch(url, { headers: { Accept: "application/json" } });
    if (!theirs.ok) return { kind: "refused", told };
    return { kind: "conflict", theirs: (await theirs.json()) as Drawn, told };
  } catch {
    return { kind: "refused", told: UNREACHED };
  }
}
