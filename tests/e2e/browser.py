"""A real browser, and what nobody sees in it: console errors and broken policies."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


def chromium() -> str:
    """Return where Chromium lies; without it skips loudly, and fails where nobody is watching."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return missing("Chromium", "chromium")


def missing(what: str, package: str) -> NoReturn:
    """Skip a test that needs a program, or fail it in CI, where a skip would go unseen."""
    reason = f"{what} is missing: THIS TEST DID NOT RUN. Install the Debian package {package}."
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Watch:
    """What went wrong in the pages of a context; `expect` lets a wanted complaint pass."""

    complaints: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let console errors that match a pattern pass."""
        self.expected.append(re.compile(pattern))

    def attach(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.add_init_script(_POLICY)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._add(f"uncaught: {error.error}"))
        context.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            where = message.location
            self._add(f"console {message.type}: {message.text} ({where.get('url')})")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self._add(f"{response.status} from {response.url}")

    def _add(self, complaint: str) -> None:
        self.complaints.append(complaint)

    @property
    def unexpected(self) -> list[str]:
        """Complaints that no test has said to expect."""
        return [
            complaint
            for complaint in self.complaints
            if not any(pattern.search(complaint) for pattern in self.expected)
        ]


def log_in(page: Page, url: str, email: str, password: str) -> None:
    """Log in by the page, as a person does."""
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/")
