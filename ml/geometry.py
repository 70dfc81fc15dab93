"""Boxes and similarity transforms: small immutable values that carry points from one picture to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


class GeometryError(ValueError):
    """Points or numbers from which no box or transform can be made (not finite, all in one place, …)."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-parallel box in pixels: left edge, top edge, width, height."""

    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.x, self.y, self.w, self.h)):
            raise GeometryError(f"A box needs finite numbers, not {self.as_list()}.")
        if self.w < 0 or self.h < 0:
            raise GeometryError(f"A box cannot have a negative side: {self.as_list()}.")

    @classmethod
    def from_points(cls, points: ArrayLike) -> Box:
        """The smallest box around ``points`` [N, 2] (or [N, ≥2]; further columns are ignored)."""
        xy = np.asarray(points, dtype=np.float64)[:, :2]
        if len(xy) == 0:
            raise GeometryError("A box around no points at all is not defined.")
        left, top = xy.min(axis=0)
        right, bottom = xy.max(axis=0)
        return cls(float(left), float(top), float(right - left), float(bottom - top))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> Box:
        """The inverse of :meth:`as_list`."""
        if len(values) != 4:
            raise GeometryError(f"A box is four numbers x, y, w, h, not {len(values)}.")
        return cls(*(float(value) for value in values))

    def as_list(self) -> list[float]:
        """``[x, y, w, h]``, as JSON carries it."""
        return [self.x, self.y, self.w, self.h]

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def area(self) -> float:
        return self.w * self.h

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def long_side(self) -> float:
        return max(self.w, self.h)

    def intersection(self, other: Box) -> float:
        """The area both boxes cover, in square pixels."""
        w = min(self.right, other.right) - max(self.x, other.x)
        h = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(w, 0.0) * max(h, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1; 0 where both boxes are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def clip(self, width: float, height: float) -> Box:
        """The part of the box inside a picture of this size (empty, at the nearest border, if none is)."""
        left, right = (min(max(value, 0.0), float(width)) for value in (self.x, self.right))
        top, bottom = (min(max(value, 0.0), float(height)) for value in (self.y, self.bottom))
        return Box(left, top, right - left, bottom - top)

    def scaled(self, factor: float) -> Box:
        """The same centre, both sides times ``factor``."""
        cx, cy = self.center
        return Box(cx - self.w * factor / 2, cy - self.h * factor / 2, self.w * factor, self.h * factor)

    def share_inside(self, width: float, height: float) -> float:
        """The share of the box's area that lies inside a picture of this size, 0 to 1."""
        return self.clip(width, height).area / self.area if self.area > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Similarity:
    """Rotation, one scale and a shift, never a mirror: ``(x, y) → (a·x − b·y + tx, b·x + a·y + ty)``."""

    a: float
    b: float
    tx: float
    ty: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.a, self.b, self.tx, self.ty)):
            raise GeometryError("A transform needs finite numbers.")

    @classmethod
    def identity(cls) -> Similarity:
        return cls(1.0, 0.0, 0.0, 0.0)

    @classmethod
    def from_parts(
        cls, *, scale: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
    ) -> Similarity:
        """Scale, then rotate (positive turns x towards y, clockwise on a screen), then shift."""
        angle = math.radians(degrees)
        return cls(scale * math.cos(angle), scale * math.sin(angle), shift[0], shift[1])

    @classmethod
    def from_points(cls, source: ArrayLike, target: ArrayLike) -> Similarity:
        """The similarity that carries ``source`` [N, 2] nearest to ``target`` [N, 2] by least squares.

        In the plane Umeyama's solution without reflection (IEEE TPAMI 13(4), 1991) comes down to the plain
        sums
        below: with points as complex numbers about their means, a + ib = Σ conj(p)·q / Σ |p|².

        Raises:
            GeometryError: fewer than two points, numbers that are not finite, or all source points in one
                place.
        """
        p = np.asarray(source, dtype=np.float64)
        q = np.asarray(target, dtype=np.float64)
        if p.shape != q.shape or p.ndim != 2 or p.shape[1] != 2 or len(p) < 2:
            raise GeometryError(
                f"Two equal lists of at least two points are needed, not {p.shape} and {q.shape}."
            )
        if not (np.isfinite(p).all() and np.isfinite(q).all()):
            raise GeometryError("Points that are not finite numbers cannot be aligned.")
        p_mean, q_mean = p.mean(axis=0), q.mean(axis=0)
        p, q = p - p_mean, q - q_mean
        spread = float((p**2).sum())
        if spread < 1e-12:
            raise GeometryError("The source points all lie in one place: no scale or angle can be found.")
        a = float((p * q).sum()) / spread
        b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
        return cls(
            a,
            b,
            float(q_mean[0] - a * p_mean[0] + b * p_mean[1]),
            float(q_mean[1] - b * p_mean[0] - a * p_mean[1]),
        )

    @classmethod
    def from_list(cls, rows: Sequence[Sequence[float]]) -> Similarity:
        """The inverse of :meth:`as_list`; refuses a 2×3 matrix that is no similarity."""
        if len(rows) != 2 or any(len(row) != 3 for row in rows):
            raise GeometryError("A transform is two rows of three numbers.")
        (a, minus_b, tx), (b, also_a, ty) = rows
        tolerance = 1e-6 * max(1.0, abs(a), abs(b))
        if abs(a - also_a) > tolerance or abs(b + minus_b) > tolerance:
            raise GeometryError("This matrix shears, mirrors or stretches: it is not a similarity.")
        return cls(float(a), float(b), float(tx), float(ty))

    def as_list(self) -> list[list[float]]:
        """Two rows of three numbers, as JSON and ``cv2.warpAffine`` take them."""
        return [[self.a, -self.b, self.tx], [self.b, self.a, self.ty]]

    def matrix(self) -> Points:
        """The 2×3 matrix, float64."""
        return np.array(self.as_list(), dtype=np.float64)

    @property
    def scale(self) -> float:
        return math.hypot(self.a, self.b)

    @property
    def degrees(self) -> float:
        """The rotation, positive clockwise on a screen, −180 to 180."""
        return math.degrees(math.atan2(self.b, self.a))

    def apply(self, points: ArrayLike) -> Points:
        """Carry ``points`` [N, 2] over: float64 [N, 2]."""
        xy = np.asarray(points, dtype=np.float64)
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise GeometryError(f"Points are an array [N, 2], not {list(xy.shape)}.")
        x, y = xy[:, 0], xy[:, 1]
        return np.stack([self.a * x - self.b * y + self.tx, self.b * x + self.a * y + self.ty], axis=1)

    def then(self, after: Similarity) -> Similarity:
        """First this, then ``after``, as one transform."""
        a = after.a * self.a - after.b * self.b
        b = after.b * self.a + after.a * self.b
        tx = after.a * self.tx - after.b * self.ty + after.tx
        ty = after.b * self.tx + after.a * self.ty + after.ty
        return Similarity(a, b, tx, ty)

    def inverse(self) -> Similarity:
        """The way back. Raises GeometryError where everything was shrunk to one point."""
        square = self.a * self.a + self.b * self.b
        if square < 1e-18:
            raise GeometryError("A transform of scale zero has no inverse.")
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, -(a * self.tx - b * self.ty), -(b * self.tx + a * self.ty))
