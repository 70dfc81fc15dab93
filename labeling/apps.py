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

    reviewing = ["labeling.add_review", "collector.see_pictures"]
    role_grant(role=REVIEWER, permissions=reviewing)
    managed = ("goldphoto", "smileyqueue", "videoimport")
    role_grant(
        role=MANAGER,
        permissions=[
            *reviewing,
            "collector.view_photo",
            "collector.handle_hidden",
            *(f"labeling.view_{model}" for model in ("face", "decision", "review", *managed)),
            "labeling.add_maskedface",
            "labeling.add_goldphoto",
            "labeling.delete_goldphoto",
            "labeling.change_smileyqueue",
            "labeling.add_videoimport",
            "labeling.see_quality",
            "labeling.add_droppedduplicate",
            "labeling.add_keypointset",
        ],
    )
