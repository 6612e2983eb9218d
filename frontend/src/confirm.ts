// Asks before something is done that is hard to undo: data-confirm on a form or on its button.

interface Asked {
  title: string;
  text: string;
  action: string;
}

let answer: ((yes: boolean) => void) | undefined;

function ask(asked: Asked): Promise<boolean> {
  const dialog = document.querySelector<HTMLDialogElement>("#confirm-dialog");
  if (dialog === null) return Promise.resolve(true);
  const put = (id: string, words: string): void => {
    const element = document.getElementById(id);
    if (element !== null) element.textContent = words;
  };
  put("confirm-title", asked.title);
  put("confirm-text", asked.text);
  put("confirm-yes", asked.action);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
    dialog.addEventListener(
      "close",
      () => {
        answer?.(dialog.returnValue === "yes");
      },
      { once: true },
    );
  });
}

function wordsOf(element: HTMLElement, text: string): Asked {
  return {
    title: element.dataset.confirmTitle ?? "Are you sure?",
    text,
    action: element.dataset.confirmAction ?? "Yes, do it",
  };
}

const confirmed = new WeakSet<HTMLFormElement>();

function holdForm(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const { submitter } = event;
  const source = [submitter, form].find((element) => element?.dataset.confirm !== undefined);
  if (source === undefined || source === null || confirmed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  void ask(wordsOf(source, source.dataset.confirm ?? "")).then((yes) => {
    if (!yes) return;
    confirmed.add(form);
    form.requestSubmit(submitter);
  });
}

type HtmxConfirm = CustomEvent<{
  question: string | null;
  elt: HTMLElement;
  issueRequest: (skip: boolean) => void;
}>;

function holdRequest(event: Event): void {
  const { question, elt, issueRequest } = (event as HtmxConfirm).detail;
  if (question === null || question === "") return;
  event.preventDefault();
  void ask(wordsOf(elt, question)).then((yes) => {
    if (yes) issueRequest(true);
  });
}

export function startConfirm(): void {
  // While the event goes down, so that neither htmx nor the browser acts before the answer.
  document.addEventListener("submit", holdForm, { capture: true });
  document.addEventListener("htmx:confirm", holdRequest);
}
