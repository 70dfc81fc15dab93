"""Pictures of a trained model: how it learnt, and what it takes for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

ACCENT = "#b4460f"
GREY = "#8a8a8a"
INK = "#222222"


def confusion_matrix_png(
    matrix: Sequence[Sequence[int]], classes: Sequence[str], path: Path | IO[bytes], *, title: str = ""
) -> None:
    """Draw a confusion matrix: what it was in rows, what the model said in columns, counts in the cells.

    Shade is the share of the row. What is right stands on the diagonal in grey; mistakes are in the accent
    colour.

    Args:
        matrix: [true][predicted] counts.
        classes: names in that order.
        path: the PNG to write, or an open file.
        title: above the picture.
    """
    figure, axes = _figure(1.6 + 0.62 * len(classes), 1.5 + 0.52 * len(classes))
    counts = np.asarray(matrix, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = np.ones((*counts.shape, 3))
    for row, column in np.ndindex(counts.shape):
        tone = np.array(_rgb(GREY if row == column else ACCENT))
        colours[row, column] = 1 - shares[row, column] * (1 - tone)
    axes.imshow(colours, aspect="auto")
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            axes.text(
                column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=INK, fontsize=9
            )
    # Names of classes are no formulas, whatever they hold.
    plain = {"parse_math": False}
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", rotation_mode="anchor", **plain)
    names = [f"{name}  ({total:.0f})" for name, total in zip(classes, counts.sum(axis=1), strict=True)]
    axes.set_yticks(range(len(classes)), names, **plain)
    axes.set_xlabel("what the model said", color=GREY)
    axes.set_ylabel("what it was", color=GREY)
    axes.tick_params(length=0, colors=INK)
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(title, loc="left", color=INK, fontsize=11, **plain)
    figure.savefig(path, dpi=150, format="png")


def training_curves_png(
    history: Sequence[Mapping[str, float]], path: Path | IO[bytes], *, best_epoch: int = 0
) -> None:
    """Draw the loss of the people learnt from (grey) and every figure of other people (accent) over the epochs.

    Args:
        history: one row an epoch, as ``ArtifactInfo.training["history"]`` holds them.
        path: the PNG to write, or an open file.
        best_epoch: marked, when not 0.
    """
    names = ["loss"] + [
        name for name in history[0] if name.startswith("validation_") and name != "validation_loss"
    ]
    figure, panels = _figure(4.2 * len(names), 3.4, columns=len(names))
    for axes, name in zip(np.atleast_1d(panels), names, strict=True):
        values = [row[name] for row in history]
        own = name == "loss"
        colour = GREY if own else ACCENT
        epochs = range(1, len(values) + 1)
        axes.plot(epochs, values, color=colour, linewidth=1.8, marker="o" if len(values) < 3 else None)
        axes.annotate(
            f"{values[-1]:.3g}", (len(values), values[-1]), xytext=(6, 0), textcoords="offset points",
            color=colour, va="center", fontsize=9,
        )  # fmt: skip
        if best_epoch:
            axes.axvline(best_epoch, color=GREY, linewidth=0.8, linestyle=":")
            axes.annotate(
                f"kept: epoch {best_epoch}", (best_epoch, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                textcoords="offset points", color=GREY, fontsize=8, va="top",
            )  # fmt: skip
        what = name.removeprefix("validation_").replace("_", " ")
        axes.set_title(
            f"{what}, {'people learnt from' if own else 'other people'}", loc="left", color=INK, fontsize=11
        )
        axes.set_xlabel("epoch", color=GREY)
        axes.xaxis.get_major_locator().set_params(integer=True)
        # The first epochs would press all others flat.
        top = 1.0 if what == "accuracy" else 1.15 * float(np.percentile(values, 95))
        axes.set_ylim(bottom=0, top=max(top, 1e-9))
        axes.tick_params(colors=GREY)
        _bare(axes)
    figure.savefig(path, dpi=150, format="png")


def reliability_png(rows: Sequence[Mapping[str, float]], path: Path | IO[bytes]) -> None:
    """Draw how often a model is right against how certain it says it is; dots grow with how often it says so.

    Args:
        rows: as ``ml.metrics.reliability`` gives them.
        path: the PNG to write, or an open file.
    """
    figure, axes = _figure(3.8, 3.6)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    certainty, right, share = (np.array([row[k] for row in rows]) for k in ("certainty", "right", "share"))
    axes.scatter(certainty, right, s=30 + 500 * share, color=ACCENT, alpha=0.7, linewidths=0)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlabel("how certain it was", color=GREY)
    axes.set_title("how often it was right", loc="left", color=INK, fontsize=11)
    axes.tick_params(colors=GREY)
    _bare(axes)
    figure.savefig(path, dpi=150, format="png")


def point_errors_png(per_point: Mapping[str, Mapping[str, Any]], path: Path | IO[bytes]) -> None:
    """Draw each keypoint's NME as a bar.

    Args:
        per_point: name → figures, as ``ml.metrics.keypoint_metrics`` gives them.
        path: the PNG to write, or an open file.
    """
    known = {name: row["nme"] for name, row in per_point.items() if row["nme"] is not None}
    figure, axes = _figure(6.4, 0.9 + 0.26 * len(known))
    places = range(len(known))
    values = list(known.values())
    axes.barh(places, values, color=ACCENT, height=0.62)
    axes.set_yticks(places, [name.replace("_", " ") for name in known])
    axes.invert_yaxis()
    for place, value in zip(places, values, strict=True):
        axes.text(value, place, f" {value:.3f}", va="center", color=INK, fontsize=8)
    axes.set_title("error of each point, in distances of the eyes", loc="left", color=INK, fontsize=11)
    axes.tick_params(colors=GREY, length=0)
    axes.set_xticks([])
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150, format="png")


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)


def _figure(width: float, height: float, *, columns: int = 1) -> Any:
    """A figure of its own, without pyplot: that keeps every figure alive and looks for a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
