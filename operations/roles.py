"""Staff roles as Django groups. Each room grants its own permissions after migrations."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission

REVIEWER = "reviewer"
MANAGER = "manager"
RESEARCHER = "researcher"


def role_grant(*, role: str, permissions: Iterable[str]) -> None:
    """Give a role permissions named `app.codename`; creates the group when it is missing."""
    group = Group.objects.get_or_create(name=role)[0]
    for name in permissions:
        app, codename = name.split(".")
        group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
