from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "apps.tracking"
    verbose_name = "MLflow"

    def ready(self) -> None:
        from apps.tracking import signals  # noqa: F401, PLC0415  connects them
