"""What the notebooks put on the page: one style of figures, tables and answers."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

WIDTH = 6.3  # inches, the text's width in the PDF: figures are shown at natural size
THREE, NINE = "#1b4f8a", "#e8871e"  # dark blue and light orange: apart in grey, too
GREY = "#8a8a8a"


def set_up() -> None:
    """Draw figures in the notebooks' style, as sharp pictures and as vectors."""
    set_matplotlib_formats("retina", "pdf")
    plt.rcParams.update({
        "figure.figsize": (WIDTH, 2.6),
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.family": "STIXGeneral",
        "mathtext.fontset": "stix",
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
        "image.interpolation": "nearest",
        "pdf.fonttype": 42,
    })


def subplots(rows: int = 1, columns: int = 1, *, height: float = 2.6, **options):
    """Return a figure of the text's width and its axes, as plt.subplots does.

    pyplot does not know of it, so it appears where figure() shows it and nowhere else.
    """
    fig = Figure(figsize=(WIDTH, height))
    return fig, fig.subplots(rows, columns, **options)


def figure(fig: Figure, caption: str, alt: str) -> None:
    """Show fig with its caption; alt says what is seen to those who cannot see it."""
    display(fig, metadata={"image/png": {"alt": alt}})
    display(Markdown(f"*{caption}*"), metadata={"role": "caption"})


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Show a table: the first column is flush left, the others flush right."""
    lines = [header, [":--"] + ["--:"] * (len(header) - 1), *rows]
    text = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    display(Markdown(text))


def answer(label: str, text: str) -> None:
    """Show the answer to a question, set off from the rest, numbers filled in."""
    paragraphs = f"**Answer {label}.** {text.strip()}".splitlines()
    display(Markdown("\n".join(f"> {line}".rstrip() for line in paragraphs)))


def show_digit(axes: plt.Axes, image: np.ndarray, title: str = "", **style) -> None:
    """Draw a digit, (28, 28) or (784,), on axes without ticks, under a short title."""
    axes.imshow(image.reshape(28, 28), **{"vmin": 0, "vmax": 1, **style})
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, linewidth=0.4, color=GREY)
    axes.set_title(title, pad=3)


def digit_grid(
    images: np.ndarray,
    titles: Sequence[str],
    columns: int = 10,
    title_size: float = 8,
) -> Figure:
    """Return a figure of digits (n, 28, 28) or (n, 784), each under its title."""
    rows = max(1, -(-len(images) // columns))
    lines = 1 + max((title.count("\n") for title in titles), default=0)
    height = rows * (WIDTH / columns + 0.018 * title_size * lines)
    fig, axes = subplots(rows, columns, height=height, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles):
        ax.axis("on")
        show_digit(ax, image)
        ax.set_title(title, fontsize=title_size, pad=2)
    return fig
