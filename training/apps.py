from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TrainingConfig(AppConfig):
    name = "training"
    verbose_name = "Training"

    def ready(self) -> None:
        from . import subscriptions  # noqa: F401  (hears what the rooms below announce)

        post_migrate.connect(_grant_roles, sender=self)


def _grant_roles(**kwargs: Any) -> None:
    from operations.roles import MANAGER, RESEARCHER, role_grant

    names = ("datasetversion", "trainingrun", "modelversion", "prediction", "export", "exportdownload")
    changes = ("add_datasetversion", "add_trainingrun", "change_modelversion", "add_export", "change_export")
    codenames = [*(f"view_{name}" for name in names), *changes]
    role_grant(role=MANAGER, permissions=[f"training.{codename}" for codename in codenames])
    role_grant(role=RESEARCHER, permissions=["training.view_datasetversion", "training.view_export"])
