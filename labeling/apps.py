from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"
    verbose_name = "Labeling"

    def ready(self) -> None:
        from . import subscriptions  # noqa: F401  (hears what collector announces)

        post_migrate.connect(_grant_roles, sender=self)


def _grant_roles(**kwargs: Any) -> None:
    from operations.roles import MANAGER, REVIEWER, role_grant

    reviewing = ["labeling.view_review", "labeling.add_review", "collector.view_photo"]
    role_grant(role=REVIEWER, permissions=reviewing)
    role_grant(
        role=MANAGER,
        permissions=[*reviewing, "labeling.view_face", "labeling.view_decision", "labeling.add_maskedface"],
    )
