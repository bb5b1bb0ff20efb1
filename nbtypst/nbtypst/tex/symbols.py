"""Typst's names for what Pandoc would lose or change, and commands with arguments."""

import re

WORDS = {  # the fonts of words; in \mathrm and so on, of more than one letter
    "\\mathrm": "upright", "\\mathbf": "bold", "\\mathit": "italic",
    "\\mathtt": "mono", "\\mathsf": "sans",
}  # fmt: skip
TEXT = {token.replace("math", "text"): font for token, font in WORDS.items()}
TEXT |= {"\\text": "upright", "\\mbox": "upright"}
IN_TEXT = {
    "\\ ": " ", "~": "\u00a0", "'": "’", "`": "‘", "\\ldots": "…", "\\dots": "…",
}  # fmt: skip
LINES = {"align", "aligned", "alignat", "alignedat", "split", "flalign", "eqnarray",
          "gather", "gathered", "multline", "substack"}  # fmt: skip
WHOLE = "equation", "subequations", "displaymath", "math"  # for one formula
MATRICES = {  # and the delimiters around them
    "matrix": "#none", "smallmatrix": "#none", "array": "#none", "pmatrix": '"("',
    "bmatrix": '"["', "Bmatrix": '"{"', "vmatrix": '"|"', "Vmatrix": '"‖"',
    "cases": '#("{", none)', "dcases": '#("{", none)', "rcases": '#(none, "}")',
}  # fmt: skip
GRIDS = (  # the style of each environment, and the size of its cells
    dict.fromkeys(LINES, ("row-gap: #0.65em", "display(…)"))
    | dict.fromkeys(MATRICES, ("column-gap: #1em", "inline(…)"))
    | {"substack": ("row-gap: #0.15em", "script(…)"),
       "smallmatrix": ("column-gap: #0.3em, row-gap: #0.2em", "script(…)"),
       "dcases": ("column-gap: #1em", "display(…)")}
)  # fmt: skip
FOR_PANDOC = {"\\not": 1, "\\SI": 2, "\\si": 1, "\\num": 1, "\\ang": 1, "\\qty": 2,
              "\\unit": 1, "\\genfrac": 6}  # and how many arguments
ALIGNMENTS = {"l": "left", "r": "right"}
UNITS = {"mu": (1 / 18, "em"), "ex": (0.43, "em")}  # in another that Typst knows


def _table(text: str) -> dict[str, str]:
    """Read what each token becomes; two spaces or a line break end an entry."""
    entries = (entry.partition(" ") for entry in re.split(" {2,}|\n", text.strip()))
    return {token: typst for tokens, _, typst in entries for token in tokens.split(",")}


DELIMITERS = _table(r"""
(,\lparen paren.l  ),\rparen paren.r  [,\lbrack bracket.l  ],\rbrack bracket.r  .
\{,\lbrace brace.l  \},\rbrace brace.r  <,\langle chevron.l  >,\rangle chevron.r
\lfloor floor.l  \rfloor floor.r  \lceil ceil.l  \rceil ceil.r  / slash
\backslash backslash  \uparrow arrow.t  \downarrow arrow.b
|,\vert,\lvert,\rvert bar.v  \|,\Vert,\lVert,\rVert bar.v.double
""")
_ARROWS = _table(r"""
\xrightarrow arrow.r  \xRightarrow arrow.r.double  \xhookrightarrow arrow.r.hook
\xleftarrow arrow.l  \xLeftarrow arrow.l.double  \xhookleftarrow arrow.l.hook
\xleftrightarrow arrow.l.r  \xLeftrightarrow arrow.l.r.double  \xmapsto arrow.r.bar
\xlongequal eq
""")
_SIDES = {"l": "opening", "r": "closing", "m": "relation", "": "normal"}
_POINTS = {"tiny": 5, "scriptsize": 7, "footnotesize": 8, "small": 9, "normalsize": 10,
           "large": 12, "Large": 14.4, "LARGE": 17.3, "huge": 20.7, "Huge": 24.9}
