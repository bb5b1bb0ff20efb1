"""Formulas are found where JupyterLab finds them."""

import pytest

from export.formulas import Formula, split

pytestmark = pytest.mark.export


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$x$ and $ y $", [("x", False), ("y", False)]),
        ("$$\nx\n$$", [("x", True)]),
        (r"\begin{align} a \end{align}", [(r"\begin{align} a \end{align}", True)]),
        (r"\\(x\\) \\[y\\]", [("x", False), ("y", True)]),
        (r"`$x$` ``a ` $y$`` \$5 and \$6", []),
        ("```\n$x$\n```\n$y$", [("y", False)]),
        ("~~~ python\n$x$\n~~~", []),
        ("one $ here\n\nand one $ there", []),
        (r"$\text{a $b$ c}$", [(r"\text{a $b$ c}", False)]),
        ("> $$\n> a +\n> b\n> $$", [("a +\n b", True)]),
        ("| $|x|$ | $\\frac{a}{b}$ |", [("|x|", False), (r"\frac{a}{b}", False)]),
        (r"$a \$ b$", [(r"a \$ b", False)]),
        ("It costs $5:\n```bash\necho $HOME\n```\nThe end.", []),
        ("It costs $5; run `echo $HOME` now.", []),
        ("$5:\n~~~\n$\n~~~\n\n$x$", [("x", False)]),
    ],
)
def test_formulas_are_found_where_jupyter_finds_them(text, formulas):
    parts = split(text)
    found = [part for part in parts if isinstance(part, Formula)]
    assert [(formula.tex, formula.display) for formula in found] == formulas
    assert "".join(getattr(part, "source", part) for part in parts) == text


def test_there_are_none_where_mathjax_is_told_to_ignore_them():
    cell = "<tr><td>$5 and $6</td></tr>"
    for name, parts in [("dataframe", 3), ("dataframe tex2jax_ignore", 1)]:
        found = split(f'<table class="{name}">{cell}</table>', in_html=True)
        assert len(found) == parts
