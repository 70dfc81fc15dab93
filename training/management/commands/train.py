from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.nets.registry import BEST
from operations.jobs import running
from operations.models import Job
from operations.problems import Problem
from operations.progress import job_progress
from training.datasets import dataset_latest, dataset_numbered
from training.figures import headlines
from training.models import Task, TrainingRun
from training.runs import run_request

_HELD = "Somebody trains this run already. If they were killed, give this command again in"


class Command(BaseCommand):
    help = "Train on a data set version, evaluate on its test people, register the model as a candidate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", choices=Task.values)
        parser.add_argument("--architecture", help="without it our best")
        parser.add_argument("--dataset", type=int, help="the version's number; without it the newest")
        parser.add_argument("--epochs", type=int, default=40)
        parser.add_argument("--max-seconds", type=int, default=3600)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--promote", action="store_true", help="let it serve if it is better beyond noise"
        )
        parser.add_argument("--warm-start", action="store_true", help="go on from the active model, too")
        parser.add_argument("--random-split", action="store_true", help="divide pictures at random, too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = dataset_latest() if options["dataset"] is None else dataset_numbered(options["dataset"])
            asked = {
                name: options[name] for name in ("task", "architecture", "epochs", "seed", "max_seconds")
            }
            asked["architecture"] = asked["architecture"] or BEST[options["task"]]
            asked |= {name: options[name] for name in ("warm_start", "random_split")}
            asked["promotes"] = options["promote"]
            run, job = run_request(**asked, version=version, actor="system", here=True)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        try:
            with job_progress("epochs") as show:
                running.run(str(job.pk), on_progress=show)
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. The run waits for a train worker, or for this command to be given again.",
                returncode=130,
            ) from None
        run.refresh_from_db()
        if run.state != TrainingRun.State.DONE:
            job = Job.objects.get(pk=job.pk)
            raise CommandError(run.error or job.error or f"{_HELD} {settings.JOB_LEASE_SECONDS} seconds.")
        self._report(run)

    def _report(self, run: TrainingRun) -> None:
        for smiley, figures in run.metrics.get("per_class", {}).items():
            words = "   ".join(f"{name} {figures[name]:.3f}" for name in ("precision", "recall", "f1"))
            self.stdout.write(f"  {smiley:15}{words}   {figures['support']:,} photos")
        told = ", ".join(f"{name} {figure}" for name, figure in headlines(run.task, run.metrics))
        self.stdout.write(
            f"Model {run.model} is registered: {told} on people it never saw, after {len(run.history)} epochs."
            f" {run.model.judgement.get('reason', '')}".rstrip()
        )
