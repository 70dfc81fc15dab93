"""COCO's format for keypoints (https://cocodataset.org/#format-data): a JSON file of annotations, and its pictures.

The keypoints of a category may be any of the fifteen, in any order. The largest annotated face of a picture is what the
photo is about; `participant` (or `person`) and `smiley` of a picture are taken over where they are there.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from collector.models import Smiley
from operations.problems import Problem

from .folder import file_inside
from .json_lists import list_items
from .staging import Row, Staging

_LISTS = ("images", "annotations", "categories")
_FARTHEST = 1e6  # pixels; no number that is not finite is nearer
_PEOPLE = ("participant", "person", "person_id")


def coco_stage(annotations: Path, *, images: Path, smiley: str) -> tuple[Staging, int]:
    """The rows, and how many pictures are left out because no face is annotated in them.

    Raises Problem naming the picture, the annotation or the keypoint at fault.
    """
    smileys = set(Smiley.objects.values_list("slug", flat=True))
    staging, left_out = Staging(), 0
    for image, annotation, names in _Joined(annotations).pairs():
        if annotation is None:
            left_out += 1
            continue
        row = _row(image, annotation, names, images, smiley)
        if row.smiley not in smileys:
            raise _wrong(
                row.place, f"no smiley is called {row.smiley!r}; there are {', '.join(sorted(smileys))}"
            )
        staging.add(row)
    return staging, left_out


class _Joined:
    """Pictures and what is annotated in them, in a nameless file of SQLite, for they come in any order."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE images (id PRIMARY KEY, said)")
        self._file.execute("CREATE TABLE annotations (id PRIMARY KEY, image, area, said)")
        self._file.execute("CREATE INDEX by_image ON annotations (image, area)")
        self._file.execute("BEGIN")
        self._categories: dict[int, list[str]] = {}
        take = {"images": self._image, "annotations": self._annotation, "categories": self._category}
        try:
            with path.open(encoding="utf-8-sig") as file:
                for kind, item in list_items(file, str(path), _LISTS):
                    if not isinstance(item, dict):
                        raise Problem("coco", f"{path}: one of its {kind} is no object.")
                    take[kind](item)
        except OSError as error:
            raise Problem("json_unreadable", f"{path} cannot be read: {error}") from error
        self._check_images_there()

    def pairs(self) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None, list[str]]]:
        """Each picture, its largest annotation if there is one, and the names of that one's keypoints."""
        largest = "SELECT said FROM annotations WHERE image = images.id ORDER BY area DESC, id LIMIT 1"
        for image, found in self._file.execute(f"SELECT said, ({largest}) FROM images ORDER BY rowid"):  # noqa: S608
            annotation = json.loads(found) if found else None
            yield json.loads(image), annotation, self._names(annotation) if annotation else []

    def _image(self, image: dict[str, Any]) -> None:
        self._insert("images", image, "INSERT INTO images VALUES (?, ?)", ())

    def _annotation(self, annotation: dict[str, Any]) -> None:
        if annotation.get("iscrowd"):
            return
        place = f"Annotation {annotation.get('id')}"
        box = _box(annotation, place)
        values = (_number_of(annotation.get("image_id"), place), box[2] * box[3])
        self._insert("annotations", annotation, "INSERT INTO annotations VALUES (?, ?, ?, ?)", values)

    def _insert(self, kind: str, item: dict[str, Any], statement: str, values: tuple[Any, ...]) -> None:
        number = _number_of(item.get("id"), f"One of the {kind}")
        try:
            self._file.execute(statement, (number, *values, json.dumps(item)))
        except sqlite3.IntegrityError:
            raise Problem("coco", f"Two of the {kind} have the id {number}.") from None

    def _category(self, category: dict[str, Any]) -> None:
        from ml.landmarks import KEYPOINT_NAMES

        place = f"Category {category.get('id')}"
        names = category.get("keypoints", [])
        number = _number_of(category.get("id"), place)
        if (
            not isinstance(names, list)
            or number in self._categories
            or len({str(one) for one in names}) != len(names)
        ):
            raise _wrong(place, "its keypoints are no list of different names, or it is there twice")
        if unknown := [str(name) for name in names if name not in KEYPOINT_NAMES]:
            raise _wrong(
                place, f"nobody here knows the keypoint {unknown[0]!r}; there are {', '.join(KEYPOINT_NAMES)}"
            )
        self._categories[number] = names

    def _names(self, annotation: Mapping[str, Any]) -> list[str]:
        category = annotation.get("category_id")
        if category not in self._categories:
            raise _wrong(f"Annotation {annotation['id']}", f"there is no category {category}")
        return self._categories[category]

    def _check_images_there(self) -> None:
        lost = "SELECT id, image FROM annotations WHERE image NOT IN (SELECT id FROM images) LIMIT 1"
        for number, image in self._file.execute(lost):
            raise _wrong(f"Annotation {number}", f"there is no picture {image}")


def _row(
    image: dict[str, Any], annotation: dict[str, Any], names: list[str], folder: Path, smiley: str
) -> Row:
    place = f"Picture {image['id']}"
    name = file_inside(folder, image.get("file_name"))
    if name is None:
        raise _wrong(place, f"{image.get('file_name')!r} is no file inside {folder}")
    place = f"{place}, {name}"
    if not (folder / name).is_file():
        raise _wrong(place, f"there is no {folder / name}")
    size = [image.get(side) for side in ("width", "height")]
    if not all(type(side) is int and side > 0 for side in size):
        raise _wrong(place, "its width and height are no numbers of pixels")
    said = {**image, **{key: value for key, value in annotation.items() if key in (*_PEOPLE, "smiley")}}
    person = next((str(said[key]) for key in _PEOPLE if said.get(key) not in (None, "")), f"picture {name}")
    return Row(
        key=name,
        place=place,
        person=person,
        smiley=str(said.get("smiley") or smiley),
        picture=name,
        face=_face(annotation, names),
        size=(size[0], size[1]),  # type: ignore[arg-type]
    )


def _face(annotation: dict[str, Any], names: list[str]) -> dict[str, Any]:
    from ml.landmarks import KEYPOINT_NAMES

    place = f"Annotation {annotation['id']}"
    face = {"box": _box(annotation, place)}
    values = annotation.get("keypoints") or []
    if (
        not isinstance(values, list)
        or len(values) not in (0, 3 * len(names))
        or not all(map(_is_number, values))
    ):
        raise _wrong(place, f"its keypoints are not {3 * len(names)} numbers")
    found = {}
    for name, x, y, v in zip(names, values[::3], values[1::3], values[2::3], strict=False):
        if v not in (0, 1, 2):
            raise _wrong(place, f"the visibility of {name} is {v}, and not 0, 1 or 2")
        if v:
            found[name] = ([float(x), float(y)], v == 2)
    if not found:
        return face
    missing: tuple[list[float | None], bool] = ([None, None], False)
    points, visible = zip(*(found.get(name, missing) for name in KEYPOINT_NAMES), strict=True)
    return {**face, "points": points, "visible": visible}


def _box(annotation: dict[str, Any], place: str) -> list[float]:
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)) or min(box[2:]) <= 0:
        raise _wrong(place, "its bbox is not x, y, width and height")
    return [float(value) for value in box]


def _number_of(value: Any, place: str) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise _wrong(place, f"{str(value)[:40]!r} is no id: a whole number is needed")
    return value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _FARTHEST


def _wrong(place: str, said: str) -> Problem:
    return Problem("coco", f"{place}: {said}.")
