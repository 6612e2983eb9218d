// htmx: the token against forged requests, and what to say when the server cannot be reached.
import htmx from "htmx.org";
import { tell } from "./messages";

export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

export function startHtmx(): void {
  htmx.config.includeIndicatorStyles = false;
  htmx.config.allowEval = false;
  document.body.addEventListener("htmx:configRequest", (event) => {
    const { headers } = (event as CustomEvent<{ headers: Record<string, string> }>).detail;
    headers["X-CSRFToken"] = csrfToken();
  });
  document.body.addEventListener("htmx:sendError", () => {
    tell(
      "The server cannot be reached",
      "Nothing is lost. This page goes on by itself when it is back.",
    );
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if ((event as CustomEvent<{ successful?: boolean }>).detail.successful === true) {
      document.querySelector("#messages [data-connection]")?.remove();
    }
  });
}
