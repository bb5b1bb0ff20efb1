"""TeX formulas: found in Markdown as Jupyter finds them, and mended for Typst.

Pandoc turns TeX into Typst. What it would lose, `mend` writes in Typst itself: it puts
`\\text{...}` with a number into the TeX in its place, and `finish` puts the Typst in
the place of that. What Pandoc does not know it says, and the formula is refused.
"""

import itertools
import json
import re
from dataclasses import dataclass

# What takes a formula's place in the text while Pandoc works on it.
PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")
FORMULA = "\N{DOTTED SQUARE}"  # the same in a title, where only its words count
_STAND_IN = re.compile(' ?upright\\("\ue002(\\d+)\ue003"\\) ?')
_TIGHT = "\ue004"  # Typst that begins with this takes no space on either side

_NEXT = re.compile(
    r"(?P<fence>^[ >]*(?P<ticks>`{3,}|~{3,})[\s\S]*?(?:^[ >]*(?P=ticks)[`~]*\s*?$|\Z))"
    r"|(?P<span>(?P<tick>`+)(?!`)(?:(?!\n\s*\n)[\s\S])+?(?<!`)(?P=tick)(?!`))"
    r"|(?P<open>\$\$|\$|\\begin\{(?P<name>[A-Za-z]+\*?)\}|\\\\\(|\\\\\[)"
    r"|\\[\s\S]",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Formula:
    """A formula as it was written, without its dollars."""

    tex: str
    display: bool


def lift(text: str, formulas: list[Formula]) -> str:
    """Put a placeholder in the place of each formula, and the formula in `formulas`.

    The rules are JupyterLab's: formulas are found before Markdown is looked at, but not
    in code; `$ x $` may have spaces, and `\\begin{align}` needs no dollars.
    """
    pieces, position = [], 0
    while match := _NEXT.search(text, position):
        pieces.append(text[position : match.start()])
        position = match.end()
        end = _closing(text, match) if match["open"] else None
        if end is None:
            pieces.append(match[0])
            continue
        close, position = end
        inner = text[match.end() : close]
        if match["name"]:
            inner = text[match.start() : position]
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start : match.start()].lstrip().startswith(">"):
            inner = re.sub(r"^\s*>", "", inner, flags=re.MULTILINE)
        pieces.append(f"\ue000{len(formulas)}\ue001")
        formulas.append(Formula(inner.strip(), match["open"] not in ("$", r"\\(")))
    return "".join(pieces) + text[position:]


def _closing(text: str, opening: re.Match) -> tuple[int, int] | None:
    """Where the formula's content and its closing mark end; None if it has no end."""
    marks = {"$": "$", "$$": "$$", r"\\(": r"\\)", r"\\[": r"\\]"}
    mark = marks.get(opening["open"]) or rf"\end{{{opening['name']}}}"
    depth = 0
    steps = re.compile(rf"(?P<mark>{re.escape(mark)})|(?P<gap>\n\s*\n)|\\.|[{{}}]")
    for step in steps.finditer(text, opening.end()):
        if step["gap"]:
            return None
        if step["mark"] and depth <= 0:
            return step.start(), step.end()
        depth += {"{": 1, "}": -1}.get(step[0], 0)
    return None


class Refused(Exception):
    """A formula that would come out wrong."""


def mend(formula: Formula) -> tuple[str, list[str]]:
    """TeX that Pandoc converts rightly, and the Typst for the stand-ins in it."""
    mender = _Mender()
    return mender.formula(_parse(formula.tex), formula.display), mender.typst


def finish(converted: str, typst: list[str], display: bool) -> str:
    """Put the Typst for the stand-ins into a converted formula."""

    def typst_for(match: re.Match) -> str:
        code = typst[int(match[1])]
        if code.startswith(_TIGHT):
            return code.removeprefix(_TIGHT)
        return " " * match[0].startswith(" ") + code + " " * match[0].endswith(" ")

    converted = _STAND_IN.sub(typst_for, converted[1:-1].strip())
    if "\ue002" in converted:
        raise Refused("a construct where Typst has no room for it")
    return f"$ {converted} $" if display else f"${converted}$"


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


