"""The command line: `python -m smielfy_client list|download|samples|tombstones`.

The token comes from SMIELFY_TOKEN or a file, for whatever stands on a command line can be read by everybody on the
machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from .client import Smielfy
from .download import Progress
from .errors import NotAnExport, SmielfyError

FORMATS = ("imagefolder", "coco", "kaggle", "webdataset", "parquet", "table", "masked")


def main(arguments: list[str] | None = None) -> int:
    """Status: 0, or 1 with what is wrong and what to do on standard error."""
    given = parser().parse_args(arguments)
    try:
        token = Path(given.token_file).read_text(encoding="utf-8").strip() if given.token_file else ""
        with Smielfy(given.url or "", token, ca=given.ca or "") as site:
            return int(given.act(site, given))
    except (SmielfyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Interrupted. What has come of a download is kept: the same command goes on with it.",
            file=sys.stderr,
        )
        return 130


def parser() -> argparse.ArgumentParser:
    about = argparse.ArgumentParser(
        prog="python -m smielfy_client", description="Take data sets from a Smielfy site."
    )
    about.add_argument("--url", help="the site's address; without it SMIELFY_URL")
    about.add_argument("--token-file", help="a file with an API token; without it SMIELFY_TOKEN")
    about.add_argument(
        "--ca", help="a certificate to trust (PEM), for a self-signed one; without it SMIELFY_CA"
    )
    acts = about.add_subparsers(required=True, metavar="list|download|samples|tombstones")

    versions = acts.add_parser("list", help="the data set versions, the newest first")
    versions.set_defaults(act=_list)

    download = acts.add_parser("download", help="an export of a version; goes on where it was interrupted")
    download.add_argument("version", type=int)
    download.add_argument("--format", choices=FORMATS, default="imagefolder")
    download.add_argument("--to", default=".", metavar="FOLDER")
    download.add_argument("--release", action="store_true", help="the one for others")
    download.add_argument(
        "--contact", default="", help="for a release: an e-mail address at which you can be reached"
    )
    download.add_argument(
        "--accept-terms",
        action="store_true",
        help="for a release: identify nobody, and honour the tombstones, looked at every 30 days at least",
    )
    download.set_defaults(act=_download)

    listed = acts.add_parser("samples", help="a line of JSON for each sample that was not withdrawn")
    listed.add_argument("path", help="an export's tar file, or the folder that it was unpacked to")
    listed.add_argument("--split", choices=("train", "validation", "test"), default="")
    listed.add_argument("--allow-old", action="store_true", help="go on with a list older than 30 days")
    listed.set_defaults(act=_samples)

    stones = acts.add_parser("tombstones", help="refresh the list of what was withdrawn")
    stones.add_argument("--look", metavar="FOLDER", help="say what is withdrawn in an unpacked export")
    stones.add_argument("--remove", metavar="FOLDER", help="delete what is withdrawn in an unpacked export")
    stones.set_defaults(act=_tombstones)
    return about


def _list(site: Smielfy, given: argparse.Namespace) -> int:
    for version in site.versions():
        print(
            f"{version.name:8} {version.photos:>9,} photos of {version.people:>7,} people   SHA-256 {version.sha256}"
        )
    return 0


def _download(site: Smielfy, given: argparse.Namespace) -> int:
    export = site.wait(
        site.export(given.version, given.format, release=given.release), _show("photos written")
    )
    path = site.fetch(
        export, given.to, contact=given.contact, accept_terms=given.accept_terms, progress=_show("bytes")
    )
    print(path)
    return 0


def _samples(site: Smielfy, given: argparse.Namespace) -> int:
    for sample in site.samples(given.path, split=given.split, allow_old=given.allow_old):
        facts = {
            "id": sample.id,
            "participant": sample.participant,
            "smiley": sample.smiley,
            "split": sample.split,
            "path": str(sample.path) if sample.path else None,
            "box": sample.box,
            "keypoints": sample.keypoints,
        }
        print(json.dumps(facts))
    return 0


def _tombstones(site: Smielfy, given: argparse.Namespace) -> int:
    stones = site.tombstones()
    folder = given.look or given.remove
    if not folder:
        print(f"{len(stones):,} photos have been withdrawn; the list is in {site.tombstones_file}.")
        return 0
    # Every export brings along the script that knows all of its formats.
    script = Path(folder) / "check_tombstones.py"
    if not script.is_file():
        raise NotAnExport(
            f"There is no check_tombstones.py in {folder}: give the folder of an unpacked export."
        )
    command = [sys.executable, "-I", str(script), folder, "--list", str(site.tombstones_file)]
    return subprocess.run([*command, "--remove"] if given.remove else command).returncode


def _show(unit: str) -> Progress:
    """One line on a terminal that is written over; nothing where there is none."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            share = f"{done / total:4.0%}" if total else "    "
            print(
                f"\r{share} {done:,} of {total:,} {unit}\x1b[K",
                end="" if done < total else "\n",
                file=sys.stderr,
            )

    return show


if __name__ == "__main__":
    sys.exit(main())
