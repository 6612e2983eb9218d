"""The process in the foreground: one for each folder."""

import runpy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "supervise.py"


def test_a_second_start_on_the_same_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    hold_home = runpy.run_path(str(SCRIPT))["hold_home"]

    with hold_home(), pytest.raises(SystemExit, match="must run once"):
        hold_home()

    hold_home().close()


@pytest.mark.parametrize(("status", "is_up"), [(200, True), (400, True), (500, False)])
def test_it_is_ready_when_the_web_answers_as_behind_a_proxy(monkeypatch, status, is_up):
    asked = []

    class Web(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers["X-Forwarded-Proto"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("ASSAY_PORT", str(server.server_port))
        is_answering = runpy.run_path(str(SCRIPT))["is_answering"]

        assert is_answering() is is_up
        server.shutdown()

    assert asked == ["https"]
