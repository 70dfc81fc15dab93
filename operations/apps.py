from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OperationsConfig(AppConfig):
    name = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        from . import pulses  # noqa: F401  (connects the workers' heartbeat)
        from .jobs import housekeeping  # noqa: F401  (registers its own rounds)
        from .stores import care  # noqa: F401  (registers its round and its check)

        post_migrate.connect(_grant_roles, sender=self)


def _grant_roles(**kwargs: Any) -> None:
    from .roles import MANAGER, role_grant

    seen = [f"operations.view_{name}" for name in ("job", "auditevent", "apitoken")]
    role_grant(role=MANAGER, permissions=[*seen, "operations.add_apitoken", "operations.change_apitoken"])
