"""`manage.py answer_questions`: the model process, started beside web and worker."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Hold models in memory and answer single rows over a Unix socket."

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        from apps.answers.server import ModelServer  # noqa: PLC0415  heavy
        from ml_core.runtime.pauses import spare_what_lives  # noqa: PLC0415  only wanted here

        server = ModelServer(Path(settings.ASSAY_MODELS_SOCKET), spare_what_lives)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        ended = threading.Event()
        threading.Thread(target=server.keep_warm, args=(ended,), daemon=True).start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            ended.set()
            # Before the answers that are under way: whoever comes now waits for the next process.
            Path(settings.ASSAY_MODELS_SOCKET).unlink(missing_ok=True)
            server.server_close()
