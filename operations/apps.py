from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        from . import pulses  # noqa: F401  (connects the workers' heartbeat)
        from .jobs import housekeeping  # noqa: F401  (registers its own rounds)
