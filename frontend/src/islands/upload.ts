// A form with a file: drop it, see how far it is, cancel, read what the server says against it. Without
// JavaScript the form works as it is. data-max-bytes: the largest file that the server takes.
import { seconds, size } from "../figures";
import type { Dispose } from "../mount";
import { make } from "../elements";
import { complaints, type Complaint } from "../complaints";

interface Parts {
  form: HTMLFormElement;
  input: HTMLInputElement;
  zone: HTMLElement;
  name: HTMLElement;
  bar: HTMLProgressElement;
  words: HTMLElement;
  line: HTMLElement;
  cancel: HTMLButtonElement;
  errors: HTMLElement;
}

function build(form: HTMLFormElement, input: HTMLInputElement): Parts {
  const zone = make("div", "drop-zone");
  const name = make("div", "drop-name", "Drop a file here, or choose one");
  const line = make("div", "upload-line");
  const bar = make("progress", "progress progress-sm");
  const words = make("div", "text-secondary");
  const cancel = make("button", "btn btn-sm", "Cancel");
  const errors = make("div", "upload-errors");
  cancel.type = "button";
  bar.max = 100;
  bar.setAttribute("aria-label", "Upload");
  words.setAttribute("aria-live", "polite");
  line.hidden = true;
  line.append(bar, words, cancel);
  errors.setAttribute("role", "alert");
  input.before(zone);
  zone.append(name, input);
  zone.after(line, errors);
  return { form, input, zone, name, bar, words, line, cancel, errors };
}

function complain(parts: Parts, found: Complaint): void {
  const box = make("div", "alert alert-danger mt-3");
  const body = make("div", "");
  body.append(make("strong", "", found.title));
  for (const text of found.texts) body.append(make("div", "", text));
  box.append(body);
  parts.errors.replaceChildren(box);
}

function showFile(parts: Parts): boolean {
  const file = parts.input.files?.[0];
  parts.errors.replaceChildren();
  parts.name.textContent =
    file === undefined ? "Drop a file here, or choose one" : `${file.name} · ${size(file.size)}`;
  // The server may write the limit with thousands separators.
  const limit = Number(parts.form.dataset.maxBytes?.replaceAll(",", "") ?? Infinity);
  if (file === undefined || !(file.size > limit)) return true;
  complain(parts, {
    title: "Too large",
    texts: [`The file must be at most ${size(limit)}. It is ${size(file.size)}. Split it.`],
  });
  return false;
}

function watchDrops(parts: Parts): void {
  const { zone, input } = parts;
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("drop-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    zone.addEventListener(kind, () => {
      zone.classList.remove("drop-over");
    });
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer === null || event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function progress(parts: Parts, started: number, event: ProgressEvent): void {
  const { bar, words } = parts;
  if (!event.lengthComputable) return;
  bar.value = (100 * event.loaded) / event.total;
  const took = (performance.now() - started) / 1000;
  const rate = event.loaded / Math.max(took, 0.1);
  words.textContent =
    event.loaded >= event.total
      ? "All is sent. The server is reading it."
      : `${size(event.loaded)} of ${size(event.total)} · ${size(rate)}/s · ${seconds((event.total - event.loaded) / rate)} left`;
}

function busy(parts: Parts, isBusy: boolean): void {
  parts.line.hidden = !isBusy;
  parts.zone.hidden = isBusy;
  for (const button of parts.form.querySelectorAll<HTMLButtonElement>("button[type=submit]")) {
    button.disabled = isBusy;
  }
}

function send(parts: Parts, request: XMLHttpRequest): void {
  const { form } = parts;
  const started = performance.now();
  const stop = (found: Complaint): void => {
    busy(parts, false);
    complain(parts, found);
  };
  request.upload.addEventListener("progress", (event) => {
    progress(parts, started, event);
  });
  request.addEventListener("load", () => {
    const page = new URL(request.responseURL);
    // The server sent us on to the page of what it stored: go there.
    if (request.status < 300 && page.pathname !== location.pathname) location.assign(page.href);
    else stop(complaints(request.status, request.responseText));
  });
  request.addEventListener("error", () => {
    stop({
      title: "The connection broke",
      texts: ["Nothing was stored. Check the network and send the file again."],
    });
  });
  request.addEventListener("abort", () => {
    busy(parts, false);
  });
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/problem+json, application/json");
  busy(parts, true);
  parts.bar.value = 0;
  request.send(new FormData(form));
}

export function start(element: HTMLElement): Dispose | undefined {
  const input = element.querySelector<HTMLInputElement>("input[type=file]");
  if (!(element instanceof HTMLFormElement) || input === null) return undefined;
  const parts = build(element, input);
  const request = new XMLHttpRequest();
  watchDrops(parts);
  input.addEventListener("change", () => showFile(parts));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (showFile(parts)) send(parts, request);
  });
  parts.cancel.addEventListener("click", () => {
    request.abort();
  });
  return () => {
    request.abort();
  };
}
