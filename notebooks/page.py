"""What the notebooks put on the page: one style of figures, tables and answers."""

import ast
import inspect
import logging
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from IPython.utils.capture import capture_output
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib_inline.backend_inline import set_matplotlib_formats

WIDTH = 6.3  # inches, the text's width in the PDF: figures are shown at natural size
# Blue is a 3 and orange a 9, violet and green are any two other things. In each pair
# one is dark and one light, so that they stay apart in grey.
THREE, NINE = "#1b4f8a", "#e8871e"
DARK, LIGHT = "#5e2b85", "#33a089"
GREY = "#8a8a8a"
VOTES = LinearSegmentedColormap.from_list("votes", [THREE, "white", NINE])
SIGNS = LinearSegmentedColormap.from_list("signs", [LIGHT, "white", DARK])


def set_up() -> None:
    """Draw figures in the notebooks' style, as sharp pictures and as vectors.

    The user's own settings are ignored, so that everybody gets the same pictures.
    """
    plt.rcdefaults()
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of cmr10's dates
    # The screen shows the PNG, LaTeX takes the PDF, and Typst the SVG. Each is as large
    # as its figure says, so nothing has to be drawn beforehand to be measured.
    formats = os.environ.get("FIGURES", "retina pdf svg").split()
    set_matplotlib_formats(*formats, bbox_inches=None)
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # no picture has a date
    plt.rcParams.update({
        "svg.hashsalt": "page",  # the same names inside the SVG at every run
        "figure.figsize": (WIDTH, 2.6),
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.family": ["cmr10", "STIXGeneral"],  # the PDF's; the other for its gaps
        "mathtext.fontset": "cm",
        "axes.formatter.use_mathtext": True,
        "font.size": 9.5,
        "axes.titlesize": 9.5,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "lines.linewidth": 1.4,
        "image.cmap": "gray_r",
        "image.interpolation": "none",
        "pdf.fonttype": 42,
    })


def subplots(rows: int = 1, columns: int = 1, *, height: float = 2.6, **options):
    """Return a figure of the text's width and its axes, as plt.subplots does.

    pyplot does not know it, so it appears where figure() shows it and nowhere else.
    """
    engine = _Once(wspace=0.05 if columns in (2, 3) else 0.02)
    fig = Figure(figsize=(WIDTH, height), layout=engine)
    axes = fig.subplots(rows, columns, **options)
    for ax in fig.axes:  # plain numbers: those set as formulas take ten times as long
        ax.ticklabel_format(useMathText=False)
    return fig, axes


class _Once(ConstrainedLayoutEngine):
    """Lays a figure out when it is first drawn, and not again for each format."""

    done = False

    def execute(self, fig: Figure) -> None:
        if not self.done:
            super().execute(fig)
        self.done = True


def figure(fig: Figure, caption: str, alt: str, label: str = "") -> None:
    """Show fig with its caption; alt describes it to those who cannot see it.

    With a label, [words](#label) leads here, and in the PDF becomes its number.
    """
    for text in fig.findobj(Text):
        _in_cmr10(text)
    marks = _anchor(label)
    # For every format, and where JupyterLab looks for it.
    display(fig, metadata={"alt": alt, "image/png": {"alt": alt}} | marks)
    _caption(caption)


@contextmanager
def described(caption: str, alt: str, label: str = "") -> Iterator[None]:
    """Give the picture shown within caption, alt and label, as figure does."""
    with capture_output(stdout=False, stderr=False) as shown:
        yield
    marks = _anchor(label)
    for output in shown.outputs:
        output.metadata.setdefault("image/png", {})["alt"] = alt
        output.metadata.update(marks, alt=alt)
        output.display()
    _caption(caption)


def _anchor(label: str) -> dict[str, str]:
    """Show the place that a link to label leads to; return its figure's metadata."""
    if not label:
        return {}
    if not re.fullmatch(r"[a-z][a-z0-9-]*", label):
        raise ValueError(f"a label is letters, digits and hyphens, got {label!r}")
    display(Markdown(f'<a id="{label}"></a>'), metadata={"role": "screen"})
    return {"label": label}


def _caption(text: str) -> None:
    display(Markdown(f"*{text}*"), metadata={"role": "caption"})


def _in_cmr10(text: Text) -> None:
    """Space the lines, and refuse characters that cmr10 draws as other ones."""
    if "\n" in text.get_text():
        text.set_linespacing(1.5)  # its letters are low: more space
    outside_formulas = re.sub(r"\$[^$]*\$", "", text.get_text())
    if wrong := "".join(sorted(set(outside_formulas) & set('<>|{}_"\\'))):
        raise ValueError(f"{wrong} must be in a formula, got {text.get_text()!r}")


