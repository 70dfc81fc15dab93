"""The part of a start that needs Django: database, static files, the first staff account.

Runs as `python -m operations.launch.first_run` in a process that ends before the site starts, because three
management commands in three processes would take three times as long. Questions and news go to standard
error; standard output is the path of the one-time link, when there has to be one.
"""

import getpass
import os
import sys
from io import StringIO

from .problems import LaunchError


def prepare(*, ask: bool) -> str:
    """Migrate, collect, and see to the first account. The path of the one-time link, or nothing."""
    from django.core.management import call_command

    from .static_collection import collect_if_changed

    call_command("migrate", interactive=False, verbosity=0)
    # Standard output is for the link.
    call_command("check", tags=["database", "files"], databases=["default"], stdout=StringIO())
    collect_if_changed(lambda: _say("Compressing the static files, which have changed …"))
    link = _first_account_link()
    if link and ask and _ask_for_first_account():
        return ""
    return link


def _first_account_link() -> str:
    from django.core.management import call_command

    answer = StringIO()
    call_command("first_account_link", stdout=answer)
    return answer.getvalue().strip()


def _ask_for_first_account() -> bool:
    """False when the person at the terminal would rather have the link."""
    from django.contrib.auth.models import User
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from operations.first_account import first_account_create

    _say("There is no staff account yet. Make one here, or press Enter for a link to do it in the browser.")
    while True:
        name = _ask("Name: ")
        if not name:
            return False
        user = User(username=name)
        try:
            user.clean_fields(exclude=["password"])
            password = getpass.getpass("Password: ", stream=sys.stderr)
            validate_password(password, user)
        except ValidationError as error:
            _say(" ".join(error.messages))
            continue
        if getpass.getpass("Password again: ", stream=sys.stderr) != password:
            _say("The two passwords differ.")
            continue
        first_account_create(username=name, password=password)
        _say(f"{name} can sign in now.")
        return True


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management.base import CommandError
    from django.db.utils import DatabaseError

    try:
        import django

        django.setup()
        sys.stdout.write(prepare(ask=sys.stdin.isatty() and sys.stderr.isatty()))
    except (LaunchError, ImproperlyConfigured, CommandError) as error:
        _say(f"smielfy: {error}")
        return 1
    except DatabaseError as error:
        _say(f"smielfy: The database failed ({error}): cure that, or name another with DATABASE_URL.")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
