from typing import Any

from django.core.management.base import BaseCommand

from collector.forgetting import forget_again


class Command(BaseCommand):
    help = "After a back-up was put in place: take back what was taken back since it was made."
    requires_system_checks = []  # one of them refuses everything until this is done

    def handle(self, *args: Any, **options: Any) -> None:
        found = forget_again()
        self.stdout.write(
            f"Taken back again: {len(found.photos):,} photos, {len(found.participants):,} participants,"
            f" {len(found.revoked):,} consents. Their files go once the workers run."
        )
