// A picture with boxes and heat: switches for its layers, and a limit that acts at once.
export function start(root: HTMLElement): undefined {
  const limit = root.querySelector<HTMLInputElement>("[data-limit]");
  const shown = root.querySelector<HTMLOutputElement>("[data-limit-shown]");
  const regions = root.querySelectorAll<SVGGElement>("[data-confidence]");

  const applyLimit = (): void => {
    const least = Number(limit?.value ?? 0) / 100;
    if (shown) shown.value = `${limit?.value ?? "0"} %`;
    for (const region of regions) {
      region.toggleAttribute("hidden", Number(region.dataset.confidence) < least);
    }
  };
  limit?.addEventListener("input", applyLimit);
  applyLimit();

  for (const box of root.querySelectorAll<HTMLInputElement>("[data-show]")) {
    const layer = root.querySelector<SVGGElement>(`[data-layer="${box.dataset.show ?? ""}"]`);
    box.addEventListener("change", () => layer?.toggleAttribute("hidden", !box.checked));
  }
}
