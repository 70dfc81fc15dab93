"""One self-contained HTML page about a trained model: figures with how sure they are, curves, mistakes."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from PIL import Image

from ml import plots, sheets
from ml.durable import write_aside
from ml.evaluate import Evaluation
from ml.pictures import Picture

#: What figures are called, and how many digits they deserve.
NAMES = {
    "accuracy": "accuracy", "macro_f1": "macro-F1", "calibration_error": "calibration error", "log_loss": "log loss",
    "rmse": "RMSE, pixels at 96×96", "nme": "NME", "ssim": "SSIM", "psnr": "PSNR, dB", "l1": "L1",
    "masked_ssim": "SSIM inside the mask", "masked_psnr": "PSNR inside the mask, dB", "masked_l1": "L1 inside the mask",
}  # fmt: skip

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p { max-width: 44rem } p.wide { max-width: none } .quiet { color: #666 } .warn { color: #b4460f }
table { border-collapse: collapse; margin: .8rem 0 } th, td { padding: .25rem 1rem .25rem 0; text-align: right;
  font-variant-numeric: tabular-nums; border-bottom: 1px solid #e5e5e5 } th { font-weight: 600 }
th:first-child, td:first-child { text-align: left } img { max-width: 100%; height: auto }
"""


def write_report(
    evaluation: Evaluation,
    path: Path,
    *,
    faces: bool = False,
    at_random: Mapping[str, Any] | None = None,
) -> None:
    """Write the page.

    Args:
        evaluation: of ``ml.evaluate.examine``.
        path: the HTML file.
        faces: show people's faces: the worst cases and, for mask removal, strips. Whoever keeps such a page has to
            remove it when one of them withdraws.
        at_random: the result of a model that was trained and tested with pictures divided at random, people not kept
            apart: what stands beside the honest figures shows how much that flatters.
    """
    info, result = evaluation.info, evaluation.result
    parts = [
        f"<h1>{_text(info.architecture)} for {_text(info.task)}</h1>",
        f'<p class="quiet">{result["samples"]} pictures of {result["people"]} people it never learnt from. Data set '
        f"{_text(result['data_hash'][:12])}, seed {info.seed}.</p>",
    ]
    if not result["same_data"]:
        parts.append('<p class="warn">Other data than it was trained on: somebody could be in both.</p>')
    parts += ["<h2>Figures</h2>", _figures(result, at_random)]
    parts.append(
        '<p class="quiet">Intervals hold 95 % of 2,000 draws of people with replacement: pictures of one person are '
        "not independent.</p>"
    )
    if at_random is not None:
        parts.append(_flattery(info.training, at_random))
    if "per_class" in result:
        parts += ["<h2>Each smiley</h2>", _classes(result["per_class"])]
        title = f"{result['accuracy']:.0%} right"
        parts.append(_plot(
            lambda file: plots.confusion_matrix_png(result["confusion_matrix"], result["classes"], file, title=title),
            "confusion matrix",
        ))  # fmt: skip
        parts += ["<h2>Is it as certain as it says?</h2>"]
        parts.append(_plot(lambda file: plots.reliability_png(result["reliability"], file), "reliability"))
    if "per_point" in result:
        parts += ["<h2>Each point</h2>"]
        parts.append(
            _plot(lambda file: plots.point_errors_png(result["per_point"], file), "error of each point")
        )
    for name, rows in result["slices"].items():
        parts += [f"<h2>By {_text(name)}</h2>", _rows(rows)]
    parts += ["<h2>How it learnt</h2>", _facts(info.training)]
    history, best = info.training.get("history", []), info.training.get("best_epoch", 0)
    if history:
        parts.append(_plot(lambda file: plots.training_curves_png(history, file, best_epoch=best), "curves"))
    if faces:
        if info.task == "unmask":
            parts += ["<h2>Masked, unmasked, bare</h2>", _picture(sheets.strips(evaluation), "strips")]
        parts.append("<h2>Worst cases</h2>")
        if info.task == "keypoints":
            parts.append('<p class="quiet">Green: as labelled. Orange: as predicted.</p>')
        parts += [_picture(sheets.worst_cases(evaluation), "worst cases")]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(info.architecture)} for {_text(info.task)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
    write_aside(path, page.encode())


def _figures(result: Mapping[str, Any], at_random: Mapping[str, Any] | None) -> str:
    columns: dict[str, Mapping[str, Any]] = {"this model": result}
    if "vote" in result:
        columns["vote of 45 windows"] = result["vote"]
    columns |= result["baselines"]
    if at_random is not None:
        columns["people not kept apart"] = at_random
    heads = "".join(f"<th>{_text(name)}</th>" for name in columns)
    heads = heads.replace("</th>", "</th><th>95 %</th>", 1)
    rows = []
    for name, title in NAMES.items():
        if name not in result:
            continue
        first, *others = [f"<td>{_number(values.get(name))}</td>" for values in columns.values()]
        between = result["intervals"].get(name)
        sure = f"{_number(between[0])} to {_number(between[1])}" if between else ""
        rows.append(f"<tr><td>{title}</td>{first}<td>{sure}</td>{''.join(others)}</tr>")
    return f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table>"


def _flattery(training: Mapping[str, Any], at_random: Mapping[str, Any]) -> str:
    seconds = at_random.get("seconds")
    taken = (
        f"{seconds:.0f} s of training, this one {training.get('seconds', 0):.0f} s"
        if seconds
        else "trained apart"
    )
    return (
        '<p class="quiet">People not kept apart: another network of the same kind, for comparison alone, which was '
        f"tested on people whose other pictures it had learnt from ({taken}). What it does better is not skill but "
        "acquaintance; new people meet this model as the first column says.</p>"
    )


def _classes(per_class: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{_text(name)}</td><td>{row['recall']:.3f}</td><td>{row['precision']:.3f}</td>"
        f"<td>{row['f1']:.3f}</td><td>{row['support']}</td></tr>"
        for name, row in per_class.items()
    ]
    return (
        "<table><tr><th></th><th>recall</th><th>precision</th><th>F1</th><th>pictures</th></tr>"
        + "".join(rows)
        + "</table>"
    )


def _rows(rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = [name for name in next(iter(rows.values())) if name != "samples"]
    heads = "".join(f"<th>{NAMES.get(name, name)}</th>" for name in names)
    body = "".join(
        f"<tr><td>{_text(label)}</td>"
        + "".join(f"<td>{_number(row[name])}</td>" for name in names)
        + f"<td>{row['samples']}</td></tr>"
        for label, row in rows.items()
    )
    return f"<table><tr><th></th>{heads}<th>pictures</th></tr>{body}</table>"


def _facts(training: Mapping[str, Any]) -> str:
    return (
        f"<p>{training.get('parameters', 0):,} parameters, {training.get('epochs', 0)} epochs in "
        f"{training.get('seconds', 0):.0f} s ({training.get('cpu_seconds', 0):.0f} s of processor time) on "
        f"{_text(str(training.get('device', '?')))} in {_text(str(training.get('precision', '?')))}.</p>"
    )


def _plot(draw: Callable[[IO[bytes]], None], name: str) -> str:
    file = io.BytesIO()
    draw(file)
    return _embedded(file.getvalue(), "png", name)


def _picture(picture: Picture, name: str) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=88)
    return _embedded(file.getvalue(), "jpeg", name)


def _embedded(content: bytes, kind: str, name: str) -> str:
    coded = base64.b64encode(content).decode()
    return f'<p class="wide"><img alt="{_text(name)}" src="data:image/{kind};base64,{coded}"></p>'


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _text(words: str) -> str:
    return html.escape(words)
