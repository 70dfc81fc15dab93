#!/usr/bin/env python3
"""Find, and with --remove delete, what people have taken back since this export was made.

    python check_tombstones.py --url https://SITE/api/v1/tombstones/            what is withdrawn here?
    python check_tombstones.py --url https://SITE/api/v1/tombstones/ --remove   delete it

Plain Python, 3.8 or later, nothing to install (but pyarrow for Parquet files). It looks at every file in its folder,
or in the one that is named. Status: 0 nothing withdrawn is left, 1 something is, 2 something could not be looked at.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--url", help="the site's list of tombstones")
    source.add_argument(
        "--list", help="a file with an id in each line, or a CSV whose first column is the id"
    )
    parser.add_argument("--remove", action="store_true", help="delete what was withdrawn")
    given = parser.parse_args()
    try:
        internal = is_internal(given.folder)
        withdrawn = fetched(given.url, internal) if given.url else listed(given.list, internal)
    except (OSError, ValueError, KeyError) as error:
        print(f"The list of tombstones cannot be read: {error}", file=sys.stderr)
        return 2
    found, unread = 0, 0
    for path in files(given.folder):
        try:
            count = look(path, withdrawn, given.remove)
        except (OSError, ValueError, KeyError, ImportError, tarfile.TarError, csv.Error) as error:
            print(f"{path}: cannot be looked at: {error}", file=sys.stderr)
            unread += 1
            continue
        if count:
            print(f"{path}: {count} withdrawn{', removed' if given.remove else ''}")
            found += count
    if found and given.remove:
        seal(given.folder)
    print(
        f"{len(withdrawn)} tombstones; {found} places in {given.folder}{' removed' if given.remove else ''}."
    )
    if unread:
        return 2
    return 1 if found and not given.remove else 0


def is_internal(folder: str) -> bool:
    """Whether this is no release: such an export keeps what is not shared with others any more."""
    try:
        with open(os.path.join(folder, "LICENCE.txt"), encoding="utf-8") as file:
            return file.read().startswith("Internal:")
    except OSError:
        return False


def fetched(url: str | None, internal: bool = False) -> set[str]:
    """All pages of the list, of an internal export without what has left releases alone."""
    ids: set[str] = set()
    while url:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"{url} is no web address")
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
            page = json.load(answer)
        for one in page["results"]:
            if not (internal and one.get("scope") == "releases"):
                ids.add(one["photo_id"])
        url = page["next"]
    return ids


def listed(path: str, internal: bool = False) -> set[str]:
    """The same from a file; its second column, where there is one, is the scope."""
    with open(path, encoding="utf-8") as file:
        rows = [line.strip().split(",") for line in file if line.strip() and not line.startswith("#")]
    return {row[0].strip() for row in rows if not (internal and row[1:2] == ["releases"])}


def files(folder: str) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            if name != "tombstones.csv" and not name.endswith(".py"):
                yield os.path.join(where, name)


def look(path: str, withdrawn: set[str], remove: bool) -> int:
    """How often something withdrawn is in a file."""
    name = os.path.basename(path)
    if name.split(".")[0] in withdrawn:
        if remove:
            os.remove(path)
        return 1
    if name.endswith(".csv"):
        return table(path, withdrawn, remove)
    if name.endswith(".tar"):
        return shard(path, withdrawn, remove)
    if name.endswith(".parquet"):
        return parquet(path, withdrawn, remove)
    if name.endswith(".json") and os.path.basename(os.path.dirname(path)) == "annotations":
        return coco(path, withdrawn, remove)
    return 0


def table(path: str, withdrawn: set[str], remove: bool) -> int:
    """Rows by their column `id`; where there is none, by those of the file of ids beside it, row for row."""
    if path.endswith(".ids.csv"):
        return 0  # together with the table that it belongs to
    ids = path[: -len(".csv")] + ".ids.csv"
    if os.path.exists(ids):
        if rows_in(path) != rows_in(ids):
            raise ValueError(f"it has other rows than {ids}: unpack the export again")
        gone = gone_rows(ids, withdrawn)
        if gone and remove:
            for one in (path, ids):
                rewrite(one, gone)
        return len(gone)
    gone = gone_rows(path, withdrawn)
    if gone and remove:
        rewrite(path, gone)
    return len(gone)


def rows_in(path: str) -> int:
    with open(path, newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file))


def gone_rows(path: str, withdrawn: set[str]) -> set[int]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if "id" not in head:
            return set()
        column = head.index("id")
        return {number for number, row in enumerate(rows) if row and row[column] in withdrawn}


def rewrite(path: str, gone: set[int]) -> None:
    with open(path, newline="", encoding="utf-8") as file, replacing(path, "w") as out:
        rows, writer = csv.reader(file), csv.writer(out, lineterminator="\n")
        writer.writerow(next(rows))
        writer.writerows(row for number, row in enumerate(rows) if number not in gone)


def coco(path: str, withdrawn: set[str], remove: bool) -> int:
    with open(path, encoding="utf-8") as file:
        whole = json.load(file)
    gone = {image["id"] for image in whole["images"] if image["smielfy_id"] in withdrawn}
    if gone and remove:
        whole["images"] = [image for image in whole["images"] if image["id"] not in gone]
        whole["annotations"] = [one for one in whole["annotations"] if one["image_id"] not in gone]
        with replacing(path, "w") as out:
            json.dump(whole, out)
    return len(gone)


def shard(path: str, withdrawn: set[str], remove: bool) -> int:
    with tarfile.open(path) as tar:
        gone = sum(os.path.basename(one.name).split(".")[0] in withdrawn for one in tar)
    if gone and remove:
        with (
            tarfile.open(path) as tar,
            replacing(path, "wb") as out,
            tarfile.open(fileobj=out, mode="w") as left,
        ):
            for one in tar:
                if os.path.basename(one.name).split(".")[0] not in withdrawn:
                    left.addfile(one, tar.extractfile(one))
    return gone


def parquet(path: str, withdrawn: set[str], remove: bool) -> int:
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as source:
        if "id" not in source.schema_arrow.names:
            return 0
        ids = pyarrow.array(sorted(withdrawn), pyarrow.string())
        gone = 0
        for batch in source.iter_batches(columns=["id"]):
            gone += pyarrow.compute.sum(pyarrow.compute.is_in(batch["id"], ids)).as_py() or 0
        if gone and remove:
            with (
                replacing(path, "wb") as out,
                pyarrow.parquet.ParquetWriter(out, source.schema_arrow) as writer,
            ):
                for batch in source.iter_batches(64):
                    there = pyarrow.compute.invert(pyarrow.compute.is_in(batch["id"], ids))
                    writer.write_batch(batch.filter(there))
    return gone


def seal(folder: str) -> None:
    """Say anew how many photos there are and what SHA-256 samples.csv has, so that what is left is whole."""
    samples, about, metadata = (
        os.path.join(folder, name) for name in ("samples.csv", "smielfy.json", "croissant.json")
    )
    if not os.path.exists(samples):
        return
    digest = hashlib.sha256()
    with open(samples, "rb") as file:
        for chunk in iter(lambda: file.read(1024 * 1024), b""):
            digest.update(chunk)
    if os.path.exists(about):
        said = json_in(about)
        said["photos"], said["samples_sha256"] = rows_in(samples) - 1, digest.hexdigest()
        json_out(about, said)
    if os.path.exists(metadata):
        said = json_in(metadata)
        said["distribution"][0]["sha256"] = digest.hexdigest()
        json_out(metadata, said)


def json_in(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def json_out(path: str, said: Any) -> None:
    with replacing(path, "w") as out:
        json.dump(said, out, indent=2)
        out.write("\n")


@contextmanager
def replacing(path: str, mode: str) -> Iterator[IO[Any]]:
    """A file that takes the place of another once it is whole."""
    handle, part = tempfile.mkstemp(dir=os.path.dirname(path) or ".")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with os.fdopen(handle, mode, **text) as file:
            yield file
        os.replace(part, path)
    except BaseException:
        os.remove(part)
        raise


if __name__ == "__main__":
    sys.exit(main())
