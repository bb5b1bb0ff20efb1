"""The command line: python -m export."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from export import ExportError

# nbformat imports jsonschema, which would build a grammar for international addresses
# with this package: 1.4 s, more than Typst needs, for what no notebook asks for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        run(options)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"error: the package {error.name} is missing: "
            "run `pip install -r requirements.txt`",
            file=sys.stderr,
        )
        return 1
    except OSError as error:  # a full disk, most likely
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: no file is half written", file=sys.stderr)
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Notebooks in, PDF out."""
    from export.check import Checked
    from export.cover import read_cover
    from export.execute import execute_notebooks, read_notebook
    from export.exporter import compile_whole
    from export.write_up import typeset

    output = options.output
    paths = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        raise ExportError(f"no notebook in {NOTEBOOKS}")
    if output.resolve() in {path.resolve() for path in [*paths, options.cover]}:
        raise ExportError(f"cannot write {output}: it is read from")
    cover = read_cover(options.cover)
    _try_to_write(output)  # better known before the minute that the notebooks take
    if options.no_execute:
        notebooks = [read_notebook(path) for path in paths]
    else:
        print(f"Running {len(paths)} notebooks", flush=True)
        notebooks = execute_notebooks(paths, timeout=options.timeout, on_done=_progress)
        if options.refresh:
            write(dict(zip(paths, map(_file, notebooks))))
    start = time.perf_counter()
    write_up = typeset(paths, notebooks, cover, output.stem)
    if options.keep_typst:
        write({output.parent / name: data for name, data in write_up.files.items()})
        write({output.with_suffix(".typ"): write_up.source.encode()})
    pdf, pages = compile_whole(write_up.source, write_up.files)
    checked = Checked(pdf, pages)
    checked.check(write_up)
    write({output: pdf})
    print(_page_table(checked.sections))
    seconds = time.perf_counter() - start
    print(f"{output}: {len(checked.pages)} pages in {seconds:.1f} s")
    if cover.missing:
        blanks = ", ".join(cover.missing)
        print(f"The write-up is unsigned: fill in {blanks} in {options.cover}.")


def write(files: dict[Path, bytes]) -> None:
    """Write files so that each is the old one or the new one, whatever happens.

    All of them are complete on the disk before the first is put in place, so that a
    full disk changes none. Killed between two of these last steps, a program leaves the
    first files new and the others old, each of them whole: no file system does better.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{path.name}.", delete=False
            ) as file:
                written.append((Path(file.name), path))
                mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        while written:
            temporary, path = written[0]
            temporary.replace(path)
            written.pop(0)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def _try_to_write(path: Path) -> None:
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _file(notebook) -> bytes:
    import nbformat

    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


def _progress(path: Path, seconds: float) -> None:
    print(f"  {path.name:<32} {seconds:6.1f} s", flush=True)


def _page_table(sections: list) -> str:
    """The pages of each question, as Gradescope asks for them."""
    rows = [("Question", "Pages")]
    for section in sections:
        pages = str(section.first)
        if section.last > section.first:
            pages += f"-{section.last}"
        rows.append((section.title, pages))
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"  {title:<{width}}  {pages:>7}" for title, pages in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Run the notebooks and typeset them as one PDF.",
    )
    parser.add_argument(
        "notebooks", nargs="*", type=Path, metavar="NOTEBOOK",
        help="which notebooks, in order (default: all of notebooks/)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=HERE / "write-up.pdf", metavar="FILE",
        help="where the PDF goes (default: export/write-up.pdf)",
    )
    parser.add_argument(
        "--cover", type=Path, default=HERE / "cover.toml", metavar="FILE",
        help="what the first page says (default: export/cover.toml)",
    )
    parser.add_argument(
        "--no-execute", action="store_true",
        help="take the outputs that the notebooks hold",
    )
    parser.add_argument(
        "--refresh", action="store_true",
        help="also put the new outputs into the notebooks, if all of them ran",
    )
    parser.add_argument(
        "--keep-typst", action="store_true",
        help="also write the Typst source beside the PDF",
    )
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="SECONDS",
        help="how long one cell may take (default: 600)",
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it cleans up, too
    sys.exit(main())
