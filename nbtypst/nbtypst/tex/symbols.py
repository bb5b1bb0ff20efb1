"""What Typst calls what Pandoc would lose or change."""

_LETTERS = {
    "rm": "math.upright(", "bf": "math.bold(", "it": "math.italic(",
    "tt": "math.mono(", "sf": "math.sans(",
}  # fmt: skip
WORDS = {f"\\math{letters}": typst for letters, typst in _LETTERS.items()}
TEXT = {f"\\text{letters}": typst for letters, typst in _LETTERS.items()}
TEXT |= dict.fromkeys(("\\text", "\\mbox"), "math.upright(")
IN_TEXT = {
    "\\ ": " ", "~": "\u00a0", "'": "’", "`": "‘",
    "\\ldots": "…", "\\dots": "…",
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
DELIMITERS = {
    ".": "",     "(": "paren.l", ")": "paren.r", "[": "bracket.l", "]": "bracket.r",
    "|": "bar.v", "/": "slash", "<": "chevron.l", ">": "chevron.r",
    "\\{": "brace.l", "\\}": "brace.r", "\\lbrace": "brace.l", "\\rbrace": "brace.r",
    "\\lbrack": "bracket.l", "\\rbrack": "bracket.r", "\\backslash": "backslash",
    "\\langle": "chevron.l", "\\rangle": "chevron.r",
    "\\lfloor": "floor.l", "\\rfloor": "floor.r", "\\lceil": "ceil.l",
    "\\rceil": "ceil.r", "\\uparrow": "arrow.t", "\\downarrow": "arrow.b",
    "\\vert": "bar.v", "\\lvert": "bar.v", "\\rvert": "bar.v", "\\|": "bar.v.double",
    "\\Vert": "bar.v.double", "\\lVert": "bar.v.double", "\\rVert": "bar.v.double",
}  # fmt: skip
_SIDES = {"l": "opening", "r": "closing", "m": "relation", "": "normal"}
SIZES = {
    f"\\{name}{letter}": (em, side)
    for name, em in {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}.items()
    for letter, side in _SIDES.items()
}
CALLS = {  # with a … for each argument
    "\\overset": "attach(t: …, limits(…))", "\\underset": "attach(b: …, limits(…))",
    "\\mathrel": 'class("relation", …)', "\\mathbin": 'class("binary", …)',
    "\\mathord": 'class("normal", …)', "\\mathopen": 'class("opening", …)',
    "\\mathclose": 'class("closing", …)', "\\mathpunct": 'class("punctuation", …)',
    "\\mathop": "op(…, limits: #true)", "\\framed": "#framed([$…$])",
    "\\hphantom": "#box(height: 0pt, hide[$…$])",
    "\\vphantom": "#box(width: 0pt, hide[$…$])",
    "\\overparen": "limits(overparen(…))", "\\underparen": "limits(underparen(…))",
    "\\underbracket": "limits(underbracket(…))",
}  # fmt: skip
STYLES = {  # to the end of the group
    "\\displaystyle": "display(…)", "\\textstyle": "inline(…)",
    "\\scriptstyle": "script(…)", "\\scriptscriptstyle": "sscript(…)",
} | {
    f"\\{size}": f"text(size: #{points}pt, …)"
    for size, points in {
        "tiny": 5, "scriptsize": 7, "footnotesize": 8, "small": 9, "normalsize": 10,
        "large": 12, "Large": 14.4, "LARGE": 17.3, "huge": 20.7, "Huge": 24.9,
    }.items()
}  # fmt: skip
FONTS = {f"\\{name}": f"\\math{name}" for name in (*_LETTERS, "cal")}  # likewise
ARROWS = {
    "\\xrightarrow": "arrow.r", "\\xleftarrow": "arrow.l",
    "\\xRightarrow": "arrow.r.double", "\\xLeftarrow": "arrow.l.double",
    "\\xleftrightarrow": "arrow.l.r", "\\xLeftrightarrow": "arrow.l.r.double",
    "\\xmapsto": "arrow.r.bar", "\\xhookrightarrow": "arrow.r.hook",
    "\\xhookleftarrow": "arrow.l.hook", "\\xlongequal": "eq",
}  # fmt: skip
SYMBOLS = {  # what Pandoc turns into something else
    "\\enspace": "#h(0.5em)", "\\mod": 'space.quad "mod" thin',
    "\\;": "thick", "\\!": "#h(-1em / 6)", "\\ ": "space",
    "|": 'class("normal", bar.v)', "\\vert": 'class("normal", bar.v)',
    "\\|": 'class("normal", bar.v.double)', "\\Vert": 'class("normal", bar.v.double)',
    "\\lvert": 'class("opening", bar.v)', "\\rvert": 'class("closing", bar.v)',
    "\\lVert": 'class("opening", bar.v.double)',
    "\\rVert": 'class("closing", bar.v.double)',
    "\\square": "square.stroked", "\\setminus": "without",
    "\\bmod": 'class("binary", "mod")',
    '"': '"\\""', "`": '"‘"', "\\S": "section",
    "\\colon": 'class("punctuation", ":")', "\\&": "\\&",
    "\\vdots": "#box(inset: (y: 0.3em), $dots.v$)",
    "\\ddots": "#box(inset: (y: 0.3em), $dots.down$)",
    "\\longrightarrow": "arrow.r.long", "\\longleftarrow": "arrow.l.long",
    "\\Longrightarrow": "arrow.r.double.long", "\\Longleftarrow": "arrow.l.double.long",
    "\\longleftrightarrow": "arrow.l.r.long", "\\longmapsto": "arrow.r.long.bar",
    "\\Longleftrightarrow": "arrow.l.r.double.long", "\\iff": "arrow.l.r.double.long",
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
UNITS = {"mu": (1 / 18, "em"), "ex": (0.43, "em")}
