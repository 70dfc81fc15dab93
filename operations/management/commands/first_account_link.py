from typing import Any

from django.core.management.base import BaseCommand
from django.urls import reverse

from operations.first_account import first_account_needed, first_account_token


class Command(BaseCommand):
    help = (
        "Print the path of the one-time link that makes the first staff account; nothing when there is one."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if first_account_needed():
            self.stdout.write(reverse("first-account", args=[first_account_token()]))
