"""`python -m operations.launch up`: what `make up` runs once everything is installed."""

import argparse
import os
import sys

from .options import Options
from .problems import LaunchError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m operations.launch", description="Run Smielfy on this machine."
    )
    parser.add_argument("command", choices=["up"], help="start everything and stay until Ctrl-C")
    parser.parse_args()
    try:
        from .up import Launch

        return Launch(Options.from_environment(os.environ)).run()
    except LaunchError as problem:
        print(f"smielfy: {problem}", file=sys.stderr)
    except ModuleNotFoundError as missing:
        # The launcher was started with another Python, or the set-up was cut off.
        print(f"smielfy: The package {missing.name} is not installed: run `make setup`.", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