# With a … for each argument, a ⋯ for the rest of the group, and a ⁞ for a delimiter.
# With an option, a token is the one with a [, and the first … is the option.
TYPST = _table(r"""
\square square.stroked  \setminus without  \S section  \iff arrow.l.r.double.long
\longrightarrow arrow.r.long  \Longrightarrow arrow.r.double.long
\longleftarrow arrow.l.long  \Longleftarrow arrow.l.double.long
\longleftrightarrow arrow.l.r.long  \Longleftrightarrow arrow.l.r.double.long
\longmapsto arrow.r.long.bar  \& \&  \prime prime  " "\""  ` "‘"  \limits,\nolimits
\; thick  \enspace #h(0.5em)  \! #h(-1em / 6)
\mod space.quad "mod" thin  \bmod class("binary", "mod")  \pmod med \( mod med … \)
\colon class("punctuation", ":")
\vdots #box(inset: (y: 0.3em), $dots.v$)  \ddots #box(inset: (y: 0.3em), $dots.down$)
\acute acute(…)  \bar macron(…)  \breve breve(…)  \check caron(…)  \grave grave(…)
\dot dot(…)  \ddot dot.double(…)  \mathring circle(…)  \hat hat(…)  \tilde tilde(…)
\vec arrow(…)  \overline overline(…)  \underline,\underbar underline(…)
\overbrace limits(overbrace(…))  \overbracket limits(overbracket(…))
\underbrace limits(underbrace(…))  \underbracket limits(underbracket(…))
\overparen limits(overparen(…))  \underparen limits(underparen(…))
\overset attach(t: …, limits(…))  \underset attach(b: …, limits(…))
\cancel cancel(…)  \bcancel cancel(…, inverted: #true)  \xcancel cancel(…, cross: #true)
\frac frac(…, …)  \binom binom(…, …)  \sqrt sqrt(…)  \sqrt[ root(…, …)
\phantom #hide[$…$]  \hphantom #box(height: 0pt, hide[$…$])
\vphantom #box(width: 0pt, hide[$…$])  \framed #framed([$…$])
\bm,\boldsymbol,\pmb bold(…)  \mathbb,\mathds bb(…)  \mathfrak frak(…)
\mathrm upright(…)  \mathbf upright(bold(…))  \mathit italic(…)  \mathtt mono(…)
\mathsf sans(…)  \mathcal,\mathscr cal(…)  \rm upright(⋯)  \bf upright(bold(⋯))
\it italic(⋯)  \tt mono(⋯)  \sf sans(⋯)  \cal cal(⋯)
\displaystyle display(⋯)  \textstyle inline(⋯)  \scriptstyle script(⋯)
\scriptscriptstyle sscript(⋯)  \mathop op(…, limits: #true)
\mathrel class("relation", …)  \mathbin class("binary", …)  \mathord class("normal", …)
\mathopen class("opening", …)  \mathclose class("closing", …)
\mathpunct class("punctuation", …)  |,\vert class("normal", bar.v)
\lvert class("opening", bar.v)  \rvert class("closing", bar.v)
\|,\Vert class("normal", bar.v.double)  \lVert class("opening", bar.v.double)
\rVert class("closing", bar.v.double)
""") | {
    "\\ ": "space", "\\dddot": "accent(…, \u20db)",
    "\\overleftarrow": "accent(…, \u20d6)", "\\overrightarrow": "accent(…, \u20d7)",
    "\\overleftrightarrow": "accent(…, \u20e1)",
    "\\widehat": "accent(…, \u0302)", "\\widetilde": "accent(…, \u0303)",
} | {
    f"\\{size}": f"text(size: #{points}pt, ⋯)" for size, points in _POINTS.items()
} | {
    f"\\{name}{letter}": f'class("{side}", stretch(⁞, size: #{em}em))'
    for name, em in {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}.items()
    for letter, side in _SIDES.items()
} | {
    token + ending: f"attach(stretch({arrow}, size: #(100% + 1em)), {places})"
    for token, arrow in _ARROWS.items()
    for ending, places in {"": "t: …", "[": "b: …, t: …"}.items()
}  # fmt: skip
