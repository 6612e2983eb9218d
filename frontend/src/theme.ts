// Runs in <head> before anything is drawn, so that no page flashes in the wrong theme. It stands
// alone: an import would make the browser wait for a module.
(() => {
  const root = document.documentElement;
  const media = matchMedia("(prefers-color-scheme: dark)");

  const stored = (): string | null => {
    try {
      return localStorage.getItem("assay-theme");
    } catch {
      return null;
    }
  };

  // The server knows the choice of who is logged in; before that the browser remembers it.
  const apply = (): void => {
    const told = root.dataset.themeChoice ?? "auto";
    const chosen = told === "local" ? (stored() ?? "auto") : told;
    root.dataset.bsTheme = chosen === "auto" ? (media.matches ? "dark" : "light") : chosen;
  };

  apply();
  media.addEventListener("change", apply);
})();
