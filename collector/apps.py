from django.apps import AppConfig


class CollectorConfig(AppConfig):
    name = "collector"
    verbose_name = "Collector"

    def ready(self) -> None:
        from . import files  # noqa: F401  (registers the erasing job and the search for orphans)
