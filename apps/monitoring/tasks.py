"""What the beat asks for by the clock: measure each hour, sweep each day."""

from __future__ import annotations

import structlog
from celery import shared_task

from apps.monitoring import encryption, readings, storage
from apps.monitoring.sweep import sweep
from ml_core.errors import ConfigError

_log = structlog.get_logger("assay.monitoring")


@shared_task(name="monitoring.measure", ignore_result=True)
def measure() -> None:
    """Measure the storage and walk the audit chain; twice is harmless."""
    storage.measure()
    encryption.measure()
    readings.verify_chain()


@shared_task(name="monitoring.sweep", ignore_result=True)
def sweep_files() -> None:
    """Remove files that belong to nothing; where that looks wrong, an admin decides."""
    try:
        sweep()
    except ConfigError as error:
        _log.error("nothing was swept", reason=str(error))
