"""TeX rewritten so that Pandoc converts it to Typst rightly.

What Pandoc would lose is written here in Typst itself: `\\text{...}` with a number
stands in for it in the TeX, and markup.lua puts the Typst in the place of that. What
Pandoc does not know it says, and the formula is refused.
"""

import itertools
import re
from collections.abc import Callable
from typing import NamedTuple

from export.literals import typst_array, typst_string


class Refused(Exception):
    """A formula that would come out wrong; the message says why."""


class StandIn(NamedTuple):
    """The Typst for a `\\text{...}` in the rewritten TeX."""

    typst: str
    tight: bool = False  # without the space on either side of it


def rewrite(tex: str, display: bool, mark: str) -> tuple[str, list[StandIn]]:
    """TeX that Pandoc converts rightly, and the stand-ins in it.

    tex -- a formula without its dollars
    display -- whether it has a line of its own
    mark -- what stands before and after a stand-in's number; not to be in the `tex`

    Raises Refused if the formula has something that cannot be typeset.
    """
    writer = _Writer(mark)
    return writer.formula(_parse(tex), display), writer.stand_ins


# ---- TeX as a tree: a list of tokens, with a list in it for each {group} ------------

_TOKEN = re.compile(
    r"\\(?:operatorname|hspace|tag)\*|\\[A-Za-z]+|\\[\s\S]|%[^\n]*\n?|\s+|[\s\S]"
)


def _parse(tex: str) -> list:
    stack: list[list] = [[]]
    for token in _TOKEN.findall(tex):
        if token == "{":
            stack.append([])
        elif token == "}":
            if len(stack) == 1:
                raise Refused("a } without its {")
            group = stack.pop()
            stack[-1].append(group)
        elif not token.startswith("%"):
            stack[-1].append(token)
    if len(stack) > 1:
        raise Refused("a { without its }")
    return stack[0]


def _tex(node: str | list) -> str:
    """A token or group as it was written."""
    if isinstance(node, str):
        return node
    return "{" + "".join(map(_tex, node)) + "}"


def _between(nodes: list, opening: str, closing: str) -> list:
    """Take from `nodes` what stands before the matching `closing` (and that too)."""
    inside: list[str | list] = []
    depth = 1
    while nodes:
        node = nodes.pop(0)
        depth += (node == opening) - (node == closing)
        if depth == 0:
            return inside
        inside.append(node)
    raise Refused(f"{opening} without its {closing}")


def _split(nodes: list, separator: str) -> list[list]:
    """Cut at each `separator` that is not inside an environment."""
    parts: list[list] = [[]]
    depth = 0
    for node in nodes:
        depth += (node in ("\\begin", "\\left")) - (node in ("\\end", "\\right"))
        if node == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(node)
    return parts


# ---- What is written in another way -------------------------------------------------

