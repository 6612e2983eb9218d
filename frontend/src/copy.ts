// Buttons that copy: data-copy="text", or data-copy-from="#selector".

function textOf(button: HTMLElement): string {
  const from = button.dataset.copyFrom;
  if (from === undefined) return button.dataset.copy ?? "";
  const element = document.querySelector<HTMLElement>(from);
  return element instanceof HTMLInputElement ? element.value : (element?.textContent ?? "");
}

/** Copy where the page is not served over TLS, and the browser offers no clipboard. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without TLS
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function copy(button: HTMLElement): Promise<void> {
  const text = textOf(button);
  const done = window.isSecureContext
    ? await navigator.clipboard.writeText(text).then(
        () => true,
        () => copyBySelection(text),
      )
    : copyBySelection(text);
  const label = button.querySelector<HTMLElement>("[data-copy-label]") ?? button;
  const before = button.dataset.copyBefore ?? label.textContent;
  button.dataset.copyBefore = before;
  label.textContent = done ? "Copied" : "Select and copy by hand";
  setTimeout(() => {
    label.textContent = before;
  }, 2000);
}

export function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy], [data-copy-from]");
    if (button !== null) void copy(button);
  });
}
