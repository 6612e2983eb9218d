from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "apps.catalog"
    verbose_name = "Solutions"

    def ready(self) -> None:
        from apps.catalog import checks  # noqa: F401, PLC0415  registers them
