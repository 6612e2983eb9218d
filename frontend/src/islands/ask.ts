// The form that asks: each picture goes by itself, its answer appears at once, and the form stays ready
// for the next question. Without JavaScript the form works as it is.
import htmx from "htmx.org";
import { complaints } from "../complaints";
import { make } from "../elements";
import { size } from "../figures";
import { jsonLines } from "../lines";
import type { Dispose } from "../mount";

interface Line {
  total?: number;
  thread?: string;
  name?: string;
  html?: string;
  problem?: string;
}

interface Parts {
  form: HTMLFormElement;
  into: HTMLElement;
  files: HTMLInputElement | null;
  board: HTMLElement;
  bar: HTMLProgressElement;
  words: HTMLElement;
  cancel: HTMLButtonElement;
  faults: HTMLElement;
}

interface Count {
  done: number;
  failed: number;
  total: number;
}

function build(form: HTMLFormElement, into: HTMLElement): Parts {
  const board = make("div", "card-body border-top");
  const bar = make("progress", "progress progress-sm mb-2");
  const words = make("div", "text-secondary mb-2");
  const cancel = make("button", "btn btn-sm", "Stop");
  const faults = make("div", "mt-2");
  bar.setAttribute("aria-label", "Answered");
  words.setAttribute("aria-live", "polite");
  faults.setAttribute("role", "alert");
  cancel.type = "button";
  board.hidden = true;
  board.append(bar, words, cancel, faults);
  form.querySelector(".card-footer")?.before(board);
  const name = form.dataset.many ?? "";
  const files =
    name === "" ? null : form.querySelector<HTMLInputElement>(`input[type=file][name="${name}"]`);
  return { form, into, files, board, bar, words, cancel, faults };
}

function fault(parts: Parts, name: string, text: string): void {
  const line = make("div", "alert alert-danger py-2 mb-2");
  const body = make("div", "");
  if (name !== "") body.append(make("strong", "", `${name}: `));
  body.append(text);
  line.append(body);
  parts.faults.append(line);
  parts.board.hidden = false;
}

function show(parts: Parts, count: Count, isOver: boolean): void {
  const { bar, words, cancel } = parts;
  bar.max = Math.max(count.total, 1);
  bar.value = count.done + count.failed;
  const failed = count.failed > 0 ? `, ${count.failed} could not be` : "";
  words.textContent = `${count.done} of ${count.total} answered${failed}.`;
  bar.hidden = isOver;
  cancel.hidden = isOver;
  parts.board.hidden = isOver && count.total <= 1 && count.failed === 0;
  words.hidden = count.total <= 1;
}

function follow(parts: Parts, thread: string): void {
  const address = new URL(location.href);
  address.search = `?thread=${thread}`;
  history.replaceState(null, "", address);
  parts.form.action = address.href;
}

function answered(parts: Parts, html: string): void {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const article = holder.content.firstElementChild;
  if (article === null || document.getElementById(article.id) !== null) return;
  document.querySelector("[data-empty]")?.remove();
  parts.into.prepend(article);
  htmx.process(article);
  const follows = parts.form.querySelector<HTMLInputElement>("input[name=follows]");
  if (follows !== null) follows.value = article.id.replace("answer-", "");
  for (const part of document.querySelectorAll<HTMLElement>("[data-again], [data-anew]")) {
    part.hidden = false;
  }
}

function take(parts: Parts, line: Line, count: Count): void {
  if (line.html !== undefined) {
    count.done += 1;
    answered(parts, line.html);
    if (line.thread !== undefined) follow(parts, line.thread);
  } else if (line.problem !== undefined) {
    count.failed += 1;
    fault(parts, line.name ?? "", line.problem);
  } else {
    // An archive turns out to hold many: it was counted as one.
    count.total += (line.total ?? 1) - 1;
  }
  show(parts, count, false);
}

async function send(
  parts: Parts,
  data: FormData,
  name: string,
  count: Count,
  signal: AbortSignal,
): Promise<void> {
  const answer = await fetch(parts.form.action, {
    method: "POST",
    body: data,
    signal,
    headers: { Accept: "application/x-ndjson" },
  });
  const isStream = answer.headers.get("Content-Type")?.includes("ndjson") === true;
  if (!isStream || answer.body === null) {
    const found = complaints(answer.status, await answer.text());
    count.failed += 1;
    fault(parts, name, [found.title, ...found.texts].join(". "));
    return;
  }
  for await (const line of jsonLines(answer.body)) take(parts, line as Line, count);
}

/** One form for each file, so that one that is refused stops no other. */
function forms(parts: Parts): { name: string; data: FormData }[] {
  const chosen = [...(parts.files?.files ?? [])];
  const field = parts.files?.name ?? "";
  const token = new FormData(parts.form).get("token");
  const start = typeof token === "string" ? token : "";
  if (chosen.length === 0) return [{ name: "", data: new FormData(parts.form) }];
  return chosen.map((file, index) => {
    const data = new FormData(parts.form);
    data.set(field, file, file.name);
    data.set("token", index === 0 ? start : `${start.slice(0, 50)}-${index}`);
    return { name: file.name, data };
  });
}

