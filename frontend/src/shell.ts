// The frame: the menu on small screens, messages that can be closed, the theme, forms sent once.
import { csrfToken } from "./requests";

function toggleMenus(event: Event): void {
  const button = (event.target as Element).closest<HTMLElement>("[data-toggle]");
  const target = document.querySelector(button?.dataset.toggle ?? "none");
  if (button === null || target === null) return;
  const isOpen = target.classList.toggle("show");
  button.setAttribute("aria-expanded", String(isOpen));
}

function dismiss(event: Event): void {
  const button = (event.target as Element).closest("[data-dismiss]");
  button?.closest(".alert, .toast")?.remove();
}

function switchTheme(event: Event): void {
  const form = event.target as HTMLFormElement;
  if (!form.matches("[data-theme-switch]")) return;
  event.preventDefault();
  const root = document.documentElement;
  const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = theme;
  rememberTheme(theme);
  if (root.dataset.themeChoice === "local") return;
  root.dataset.themeChoice = theme;
  void fetch(form.action, {
    method: "POST",
    headers: { "X-CSRFToken": csrfToken(), "X-Island": "theme" },
    body: new URLSearchParams({ theme }),
  });
}

/** Keep the theme for the login page, which does not know who will log in. */
function rememberTheme(theme: string): void {
  try {
    localStorage.setItem("assay-theme", theme);
  } catch {
    // A browser that keeps nothing shows the theme of the device.
  }
}

function sendOnce(event: Event): void {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.method !== "post" || form.target !== "") return;
  const buttons = form.querySelectorAll<HTMLButtonElement>("button:not([type=button])");
  // After this turn, so that the name and value of the pressed button are still sent.
  setTimeout(() => {
    for (const button of buttons) button.disabled = true;
  });
  setTimeout(() => {
    for (const button of buttons) button.disabled = false;
  }, 10_000);
}

export function startShell(): void {
  const { themeChoice } = document.documentElement.dataset;
  if (themeChoice !== undefined && themeChoice !== "local") rememberTheme(themeChoice);
  document.addEventListener("click", toggleMenus);
  document.addEventListener("click", dismiss);
  document.addEventListener("submit", switchTheme);
  document.addEventListener("submit", sendOnce);
  // A form that the back button brings back can be sent again.
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll<HTMLButtonElement>("form button:disabled")) {
      button.disabled = false;
    }
  });
}
