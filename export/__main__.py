"""The command line: python -m export."""

import argparse
import os
import re
import signal
import sys
from pathlib import Path

from export.output import prepare, say
from nbtypst.errors import ExportError

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    if os.path.expanduser("~") == "~":  # noqa: PTH111 # a user without a home, as in a container
        os.environ["HOME"] = os.environ["USERPROFILE"] = "/nonexistent"  # Jupyter asks
    try:
        # Imported late: it takes a second, and fails if a package is missing.
        from export.build import build
        if not 0 < options.timeout < float("inf"):
            raise ExportError(f"--timeout must be above 0 s, not {options.timeout}")
        paths = options.notebooks or _notebooks()
        if not paths:
            raise ExportError(f"no notebook in {NOTEBOOKS}")
        build(paths, options)
    except ModuleNotFoundError as error:
        say(f"error: the package {error.name} is missing: "
            "run `pip install -r requirements.txt`", error=True)
        return 1
    except (ExportError, OSError) as error:  # without a file's name: a full disk
        say(f"error: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted: no file is half written", error=True)
        return 130
    return 0


def _notebooks() -> list[Path]:
    """Return all notebooks, without copies and the hidden ones of some programs."""
    paths, chosen = sorted(NOTEBOOKS.glob("[!.~]*.ipynb")), []
    for path in paths:
        stem = re.sub(r"(-Copy| copy|_copy| \()[ \d)]*$", "", path.stem)
        if (original := path.with_stem(stem)) != path and original in paths:
            say(f"Leaving out {path.name}: it looks like a copy of {original.name}")
        else:
            chosen.append(path)
    return chosen


def _parser() -> argparse.ArgumentParser:
    what = "Run the notebooks and typeset them as one PDF."
    parser = argparse.ArgumentParser("python -m export", description=what)
    add = parser.add_argument
    add("notebooks", nargs="*", type=Path, metavar="NOTEBOOK",
        help="which notebooks, in order (default: all of notebooks/)")
    add("-o", "--output", type=Path, default=HERE / "write-up.pdf", metavar="FILE",
        help="where the PDF goes (default: export/write-up.pdf)")
    add("--cover", type=Path, default=HERE / "cover.toml", metavar="FILE",
        help="what the first page says (default: export/cover.toml)")
    add("--site", type=Path, metavar="FOLDER",
        help="also write pages for a browser there, with the PDF next to them")
    for option, what_for in {
        "--no-execute": "take the outputs that the notebooks hold",
        "--fresh": "run all notebooks, also those not changed since a kept run",
        "--refresh": "also put the new outputs into the notebooks, if all of them ran",
        "--strict": "write no PDF if anything in it is not as it was meant",
        "--keep-typst": "also write the Typst source next to the PDF",
    }.items():
        add(option, action="store_true", help=what_for)
    add("--timeout", type=float, default=600, metavar="SECONDS",
        help="how long one cell may take (default: 600)")
    return parser


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # they clean up, too
        number = getattr(signal, name, None)  # on Windows there is only the last one
        if number and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    prepare()
    sys.exit(main())