function fileInputs(form: HTMLFormElement): HTMLInputElement[] {
  return [...form.querySelectorAll<HTMLInputElement>("input[type=file]")];
}

function refused(parts: Parts): boolean {
  const chosen = [...(parts.files?.files ?? [])];
  const all = fileInputs(parts.form).flatMap((input) => [...(input.files ?? [])]);
  const most = Number(parts.form.dataset.most ?? 50);
  const limit = Number(parts.form.dataset.maxBytes?.replaceAll(",", "") ?? Infinity);
  parts.faults.replaceChildren();
  if (chosen.length > most) {
    fault(
      parts,
      "",
      `At most ${most} pictures can be asked about at once. Upload them as a dataset and score that.`,
    );
  }
  for (const file of all.filter((one) => one.size > limit)) {
    fault(parts, file.name, `A file must be at most ${size(limit)}. It is ${size(file.size)}.`);
  }
  return parts.faults.childElementCount > 0;
}

/** Ready for the next: another token, no files, and the words selected to be written over. */
function renew(parts: Parts, isAllWell: boolean): void {
  const token = parts.form.querySelector<HTMLInputElement>("input[name=token]");
  if (token !== null) token.value = crypto.randomUUID().replaceAll("-", "");
  if (isAllWell) {
    for (const files of fileInputs(parts.form)) {
      files.value = "";
      files.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
  const next =
    parts.form.querySelector<HTMLTextAreaElement>("textarea:not([name^=setting_])") ??
    parts.form.querySelector<HTMLInputElement>("input[data-scan]");
  next?.focus();
  next?.select();
}

async function ask(parts: Parts, signal: AbortSignal): Promise<void> {
  const all = forms(parts);
  const count: Count = { done: 0, failed: 0, total: all.length };
  const buttons = parts.form.querySelectorAll<HTMLButtonElement>("button[type=submit]");
  for (const button of buttons) button.disabled = true;
  show(parts, count, false);
  try {
    for (const { name, data } of all) {
      await send(parts, data, name, count, signal);
      show(parts, count, false);
    }
  } catch {
    const text = signal.aborted ? "Stopped." : "The connection broke.";
    fault(parts, "", `${text} What was answered is kept; ask again for the rest.`);
  } finally {
    for (const button of buttons) button.disabled = false;
    show(parts, count, true);
    renew(parts, count.failed === 0 && !signal.aborted);
  }
}

/** A scanner ends a serial with Enter: what is next is the picture, not the question. */
function onScan(parts: Parts, event: KeyboardEvent): void {
  const target = event.target;
  if (event.key !== "Enter" || !(target instanceof HTMLInputElement)) return;
  if (target.dataset.scan === undefined || parts.files === null) return;
  if ((parts.files.files?.length ?? 0) > 0) return;
  event.preventDefault();
  parts.files.focus();
}

/** Put files into a chooser; with none it keeps what it has. */
function give(into: HTMLInputElement, files: File[]): void {
  if (files.length === 0) return;
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  into.files = carrier.files;
  into.dispatchEvent(new Event("change", { bubbles: true }));
}

function watchDrops(parts: Parts): void {
  const { form, files } = parts;
  if (files === null) return;
  const zone = make("div", "drop-zone");
  const name = make("div", "drop-name", "Drop pictures here, or choose them");
  files.before(zone);
  zone.append(name, files);
  files.addEventListener("change", () => {
    const chosen = [...(files.files ?? [])];
    const bytes = chosen.reduce((sum, file) => sum + file.size, 0);
    const first = chosen[0];
    name.textContent =
      first === undefined
        ? "Drop pictures here, or choose them"
        : `${chosen.length === 1 ? first.name : `${chosen.length} files`} · ${size(bytes)}`;
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("drop-over", kind === "dragenter" || kind === "dragover");
    });
  }
  form.addEventListener("drop", (event) => {
    const dropped = [...(event.dataTransfer?.files ?? [])];
    const sound = form.querySelector<HTMLInputElement>("input[type=file][accept*=audio]");
    const isHeard = (file: File): boolean => sound !== null && file.type.startsWith("audio/");
    give(
      files,
      dropped.filter((file) => !isHeard(file)),
    );
    if (sound !== null) give(sound, dropped.filter(isHeard).slice(0, 1));
  });
}

export function start(element: HTMLElement): Dispose | undefined {
  const into = document.getElementById(element.dataset.into ?? "");
  if (!(element instanceof HTMLFormElement) || into === null) return undefined;
  const parts = build(element, into);
  let abort = new AbortController();
  watchDrops(parts);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (refused(parts)) return;
    abort = new AbortController();
    void ask(parts, abort.signal);
  });
  element.addEventListener("keydown", (event) => {
    onScan(parts, event);
  });
  parts.cancel.addEventListener("click", () => {
    abort.abort();
  });
  return () => {
    abort.abort();
  };
}
