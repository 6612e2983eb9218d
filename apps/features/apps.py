"""Application of the feature store."""

from django.apps import AppConfig


class FeaturesConfig(AppConfig):
    name = "apps.features"
    label = "features"

    def ready(self) -> None:
        from apps.features import signals  # noqa: F401, PLC0415  connects them
