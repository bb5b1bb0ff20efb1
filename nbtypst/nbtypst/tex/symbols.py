"""Typst's names for what Pandoc would lose or change, and commands with arguments."""

_LETTERS = {"rm": "upright", "bf": "bold", "it": "italic", "tt": "mono", "sf": "sans"}
WORDS = {f"\\math{letters}": typst for letters, typst in _LETTERS.items()}
TEXT = {f"\\text{letters}": typst for letters, typst in _LETTERS.items()}
TEXT |= {"\\text": "upright", "\\mbox": "upright"}
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
FOR_PANDOC = {"\\not": 1, "\\SI": 2, "\\si": 1, "\\num": 1, "\\ang": 1, "\\qty": 2,
              "\\unit": 1, "\\genfrac": 6}  # and how many arguments
ALIGNMENTS = {"l": "left", "r": "right"}
UNITS = {"mu": (1 / 18, "em"), "ex": (0.43, "em")}  # in another that Typst knows


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
_FONTS = {letters: f"{typst}(…)" for letters, typst in _LETTERS.items()}
_FONTS |= {"bf": "upright(bold(…))", "cal": "cal(…)"}
TYPST = _table(r"""
\square square.stroked             \setminus without         \S section
\longrightarrow arrow.r.long       \Longrightarrow arrow.r.double.long
\longleftarrow arrow.l.long        \Longleftarrow arrow.l.double.long
\longleftrightarrow arrow.l.r.long \Longleftrightarrow arrow.l.r.double.long
\longmapsto arrow.r.long.bar       \iff arrow.l.r.double.long
\; thick            \& \&           \prime prime
\acute acute(…)   \bar macron(…)   \breve breve(…)   \check caron(…)   \grave grave(…)
\dot dot(…)       \ddot dot.double(…)                \mathring circle(…)
\hat hat(…)       \tilde tilde(…)  \vec arrow(…)     \cancel cancel(…)
\bm bold(…)       \boldsymbol bold(…)                \pmb bold(…)
\mathbb bb(…)     \mathds bb(…)    \mathfrak frak(…) \mathscr cal(…)
\overbrace limits(overbrace(…))      \overbracket limits(overbracket(…))
\underbrace limits(underbrace(…))    \underbracket limits(underbracket(…))
\overparen limits(overparen(…))      \underparen limits(underparen(…))
\overline overline(…)    \underline underline(…)     \underbar underline(…)
\sqrt sqrt(…)     \phantom #hide[$…$]
""") | {  # with a … for each argument, and a ⋯ for the rest of the group
    "\\overleftarrow": "accent(…, \u20d6)", "\\overrightarrow": "accent(…, \u20d7)",
    "\\overleftrightarrow": "accent(…, \u20e1)", "\\dddot": "accent(…, \u20db)",
    "\\widehat": "accent(…, \u0302)", "\\widetilde": "accent(…, \u0303)",
    "\\bcancel": "cancel(…, inverted: #true)", "\\xcancel": "cancel(…, cross: #true)",
    "\\pmod": "med \\( mod med … \\)", "\\binom": "binom(…, …)", "\\frac": "frac(…, …)",
    "\\limits": "", "\\nolimits": "",
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
} | {
    f"\\math{name}": call for name, call in _FONTS.items()
} | {
    f"\\{name}": call.replace("…", "⋯") for name, call in _FONTS.items()
}  # fmt: skip
