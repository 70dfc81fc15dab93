"""Cells of a table in which fewer than five people stand are merged with others, and so that no subtraction from the
totals brings them back: what is told always adds up to what is told of all, and each part of it is of five or more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

AT_LEAST = 5


@dataclass
class Cell:
    """Photos, and of whom, by numbers that mean nothing outside."""

    photos: int = 0
    people: set[int] = field(default_factory=set)

    def add(self, person: int) -> None:
        self.photos += 1
        self.people.add(person)

    def __or__(self, other: "Cell") -> "Cell":
        return Cell(self.photos + other.photos, self.people | other.people)

    @property
    def told(self) -> bool:
        return len(self.people) >= AT_LEAST


Row = Sequence[Cell]


def neighbours_merged(cells: Mapping[str, Cell]) -> list[tuple[list[str], Cell]]:
    """Names that have an order, such as the bins of a measure, merged with those beside them. Nothing when all of them
    together are too few."""
    merged: list[tuple[list[str], Cell]] = []
    for name, cell in cells.items():
        if merged and not merged[-1][1].told:
            names, before = merged.pop()
            merged.append(([*names, name], before | cell))
        else:
            merged.append(([name], cell))
    if len(merged) > 1 and not merged[-1][1].told:
        (names, before), (last, cell) = merged[-2:]
        merged[-2:] = [([*names, *last], before | cell)]
    return merged if merged and merged[0][1].told else []


def rows_merged(rows: Mapping[str, Row]) -> list[tuple[list[str], Row]]:
    """Rows with a cell of fewer than five people are put together into the last; if that is one still, those with
    fewest people join it. Nothing when even all together are too few in a column."""
    names = sorted(rows, key=lambda name: (-min(len(cell.people) for cell in rows[name]), name))
    alone = [name for name in names if all(cell.told for cell in rows[name])]
    together = [name for name in names if name not in alone]
    if not together:
        return [([name], rows[name]) for name in rows]
    while not all(cell.told for cell in _summed([rows[name] for name in together])):
        if not alone:
            return []
        together.append(alone.pop())
    told: list[tuple[list[str], Row]] = [([name], rows[name]) for name in rows if name in alone]
    rest = [name for name in rows if name in together]
    return [*told, (rest, _summed([rows[name] for name in rest]))]


def columns_merged(rows: Mapping[str, Row], columns: Sequence[str]) -> tuple[list[list[str]], dict[str, Row]]:
    """Columns of which all rows together hold fewer than five people, merged with those beside them."""
    summed = dict(zip(columns, _summed(list(rows.values())), strict=True))
    groups = [names for names, _ in neighbours_merged(summed)]
    places = {name: place for place, name in enumerate(columns)}
    merged: dict[str, Row] = {
        name: [_joined([row[places[column]] for column in group]) for group in groups]
        for name, row in rows.items()
    }
    return groups, merged


def _summed(rows: Sequence[Row]) -> list[Cell]:
    return [_joined(column) for column in zip(*rows, strict=True)]


def _joined(cells: Sequence[Cell]) -> Cell:
    joined = Cell()
    for cell in cells:
        joined = joined | cell
    return joined