# ---- Mending -------------------------------------------------------------------------

_TEXT = {
    "\\text": "math.upright(", "\\textrm": "math.upright(", "\\mbox": "math.upright(",
    "\\textbf": "math.bold(", "\\textit": "math.italic(",
    "\\texttt": "math.mono(", "\\textsf": "math.sans(",
}  # fmt: skip
_WORDS = {  # the same for letters that make a word
    "\\mathrm": "math.upright(", "\\mathbf": "math.bold(", "\\mathit": "math.italic(",
    "\\mathtt": "math.mono(", "\\mathsf": "math.sans(",
}  # fmt: skip
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
_SIZES = {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}
_SIDES = {"l": "opening", "r": "closing", "m": "relation", "": "normal"}
_CLASSES = {
    "\\mathrel": "relation", "\\mathbin": "binary", "\\mathord": "normal",
    "\\mathopen": "opening", "\\mathclose": "closing", "\\mathpunct": "punctuation",
}  # fmt: skip
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
_REFUSED = {
    "\\color": "write \\textcolor{red}{...}",
    "\\tag": "formulas are not numbered",
    "\\tag*": "formulas are not numbered",
    "\\eqref": "formulas are not numbered",
    "\\ref": "formulas are not numbered",
} | dict.fromkeys(
    ("\\kern", "\\mkern", "\\hskip", "\\mskip", "\\mspace"), "write \\hspace{1em}"
)


