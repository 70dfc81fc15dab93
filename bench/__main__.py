"""`make bench` runs every measurement; `make bench ARGS="faces uploads"` those named.

Each also runs alone, with options of its own: `python -m bench.NAME --help`.
"""

import argparse
import runpy
import sys
from pathlib import Path

# What a measurement needs data for that not every checkout has, and what takes many minutes, is run by name only.
BY_NAME_ONLY = {
    "exports",
    "icons",
    "keypoint_map",
    "keypoints",
    "mask_sheet",
    "review",
    "review_queue",
    "screenshots",
    "smileys",
    "unmask",
}


def main() -> None:
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args().names or [name for name in names if name not in BY_NAME_ONLY]
    if unknown := sorted(set(chosen) - set(names)):
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(names)}")
    for name in chosen:
        print(f"\n== {name}", flush=True)
        sys.argv = [f"bench/{name}.py"]
        runpy.run_module(f"bench.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
