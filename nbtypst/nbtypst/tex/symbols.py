"""What Typst calls what Pandoc would lose or change."""

_LETTERS = {
    "rm": "math.upright(", "bf": "math.bold(", "it": "math.italic(",
    "tt": "math.mono(", "sf": "math.sans(",
}  # fmt: skip
WORDS = {f"\\math{letters}": typst for letters, typst in _LETTERS.items()}
TEXT = {f"\\text{letters}": typst for letters, typst in _LETTERS.items()}
TEXT |= dict.fromkeys(("\\text", "\\mbox"), "math.upright(")
FONTS = {f"\\{name}": f"\\math{name}" for name in (*_LETTERS, "cal")}  # of a group
IN_TEXT = {
    "\\ ": " ", "~": "\u00a0", "'": "’", "`": "‘", "\\ldots": "…", "\\dots": "…",
}  # fmt: skip
LINES = {"align", "aligned", "alignat", "alignedat", "split", "flalign", "eqnarray",
          "gather", "gathered", "multline"}  # fmt: skip
WHOLE = "equation", "subequations", "displaymath", "math"  # for one formula
MATRICES = {
    "matrix": "#none", "smallmatrix": "#none", "array": "#none", "pmatrix": '"("',
    "bmatrix": '"["', "Bmatrix": '"{"', "vmatrix": '"|"', "Vmatrix": '"‖"',
    "cases": '#("{", none)', "dcases": '#("{", none)', "rcases": '#(none, "}")',
}  # fmt: skip
SIZES_OF_CELLS = (
    dict.fromkeys(LINES, "display(…)")
    | dict.fromkeys(MATRICES, "inline(…)")
    | {"smallmatrix": "script(…)", "substack": "script(…)", "dcases": "display(…)"}
)
ALIGNMENTS = {"l": "left", "r": "right"}
UNITS = {"mu": (1 / 18, "em"), "ex": (0.43, "em")}


def _table(words: str) -> dict[str, str]:
    """Words by the words before them."""
    return dict(zip(words.split()[::2], words.split()[1::2], strict=True))


DELIMITERS = {".": ""} | _table(r"""
( paren.l      ) paren.r         [ bracket.l     ] bracket.r     / slash
< chevron.l    > chevron.r       \langle chevron.l     \rangle chevron.r
\{ brace.l     \} brace.r        \lbrace brace.l       \rbrace brace.r
\lbrack bracket.l                \rbrack bracket.r     \backslash backslash
\lfloor floor.l                  \rfloor floor.r       \lceil ceil.l   \rceil ceil.r
\uparrow arrow.t                 \downarrow arrow.b
| bar.v        \vert bar.v       \lvert bar.v          \rvert bar.v
\| bar.v.double    \Vert bar.v.double    \lVert bar.v.double    \rVert bar.v.double
""")
_SIDES = {"l": "opening", "r": "closing", "m": "relation", "": "normal"}
SIZES = {
    f"\\{name}{letter}": (em, side)
    for name, em in {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}.items()
    for letter, side in _SIDES.items()
}
ARROWS = _table(r"""
\xrightarrow arrow.r               \xleftarrow arrow.l
\xRightarrow arrow.r.double        \xLeftarrow arrow.l.double
\xleftrightarrow arrow.l.r         \xLeftrightarrow arrow.l.r.double
\xhookrightarrow arrow.r.hook      \xhookleftarrow arrow.l.hook
\xmapsto arrow.r.bar               \xlongequal eq
""")
TYPST = _table(r"""
\square square.stroked             \setminus without         \S section
\longrightarrow arrow.r.long       \Longrightarrow arrow.r.double.long
\longleftarrow arrow.l.long        \Longleftarrow arrow.l.double.long
\longleftrightarrow arrow.l.r.long \Longleftrightarrow arrow.l.r.double.long
\longmapsto arrow.r.long.bar       \iff arrow.l.r.double.long
\; thick                           \& \&
""") | {  # with a … for each argument, and a ⋯ for the rest of the group
    "\\enspace": "#h(0.5em)", "\\!": "#h(-1em / 6)", "\\ ": "space",
    '"': '"\\""', "`": '"‘"',
    "\\mod": 'space.quad "mod" thin', "\\bmod": 'class("binary", "mod")',
    "\\colon": 'class("punctuation", ":")',
    "\\vdots": "#box(inset: (y: 0.3em), $dots.v$)",
    "\\ddots": "#box(inset: (y: 0.3em), $dots.down$)",
    "\\overset": "attach(t: …, limits(…))", "\\underset": "attach(b: …, limits(…))",
    "\\mathop": "op(…, limits: #true)", "\\framed": "#framed([$…$])",
    "\\hphantom": "#box(height: 0pt, hide[$…$])",
    "\\vphantom": "#box(width: 0pt, hide[$…$])",
    "\\overparen": "limits(overparen(…))", "\\underparen": "limits(underparen(…))",
    "\\underbracket": "limits(underbracket(…))",
    "\\displaystyle": "display(⋯)", "\\textstyle": "inline(⋯)",
    "\\scriptstyle": "script(⋯)", "\\scriptscriptstyle": "sscript(⋯)",
} | {
    f"\\{size}": f"text(size: #{points}pt, ⋯)"
    for size, points in {
        "tiny": 5, "scriptsize": 7, "footnotesize": 8, "small": 9, "normalsize": 10,
        "large": 12, "Large": 14.4, "LARGE": 17.3, "huge": 20.7, "Huge": 24.9,
    }.items()
} | {
    f"\\math{name}": f'class("{kind}", …)' for name, kind in _table("""
    rel relation  bin binary  ord normal  open opening  close closing  punct punctuation
    """).items()
} | {
    bar: f'class("{kind}", bar.v)' for bar, kind in _table(r"""
    | normal  \vert normal  \lvert opening  \rvert closing
    """).items()
} | {
    bar: f'class("{kind}", bar.v.double)' for bar, kind in _table(r"""
    \| normal  \Vert normal  \lVert opening  \rVert closing
    """).items()
}  # fmt: skip
_GROUPS = """
acute bar bcancel bm boldsymbol breve cancel check dddot ddot dot
genfrac grave hat mathbb mathcal mathfrak mathring mathscr overbrace
overbracket overleftarrow overleftrightarrow overline overrightarrow
phantom pmb pmod sqrt tilde underbrace underline vec
widehat widetilde xcancel
"""
# Pandoc's commands that take groups; a group after another command is not its own.
WITH_GROUPS = set(WORDS) | {f"\\{name}" for name in _GROUPS.split()}
