from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    verbose_name = "Health"

    def ready(self) -> None:
        from apps.monitoring import signals  # noqa: F401, PLC0415  connects them
