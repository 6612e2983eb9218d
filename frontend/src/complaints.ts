// What the server has against a form, read from problem+json or from the page that it drew again.

export interface Complaint {
  title: string;
  texts: string[];
}

interface Problem {
  title?: string;
  detail?: string;
  advice?: string;
  issues?: { row?: number | null; message: string }[];
  fields?: Record<string, string[]>;
}

const SHOWN = 20;

export function complaints(status: number, body: string): Complaint {
  const problem = parse(body);
  if (problem !== null) return fromProblem(problem);
  const texts = typeof DOMParser === "undefined" ? [] : fromPage(body);
  if (texts.length > 0) return { title: "This was not accepted", texts };
  if (status === 413) {
    return { title: "Too large", texts: ["The file is larger than this server takes. Split it."] };
  }
  return { title: `The server answered ${status}`, texts: ["Nothing was stored. Try again."] };
}

function parse(body: string): Problem | null {
  try {
    const found: unknown = JSON.parse(body);
    return typeof found === "object" && found !== null ? found : null;
  } catch {
    return null;
  }
}

function fromProblem(problem: Problem): Complaint {
  const issues = (problem.issues ?? []).map((issue) =>
    typeof issue.row === "number" ? `Row ${issue.row}: ${issue.message}` : issue.message,
  );
  const fields = Object.entries(problem.fields ?? {}).map(
    ([name, words]) => `${name}: ${words.join(" ")}`,
  );
  const detail = issues.length > 0 ? [] : [problem.detail ?? ""];
  const texts = [...detail, ...issues, ...fields].slice(0, SHOWN);
  return {
    title: problem.title ?? "This was not accepted",
    texts: [...texts, problem.advice ?? ""].filter((text) => text !== ""),
  };
}

function fromPage(body: string): string[] {
  const page = new DOMParser().parseFromString(body, "text/html");
  const found = page.querySelectorAll(".invalid-feedback, .alert-danger, .errorlist, .empty-title");
  const texts = [...found].map((element) => element.textContent.replace(/\s+/g, " ").trim());
  return [...new Set(texts)].filter((text) => text !== "").slice(0, SHOWN);
}
