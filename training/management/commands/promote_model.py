from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.problems import Problem
from training.models import ModelVersion, Task
from training.promotion import model_promote


class Command(BaseCommand):
    help = "Let a registered model serve."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", choices=Task.values)
        parser.add_argument("number", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        model = ModelVersion.objects.filter(task=options["task"], number=options["number"]).first()
        if model is None:
            raise CommandError(f"There is no model {options['number']} for {options['task']}.")
        try:
            model_promote(model=model, actor="system")
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        self.stdout.write(f"Model {model} serves from now on.")