# A number, as a table may have it: -1, 12,080, 98.4%, 1e-5, $10^{-5}$, 9 of 10.
_NUMBER = re.compile(r"[$*]*[-+]?\d[\d,.]*(e[-+]?\d+)?(?![-\w,.])")


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str = "",
    label: str = "",
) -> None:
    """Show a table: columns of numbers flush right, the others flush left.

    None and "-", for no result, are shown as a dash. With a caption the PDF numbers
    the table; with a label as well, it can be linked to as a figure can.
    """
    if label and not caption:
        raise ValueError(f"a table without a caption has no number, got {label!r}")
    cells = [["–" if c in (None, "-") else str(c) for c in row] for row in rows]
    columns = [[c for c in column if c not in ("", "–")] for column in zip(*cells)]
    numbers = [
        2 * sum(map(bool, map(_NUMBER.match, column))) > len(column)
        for column in columns
    ]
    marks = ["--:" if right else ":--" for right in numbers]
    lines = [header, marks or [":--"] * len(header), *cells]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    display(Markdown(text), metadata=_anchor(label))
    if caption:
        _caption(caption)


def number(value: float, digits: int = 6, spec: str = "") -> str:
    """Return value in a few digits, with a power of ten instead of an e: 9 * 10^-4.

    spec, as format() takes it, is for other digits: "#.4g" writes a 0 at the end, too.
    """
    mantissa, _, exponent = format(value, spec or f".{digits}g").partition("e")
    mantissa = mantissa.removesuffix(".")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else rf"{mantissa} \cdot "
    return f"${factor}10^{{{int(exponent)}}}$"


def text(words: str) -> None:
    """Show Markdown, numbers filled in."""
    display(Markdown(words.strip()))


def answer(label: str, text: str) -> None:
    """Show the answer to a question, set off from the rest, numbers filled in."""
    paragraphs = f"**Answer {label}.** {text.strip()}".splitlines()
    display(Markdown("\n".join(f"> {line}".rstrip() for line in paragraphs)))


def source(function: Callable, docstring: bool = True) -> None:
    """Show a function as its file has it, and where that is."""
    function = inspect.unwrap(function)
    lines, first = inspect.getsourcelines(function)
    place = f"`{Path(inspect.getfile(function)).name}`, lines {first} to "
    place += str(first + len(lines) - 1)
    if inspect.getdoc(function) and not docstring:
        [tree] = ast.parse(textwrap.dedent("".join(lines))).body
        text = tree.body[0]  # type: ignore[attr-defined]
        del lines[text.lineno - 1 : text.end_lineno]
        place += ", without its docstring"
    code = textwrap.dedent("".join(lines)).rstrip()
    display(Markdown(f"{place}:\n\n```python\n{code}\n```"))


def show_digit(axes: plt.Axes, image: np.ndarray, title: str = "", **style) -> None:
    """Draw a digit, (28, 28) or (784,), on axes without ticks, under a short title."""
    axes.imshow(image.reshape(28, 28), **{"vmin": 0, "vmax": 1, **style})
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set(visible=True, linewidth=0.4, color=GREY)
    axes.set_title(title, pad=3)


def digit_grid(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 10,
    title_size: float = 8,
    names: Sequence[str] = (),
) -> Figure:
    """Return a figure of square pictures or digits (784,), each under its title.

    Each row may have a name, at its left. All share one pair of axes, in which a
    picture is 1 wide: a pair for each takes longer to draw.
    """
    rows = max(1, -(-len(images) // columns))
    lines = 1 + max((title.count("\n") for title in titles), default=0)
    side = (WIDTH - 0.9 * bool(names)) / columns  # inches
    step = 1 + 0.018 * title_size * lines * any(titles) / side + 0.06
    fig, ax = subplots(height=rows * step * side + 0.05)
    frames = []
    for k, (image, title) in enumerate(zip(images, titles)):
        x, y = k % columns, (k // columns + 1) * step - 1
        pixels = image.reshape(28, 28) if image.ndim == 1 else image
        ax.imshow(pixels, extent=(x + 0.03, x + 0.97, y + 0.94, y), vmin=0, vmax=1)
        ax.text(x + 0.5, y - 0.04, title, ha="center", va="bottom", fontsize=title_size)
        frames.append(Rectangle((x + 0.03, y), 0.94, 0.94))
    for k, name in enumerate(names):
        ax.text(-0.1, (k + 1) * step - 0.53, name, ha="right", va="center")
    ax.add_collection(PatchCollection(frames, fc="none", ec=GREY, lw=0.4))
    ax.set(xlim=(0, columns), ylim=(rows * step, 0), anchor="E")
    ax.axis("off")
    return fig


def matrices(arrays: Mapping[str, np.ndarray], digits: int = 4) -> str:
    """Return displayed formulas, one for each name and array: name = (its numbers).

    If one number of an array needs a power of ten, all have one.
    """
    lines = []
    for name, array in arrays.items():
        small = abs(array[array != 0]).min(initial=1) < 1e-4
        spec = f".{digits - 1}e" if small else f"#.{digits}g"
        rows = [
            " & ".join(number(value, spec=spec).strip("$") for value in row)
            for row in array
        ]
        body = r" \\ ".join(rows)
        tex = rf"\texttt{{{name}}} = \begin{{pmatrix}} {body} \end{{pmatrix}}"
        lines.append(tex.replace("_", r"\_"))
    return "\n\n".join(f"$$ {tex} $$" for tex in lines)
