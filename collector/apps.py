from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CollectorConfig(AppConfig):
    name = "collector"
    verbose_name = "Collector"

    def ready(self) -> None:
        from . import counts, files, forgetting, withdrawing  # noqa: F401  (register their jobs and rounds)

        post_migrate.connect(_grant_roles, sender=self)


def _grant_roles(**kwargs: Any) -> None:
    from operations.roles import MANAGER, role_grant

    codenames = ("view_smiley", "view_participant", "change_participant")
    role_grant(role=MANAGER, permissions=[f"collector.{codename}" for codename in codenames])
