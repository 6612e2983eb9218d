// Tells something in the region for messages; text only, never markup.

export function tell(title: string, text: string): void {
  const region = document.getElementById("messages");
  if (region?.querySelector("[data-connection]") !== null) return;
  const box = document.createElement("div");
  box.className = "alert alert-warning";
  box.setAttribute("role", "alert");
  box.dataset.connection = "";
  const words = document.createElement("div");
  const head = document.createElement("strong");
  head.textContent = `${title}. `;
  words.append(head, text);
  box.append(words);
  region.append(box);
}
