"""What admin shows of a run: its trainings side by side, and how they learned."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.charts import Line, lines_svg

from .figures import FIGURES
from .models import Task, TrainingRun


def trainings_table(run: TrainingRun) -> SafeString:
    """Each training with the seconds it had, and its figures on the validation people."""
    figures = FIGURES[Task(run.task)]
    rows = []
    for trial in run.trials:
        of = trial.get("figures", {})
        values = [of.get(f"validation_{figure.name}") for figure in figures]
        rows.append(
            (
                trial["name"],
                *(format(v, f.form) if v is not None else "" for v, f in zip(values, figures, strict=True)),
                trial.get("epochs", ""),
                f"{trial['seconds']:.0f} of {trial['max_seconds']}"
                if "seconds" in trial
                else trial["max_seconds"],
                trial.get("error") or ("kept" if trial.get("kept") else ""),
            )
        )
    if not rows:
        return format_html("{}", "none yet")
    return table(("on the validation people", *(f.title for f in figures), "epochs", "seconds", ""), rows)


def curves_svg(run: TrainingRun) -> SafeString:
    """The figure that models are compared by, after each epoch, a line for each training."""
    figure = FIGURES[Task(run.task)][0]
    name = f"validation_{figure.name}"
    lines = []
    for trial in run.trials:
        rows = [row for row in run.history if row.get("trial") == trial["kind"] and name in row]
        points = [(float(row.get("seconds", row["epoch"])), float(row[name])) for row in rows]
        lines.append(Line(trial["name"], points, loud=bool(trial.get("kept"))))
    title = f"{figure.title} on the validation people, by seconds of training"
    return lines_svg(lines, title=title, form=figure.form)


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    """A plain table of figures."""
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )
    return format_html(
        '<table class="figures"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        format_html_join("", "<th>{}</th>", ((name,) for name in head)),
        body,
    )