_LETTERS = {
    "rm": "math.upright(", "bf": "math.bold(", "it": "math.italic(",
    "tt": "math.mono(", "sf": "math.sans(",
}  # fmt: skip
_WORDS = {f"\\math{letters}": typst for letters, typst in _LETTERS.items()}
_TEXT = {f"\\text{letters}": typst for letters, typst in _LETTERS.items()}
_TEXT |= dict.fromkeys(("\\text", "\\mbox"), "math.upright(")
_IN_TEXT = {
    "\\ ": " ", "~": "\u00a0", "'": "’", "`": "‘",
    "\\ldots": "…", "\\dots": "…",
}  # fmt: skip
_ALIGNED = {"align", "aligned", "alignat", "alignedat", "split", "flalign", "eqnarray"}
_GATHERED = {"gather", "gathered", "multline"}
_MATRICES = {
    "matrix": "#none", "smallmatrix": "#none", "array": "#none", "pmatrix": '"("',
    "bmatrix": '"["', "Bmatrix": '"{"', "vmatrix": '"|"', "Vmatrix": '"||"',
}  # fmt: skip
_DELIMITERS = {
    "(": "paren.l", ")": "paren.r", "[": "bracket.l", "]": "bracket.r",
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
_SIZES = {
    f"\\{name}{letter}": (em, side)
    for name, em in {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}.items()
    for letter, side in _SIDES.items()
}
_CALLS = {  # of one argument
    f"\\math{name}": (f'class("{kind}", ', ")")
    for name, kind in {
        "rel": "relation", "bin": "binary", "ord": "normal", "open": "opening",
        "close": "closing", "punct": "punctuation",
    }.items()
} | {"\\mathop": ("op(", ", limits: #true)")}  # fmt: skip
_STYLES = {  # to the end of the group
    "\\displaystyle": "display(", "\\textstyle": "inline(",
    "\\scriptstyle": "script(", "\\scriptscriptstyle": "sscript(",
}  # fmt: skip
_FONTS = {  # to the end of the group
    "\\rm": "\\mathrm", "\\bf": "\\mathbf", "\\it": "\\mathit", "\\tt": "\\mathtt",
    "\\sf": "\\mathsf", "\\cal": "\\mathcal",
}  # fmt: skip
_FRACTIONS = {
    "\\dfrac": ("display(", "\\frac"), "\\cfrac": ("display(", "\\frac"),
    "\\tfrac": ("inline(", "\\frac"), "\\dbinom": ("display(", "\\binom"),
    "\\tbinom": ("inline(", "\\binom"),
}  # fmt: skip
_ARROWS = {
    "\\xrightarrow": "arrow.r", "\\xleftarrow": "arrow.l",
    "\\xRightarrow": "arrow.r.double", "\\xmapsto": "arrow.r.bar",
}  # fmt: skip
_SYMBOLS = {  # what Pandoc turns into something else
    "\\;": "thick", "\\!": "#h(-1em / 6)", "\\>": "med", "\\ ": "space",
    "|": 'class("normal", bar.v)', "\\vert": 'class("normal", bar.v)',
    "\\|": 'class("normal", bar.v.double)', "\\Vert": 'class("normal", bar.v.double)',
    "\\lvert": 'class("opening", bar.v)', "\\rvert": 'class("closing", bar.v)',
    "\\lVert": 'class("opening", bar.v.double)',
    "\\rVert": 'class("closing", bar.v.double)',
    "\\square": "square.stroked", "\\Box": "square.stroked",
    "\\setminus": "without", "\\bmod": 'class("binary", "mod")', "\\ast": "ast.op",
    "\\colon": 'class("punctuation", ":")',
    "\\longrightarrow": "arrow.r.long", "\\longleftarrow": "arrow.l.long",
    "\\Longrightarrow": "arrow.r.double.long", "\\Longleftarrow": "arrow.l.double.long",
    "\\implies": "arrow.r.double.long", "\\iff": "arrow.l.r.double.long",
    "\\Longleftrightarrow": "arrow.l.r.double.long",
    "\\longleftrightarrow": "arrow.l.r.long", "\\longmapsto": "arrow.r.long.bar",
}  # fmt: skip
_COLOURS = {
    "black", "gray", "red", "maroon", "orange", "yellow", "olive", "green", "lime",
    "teal", "blue", "navy", "purple", "fuchsia", "aqua",
}  # fmt: skip
_UNNUMBERED, _SPACE = "formulas are not numbered", "write \\hspace{1em}"
_REFUSED = {
    "\\color": "write \\textcolor{red}{...}",
    "\\tag": _UNNUMBERED, "\\tag*": _UNNUMBERED,
    "\\eqref": _UNNUMBERED, "\\ref": _UNNUMBERED,
    "\\kern": _SPACE, "\\mkern": _SPACE, "\\hskip": _SPACE, "\\mskip": _SPACE,
    "\\mspace": _SPACE,
}  # fmt: skip


class _Writer:
    """Writes a parsed formula down again, with stand-ins for what Pandoc would lose."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.stand_ins: list[StandIn] = []

    def stand_in(self, typst: str, tight: bool = False) -> str:
        """TeX in the place of which this Typst is put in the end."""
        self.stand_ins.append(StandIn(typst, tight))
        return f"\\text{{{self.mark}{len(self.stand_ins) - 1}{self.mark}}}"

    def call(self, opening: str, inside: str, closing: str = ")") -> str:
        """`inside` as an argument of a Typst function."""
        return self.stand_in(opening) + inside + self.stand_in(closing)

    # -- whole formulas: the place for several lines

    def formula(self, nodes: list, display: bool) -> str:
        """The TeX of a whole formula."""
        if environment := self.outermost(nodes):
            return environment
        if display and len(lines := _split(nodes, "\\\\")) > 1:
            aligned = any(len(_split(line, "&")) > 1 for line in lines)
            return self.lines("aligned" if aligned else "gathered", lines)
        return self.row(nodes)

    def outermost(self, nodes: list) -> str | None:
        """The formula, if it is one environment of lines and nothing else."""
        nodes = list(nodes)
        if _next(nodes) != "\\begin":
            return None
        self.argument(nodes)
        name = "".join(self.argument(nodes)).rstrip("*")
        inside = _between(nodes, "\\begin", "\\end")
        self.argument(nodes)  # the name again
        if _next(nodes) is not None:
            return None
        _skip_placement(name, inside)
        if name in ("alignat", "alignedat"):
            self.argument(inside)  # how many columns
        if name in _ALIGNED:
            return self.lines("aligned", _split(inside, "\\\\"))
        if name in _GATHERED:
            return self.lines("gathered", _split(inside, "\\\\"))
        return self.formula(inside, True) if name == "equation" else None

    def lines(self, environment: str, lines: list[list]) -> str:
        """Aligned or centred lines; between two pairs of columns there is a gap."""
        rows = []
        for line in _without_gaps(lines):
            first, *others = [self.row(cell) for cell in _split(line, "&")]
            for number, cell in enumerate(others):
                first += " & " + ("\\qquad " if number % 2 else "") + cell
            rows.append(first)
        body = " \\\\ ".join(rows)
        return f"\\begin{{{environment}}}{body}\\end{{{environment}}}"

    # -- what stands in a line

    def row(self, nodes: list) -> str:
        """The TeX of a stretch of formula."""
        nodes, tex = list(nodes), ""
        scripts: set[str] = set()  # that the letter before has already
        while nodes:
            node = nodes.pop(0)
            if node in ("^", "_", "'"):
                script = "_" if node == "_" else "^"
                if script in scripts:
                    raise Refused(f"a second {script} on the same letter: set braces")
                scripts.add(script)
            elif isinstance(node, list) or not node.isspace():
                scripts.clear()
            if isinstance(node, list):
                tex += self.group(node, nodes)
            elif node in ("^", "_"):
                tex += f"{node}{{{self.operand(nodes)}}}"
            elif node == "'":
                tex += self.primes(nodes)
            elif node.isspace():
                tex += " "
            elif _next(nodes) in ("\\limits", "\\nolimits"):
                [kind] = self.argument(nodes)
                function = "limits(" if kind == "\\limits" else "scripts("
                tex += self.call(function, self.token(node, nodes))
            else:
                tex += self.token(node, nodes)
        return tex

    def group(self, group: list, following: list) -> str:
        if group == [","]:  # without the space that follows a comma: 1{,}000
            return self.stand_in('class("normal", comma)')
        inside = self.row(group)
        scripts = any(node in ("^", "_", "'") for node in group)
        if scripts and _next(following) in ("^", "_"):
            return self.call('class("normal", ', inside)
        return f"{{{inside}}}"

    def primes(self, following: list) -> str:
        primes = 1
        while following and following[0] == "'":
            primes += 1
            following.pop(0)
        if _next(following) != "^":
            return "'" * primes
        self.argument(following)  # the ^
        power = self.operand(following)
        return "^{" + self.stand_in("prime " * primes) + power + "}"

    def token(self, token: str, nodes: list) -> str:
        """One token, with the arguments after it that it takes from `nodes`."""
        if token in _SYMBOLS:
            return self.stand_in(_SYMBOLS[token])
        if token in _REFUSED:
            raise Refused(f"{token}: {_REFUSED[token]}")
        if token in _CALLS:
            opening, closing = _CALLS[token]
            return self.call(opening, self.operand(nodes), closing)
        if token in _STYLES:
            return self.call(_STYLES[token], self.rest(nodes))
        if token in _FONTS:
            return f"{_FONTS[token]}{{{self.rest(nodes)}}}"
        if token in _HANDLERS:
            return _HANDLERS[token](self, token, nodes)
        return self.command(token, nodes) if token[1:].isalpha() else token

    def rest(self, nodes: list) -> str:
        """The TeX of all that follows in the group."""
        taken, nodes[:] = list(nodes), []
        return self.row(taken)

    # -- commands, with the arguments that they take from `nodes`

    def fraction(self, token: str, nodes: list) -> str:
        style, command = _FRACTIONS[token]
        above, below = self.operand(nodes), self.operand(nodes)
        return self.call(style, f"{command}{{{above}}}{{{below}}}")

    def sized(self, token: str, nodes: list) -> str:
        em, side = _SIZES[token]
        stretched = f"stretch({self.delimiter(nodes)}, size: #{em}em)"
        return self.stand_in(f'class("{side}", {stretched})')

    def nothing(self, token: str, nodes: list) -> str:
        if token == "\\label":
            self.argument(nodes)
        return ""

    def stacked(self, token: str, nodes: list) -> str:
        script = self.operand(nodes)
        side = "b" if token == "\\underset" else "t"
        base = self.call("attach(limits(", self.operand(nodes), f"), {side}: ")
        return base + script + self.stand_in(")")

    def coloured(self, token: str, nodes: list) -> str:
        colour = "".join(self.argument(nodes))
        if colour not in _COLOURS:
            raise Refused(f"no colour {colour}; there are {sorted(_COLOURS)}")
        return self.call(f"text(fill: #{colour}, ", self.operand(nodes))

    def space(self, token: str, nodes: list) -> str:
        length = "".join(self.argument(nodes)).replace(" ", "")
        if not re.fullmatch(r"-?(\d+|\d*\.\d+)(em|pt|cm|mm|in)", length):
            raise Refused(f"\\hspace{{{length}}}: give it in em, pt, cm, mm or in")
        return self.stand_in(f"#h({length})")

    def lines_in_a_script(self, token: str, nodes: list) -> str:
        rows = _split(self.argument(nodes), "\\\\")
        return self.column("row-gap: #0.15em", rows, "script(")

    def word(self, token: str, nodes: list) -> str:
        """Letters that make a word; what is more than that is Pandoc's business."""
        if re.fullmatch("[A-Za-z]{2,}", _word(_next(nodes))):
            return self.text(token, nodes)
        return self.command(token, nodes)

    def text(self, token: str, nodes: list) -> str:
        """Words in a formula, and the formulas between dollars among them."""
        tex = ""
        for number, part in enumerate(_split(self.argument(nodes), "$")):
            if number % 2:
                tex += self.row(part)
            elif words := "".join(_words(node) for node in part if node != []):
                words = words.replace("---", "—").replace("--", "–")
                literal = typst_string(re.sub(r"\s+", " ", words))
                function = _TEXT.get(token) or _WORDS[token]
                tex += self.stand_in(f"#{function}{literal});", tight=True)
        return tex

    def operator(self, token: str, nodes: list) -> str:
        """A function's name in upright letters."""
        name = "".join(_letters(node) for node in self.argument(nodes))
        if not re.fullmatch(r"[\w\s.-]*", name):
            raise Refused(f"{token}{{{name}}}: letters only")
        limits = ", limits: #true" if token.endswith("*") else ""
        return self.stand_in(f'op("{name}"{limits})')

    def arrow(self, token: str, nodes: list) -> str:
        """An arrow as long as what stands above and below it."""
        below = ""
        if _next(nodes) == "[":
            self.argument(nodes)
            below = self.stand_in(", b: ") + self.row(_between(nodes, "[", "]"))
        above = self.operand(nodes)
        opening = f"attach(stretch({_ARROWS[token]}, size: #(100% + 1em)), t: "
        return self.call(opening, above + below)

    def command(self, token: str, nodes: list) -> str:
        """A command that is Pandoc's business, with the groups that follow it."""
        if token == "\\sqrt" and _next(nodes) == "[":
            self.argument(nodes)
            token += f"[{self.row(_between(nodes, '[', ']'))}]"
        while nodes and isinstance(nodes[0], list):
            token += f"{{{self.row(nodes.pop(0))}}}"
        return token if token.endswith("}") else token + " "

    # -- delimiters and tables

    def fence(self, token: str, nodes: list) -> str:
        """\\left ... \\right: delimiters as high as what they hold."""
        opening = self.delimiter(nodes)
        inside = _between(nodes, "\\left", "\\right")
        closing = self.delimiter(nodes)
        first, *others = _split(inside, "\\middle")
        tex = self.row(first)
        for part in others:
            tex += self.stand_in(f"mid({self.delimiter(part)})") + self.row(part)
        return self.call(f"lr({opening} ", tex, f" {closing})")

    def delimiter(self, nodes: list) -> str:
        delimiter = _tex(self.argument(nodes)[0])
        if delimiter == ".":
            return ""
        if delimiter not in _DELIMITERS:
            raise Refused(f"{delimiter} as a delimiter")
        return _DELIMITERS[delimiter]

    def environment(self, token: str, nodes: list) -> str:
        name = "".join(self.argument(nodes))
        inside = _between(nodes, "\\begin", "\\end")
        self.argument(nodes)  # the name again
        _skip_placement(name, inside)
        if name in ("cases", "dcases", "rcases"):
            return self.cases(name, inside)
        if name in _MATRICES:
            return self.matrix(name, inside)
        if name in _ALIGNED | _GATHERED:  # among other things, so in a box
            return self.column("row-gap: #0.65em", _split(inside, "\\\\"), "display(")
        raise Refused(f"the environment {name}")

    def cases(self, name: str, inside: list) -> str:
        style = "display(" if name == "dcases" else "inline("
        rows = []
        for line in _without_gaps(_split(inside, "\\\\")):
            cells = [self.cell(style, cell) for cell in _split(line, "&")]
            rows.append(self.stand_in("& ") + self.stand_in(" && quad ").join(cells))
        opening = "cases(" + ("reverse: #true, " if name == "rcases" else "")
        return self.call(opening, self.stand_in(", ").join(rows))

    def matrix(self, name: str, inside: list) -> str:
        columns = "".join(self.argument(inside)) if name == "array" else ""
        columns = columns.replace(" ", "")
        letters = columns.replace("|", "")
        if not re.fullmatch("l*|c*|r*", letters):
            raise Refused(f"an array whose columns differ, {{{columns}}}")
        align = {"l": "left", "r": "right"}.get(letters[:1], "center")
        rows: list[list] = []
        across: list[int] = []
        for line in _without_gaps(_split(inside, "\\\\")):
            while _next(line) == "\\hline":
                self.argument(line)
                across.append(len(rows))
            if _next(line) is not None:
                rows.append(line)
        down = [
            len(columns[:at].replace("|", ""))
            for at, letter in enumerate(columns)
            if letter == "|"
        ]
        if {0, len(letters)} & set(down) or {0, len(rows)} & set(across):
            raise Refused("an array in a frame")
        style = f"delim: {_MATRICES[name]}, align: #{align}"
        if name == "smallmatrix":
            style += ", row-gap: #0.2em, column-gap: #0.3em"
        if down or across:
            style += ", augment: #(stroke: 0.4pt, "
            style += f"hline: {typst_array(across)}, vline: {typst_array(down)})"
        return self.table(style, rows, "script(" if name[0] == "s" else "inline(")

    def column(self, style: str, rows: list[list], size: str) -> str:
        """Lines one below the other, aligned where they have an &."""
        return self.table(f"delim: #none, {style}", rows, size, joint=" & ")

    def table(self, style: str, rows: list[list], size: str, joint: str = ", ") -> str:
        """Rows of cells as one of Typst's matrices."""
        lines = []
        for row in _without_gaps(rows):
            cells = [self.cell(size, cell) for cell in _split(row, "&")]
            lines.append(self.stand_in(joint).join(cells))
        return self.call(f"mat({style}, ", self.stand_in("; ").join(lines))

    def cell(self, size: str, cell: list) -> str:
        return "" if _next(cell) is None else self.call(size, self.row(cell))

    def operand(self, nodes: list) -> str:
        """The TeX of the next group, or of the next token with its arguments."""
        nodes[:] = _stripped(nodes)
        if nodes and isinstance(nodes[0], list):
            return self.row(nodes.pop(0))
        [token] = self.argument(nodes)
        return self.token(token, nodes)

    def argument(self, nodes: list) -> list:
        """Take the next group or token from `nodes`."""
        nodes[:] = _stripped(nodes)
        if not nodes:
            raise Refused("something is missing at its end")
        node = nodes.pop(0)
        return node if isinstance(node, list) else [node]


_HANDLERS: dict[str, Callable[[_Writer, str, list], str]] = {
    **dict.fromkeys(_TEXT, _Writer.text),
    **dict.fromkeys(_WORDS, _Writer.word),
    **dict.fromkeys(_FRACTIONS, _Writer.fraction),
    **dict.fromkeys(_ARROWS, _Writer.arrow),
    **dict.fromkeys(_SIZES, _Writer.sized),
    **dict.fromkeys(("\\nonumber", "\\notag", "\\label"), _Writer.nothing),
    **dict.fromkeys(("\\operatorname", "\\operatorname*"), _Writer.operator),
    **dict.fromkeys(("\\overset", "\\stackrel", "\\underset"), _Writer.stacked),
    **dict.fromkeys(("\\hspace", "\\hspace*"), _Writer.space),
    "\\textcolor": _Writer.coloured,
    "\\substack": _Writer.lines_in_a_script,
    "\\left": _Writer.fence,
    "\\begin": _Writer.environment,
}


def _words(node: str | list) -> str:
    """What a token among the words of a \\text stands for."""
    if isinstance(node, list) or (
        re.fullmatch(r"\\[A-Za-z]+\*?", node) and node not in _IN_TEXT
    ):
        raise Refused(f"{_tex(node)} among the words of a \\text")
    return _IN_TEXT.get(node, node.removeprefix("\\"))


def _letters(node: str | list) -> str:
    """What a part of an operator's name stands for."""
    if isinstance(node, list):
        return "".join(map(_tex, node))
    if node in ("\\,", "\\;", "\\ ", "~"):
        return " "
    return "" if node in _TEXT or node == "\\mathrm" else node


def _word(node: str | list | None) -> str:
    """The letters of a group that holds nothing but letters."""
    letters = isinstance(node, list) and all(isinstance(inner, str) for inner in node)
    return "".join(node or "") if letters else ""


def _next(nodes: list) -> str | list | None:
    """The next node that is not a space."""
    return next(iter(_stripped(nodes)), None)


def _stripped(nodes: list) -> list:
    """The nodes without the spaces before them."""
    return list(
        itertools.dropwhile(lambda n: isinstance(n, str) and n.isspace(), nodes)
    )


def _skip_placement(name: str, inside: list) -> None:
    """Take away the [t] of \\begin{aligned}[t], which places it in a line of text."""
    placed = name in ("aligned", "alignedat", "array", "gathered")
    if placed and inside[:1] == ["["] and "]" in inside:
        del inside[: inside.index("]") + 1]


def _without_gaps(lines: list[list]) -> list[list]:
    """Lines without the `[4pt]` of a line break; and without an empty last one."""
    result: list[list] = []
    for line in lines:
        if result and line[:1] == ["["] and "]" in line:
            line = line[line.index("]") + 1 :]
        result.append(line)
    if len(result) > 1 and _next(result[-1]) is None:
        result.pop()
    return result
