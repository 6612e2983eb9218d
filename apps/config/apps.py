"""Start of every process."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "apps.config"
    label = "assay_config"

    def ready(self) -> None:
        # Tasks are sent through this Celery application from every process.
        from apps.config import celery  # noqa: F401, PLC0415