class _Mender:
    """Writes a parsed formula down again, with stand-ins for what Pandoc would lose."""

    def __init__(self) -> None:
        self.typst: list[str] = []

    def stand_in(self, typst: str) -> str:
        """TeX that `finish` turns into this Typst."""
        self.typst.append(typst)
        return f"\\text{{\ue002{len(self.typst) - 1}\ue003}}"

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
        """One token, with the arguments after it that it takes."""

        def argument() -> str:
            return self.operand(nodes)

        def rest() -> str:
            taken, nodes[:] = list(nodes), []
            return self.row(taken)

        if token in _REFUSED:
            raise Refused(f"{token}: {_REFUSED[token]}")
        if token in _TEXT:
            return self.text(_TEXT[token], self.argument(nodes))
        if token in _WORDS and re.fullmatch("[A-Za-z]{2,}", _word(_next(nodes))):
            return self.text(_WORDS[token], self.argument(nodes))
        if token in _SYMBOLS:
            return self.stand_in(_SYMBOLS[token])
        if token in _STYLES:
            return self.call(_STYLES[token], rest())
        if token in _FONTS:
            return f"{_FONTS[token]}{{{rest()}}}"
        if token in _FRACTIONS:
            style, command = _FRACTIONS[token]
            return self.call(style, f"{command}{{{argument()}}}{{{argument()}}}")
        if token in _CLASSES:
            return self.call(f'class("{_CLASSES[token]}", ', argument())
        if token in _ARROWS:
            return self.arrow(_ARROWS[token], nodes)
        if size := re.fullmatch(r"\\(big|Big|bigg|Bigg)([lrm]?)", token):
            delimiter = self.delimiter(nodes)
            high = f"stretch({delimiter}, size: #{_SIZES[size[1]]}em)"
            return self.stand_in(f'class("{_SIDES[size[2]]}", {high})')
        if token in ("\\nonumber", "\\notag"):
            return ""
        if token == "\\label":
            self.argument(nodes)
            return ""
        if token in ("\\operatorname", "\\operatorname*"):
            return self.operator(token, self.argument(nodes))
        if token == "\\mathop":
            return self.call("op(", argument(), ", limits: #true)")
        if token in ("\\overset", "\\stackrel", "\\underset"):
            script = argument()
            side = "b" if token == "\\underset" else "t"
            base = self.call("attach(limits(", argument(), f"), {side}: ")
            return base + script + self.stand_in(")")
        if token == "\\textcolor":
            colour = "".join(self.argument(nodes))
            if colour not in _COLOURS:
                raise Refused(f"no colour {colour}; there are {sorted(_COLOURS)}")
            return self.call(f"text(fill: #{colour}, ", argument())
        if token in ("\\hspace", "\\hspace*"):
            length = "".join(self.argument(nodes)).replace(" ", "")
            if not re.fullmatch(r"-?(\d+|\d*\.\d+)(em|pt|cm|mm|in)", length):
                raise Refused(f"\\hspace{{{length}}}: give it in em, pt, cm, mm or in")
            return self.stand_in(f"#h({length})")
        if token == "\\substack":
            rows = _split(self.argument(nodes), "\\\\")
            return self.column("row-gap: #0.15em", rows, "script(")
        if token == "\\left":
            return self.fence(nodes)
        if token == "\\begin":
            return self.environment(nodes)
        return self.command(token, nodes) if token[1:].isalpha() else token

    def command(self, token: str, nodes: list) -> str:
        """A command that is Pandoc's business, with the groups that follow it."""
        if token == "\\sqrt" and _next(nodes) == "[":
            self.argument(nodes)
            token += f"[{self.row(_between(nodes, '[', ']'))}]"
        while nodes and isinstance(nodes[0], list):
            token += f"{{{self.row(nodes.pop(0))}}}"
        return token if token.endswith("}") else token + " "

    def text(self, function: str, words: list) -> str:
        """Words in a formula, and the formulas between dollars among them."""
        tex = ""
        for number, part in enumerate(_split(words, "$")):
            if number % 2:
                tex += self.row(part)
                continue
            said = ""
            for node in part:
                if node == []:
                    continue
                if isinstance(node, list) or (
                    re.fullmatch(r"\\[A-Za-z]+\*?", node) and node not in _IN_TEXT
                ):
                    raise Refused(f"{_tex(node)} among the words of a \\text")
                said += _IN_TEXT.get(node, node.removeprefix("\\"))
            if said:
                said = said.replace("---", "—").replace("--", "–")
                said = re.sub(r"\s+", " ", said)
                literal = json.dumps(said, ensure_ascii=False)
                tex += self.stand_in(_TIGHT + f"#{function}{literal});")
        return tex

    def operator(self, token: str, name: list) -> str:
        said = ""
        for node in name:
            if node in ("\\,", "\\;", "\\ ", "~"):
                said += " "
            elif isinstance(node, list):
                said += "".join(map(_tex, node))
            elif node not in _TEXT and node != "\\mathrm":
                said += node
        if not re.fullmatch(r"[\w\s.-]*", said):
            raise Refused(f"{token}{{{said}}}: letters only")
        limits = ", limits: #true" if token.endswith("*") else ""
        return self.stand_in(f'op("{said}"{limits})')

    def arrow(self, arrow: str, nodes: list) -> str:
        below = ""
        if _next(nodes) == "[":
            self.argument(nodes)
            below = self.stand_in(", b: ") + self.row(_between(nodes, "[", "]"))
        above = self.operand(nodes)
        opening = f"attach(stretch({arrow}, size: #(100% + 1em)), t: "
        return self.call(opening, above + below)

    # -- delimiters and tables

    def fence(self, nodes: list) -> str:
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

    def environment(self, nodes: list) -> str:
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
            style += f"hline: {_array(across)}, vline: {_array(down)})"
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


def _word(node: str | list | None) -> str:
    """The letters of a group that holds nothing but letters."""
    return "".join(node) if isinstance(node, list) and all(map(_is_token, node)) else ""


def _is_token(node: str | list) -> bool:
    return isinstance(node, str)


def _next(nodes: list) -> str | list | None:
    """The next node that is not a space."""
    return next(iter(_stripped(nodes)), None)


def _stripped(nodes: list) -> list:
    """The nodes without the spaces before them."""
    return list(itertools.dropwhile(lambda n: _is_token(n) and n.isspace(), nodes))


def _skip_placement(name: str, inside: list) -> None:
    """Take away the [t] of \\begin{aligned}[t], which places it in a line of text."""
    placed = name in ("aligned", "alignedat", "array", "gathered")
    if placed and inside[:1] == ["["] and "]" in inside:
        del inside[: inside.index("]") + 1]


def _array(numbers: list[int]) -> str:
    return "(" + "".join(f"{number}," for number in numbers) + ")"


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
