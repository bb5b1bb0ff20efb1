"""The command line: python -m export."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from export import ExportError

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"


def main(arguments: list[str] | None = None) -> int:
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
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Notebooks in, PDF out."""
    from export.check import Checked
    from export.cover import read_cover
    from export.execute import execute_notebooks, read_notebook
    from export.exporter import compile_typst
    from export.write_up import typeset

    cover = read_cover(options.cover)
    paths = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        raise ExportError(f"no notebook in {NOTEBOOKS}")
    output = options.output
    if options.no_execute:
        notebooks = [read_notebook(path) for path in paths]
    else:
        print(f"Running {len(paths)} notebooks", flush=True)
        notebooks = execute_notebooks(
            paths,
            timeout=options.timeout,
            on_done=lambda path, seconds: print(
                f"  {path.name:<36} {seconds:6.1f} s", flush=True
            ),
        )
        if options.refresh:
            refresh(paths, notebooks)
    start = time.perf_counter()
    write_up = typeset(paths, notebooks, cover, output.stem)
    if options.keep_typst:
        for name, content in write_up.files.items():
            (output.parent / name).parent.mkdir(parents=True, exist_ok=True)
            write(output.parent / name, content)
        write(output.with_suffix(".typ"), write_up.source.encode())
    pdf = compile_typst(write_up.source, write_up.files)
    checked = Checked(pdf)
    if checked.missing(write_up.source):  # a script that only the system has a font for
        pdf = compile_typst(write_up.source, write_up.files, system_fonts=True)
        checked = Checked(pdf)
        if missing := checked.missing(write_up.source):
            raise ExportError(f"no font on this computer has {missing}")
    checked.check(write_up)
    write(output, pdf)
    print(_page_table(checked.sections))
    print(f"{output}: {len(checked.pages)} pages in {time.perf_counter() - start:.1f} s")
    if cover.missing:
        print(
            f"The write-up is unsigned: fill in {', '.join(cover.missing)} "
            f"in {options.cover}."
        )


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


def refresh(paths: list[Path], notebooks: list) -> None:
    """Put the executed notebooks in the place of the files."""
    import nbformat

    for path, notebook in zip(paths, notebooks):
        write(path, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is the old one or the new one, whatever happens."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    finally:
        if temporary:
            os.unlink(temporary)


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
    sys.exit(main())
