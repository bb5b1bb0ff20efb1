"""TeX to Typst.

Pandoc converts only single symbols: the TeX for it is between two marks. If it does not
know one, the formula is shown as its source.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable

from nbtypst.literals import typst_array, typst_colour, typst_string
from nbtypst.tex import symbols, tree
from nbtypst.tex.chemistry import chemistry
from nbtypst.tex.macros import Scope
from nbtypst.tex.tree import Refused, argument, as_tex, between, next_node, option

_TIGHT = "\0"  # no space here, though Typst would put one next to words
_Handler = Callable[["Rewritten", str, list], str]
_HANDLERS: dict[str, _Handler] = {}  # the methods that write a command, by its token


def _writes(*tokens: str) -> Callable[[_Handler], _Handler]:
    """Mark a method that writes these tokens, and takes their arguments."""

    def registered(method: _Handler) -> _Handler:
        _HANDLERS.update(dict.fromkeys(tokens, method))
        return method

    return registered


class Rewritten:
    """A formula as `typst`, and its `tag` if it has a number.

    Parameters
    ----------
    tex : the formula without its dollars
    display : whether it has a line of its own
    mark : what is before and after TeX for Pandoc; not to be in the `tex`
    scope : what the formulas before it have defined; what it defines is added

    Raises
    ------
    Refused : if the formula has something that cannot be typeset
    """

    def __init__(self, tex: str, display: bool, mark: str, scope: Scope) -> None:
        self.mark, self.scope = mark, scope
        self.tag: str | None = None  # of the whole formula
        self.shown = ""  # the last tag in the line
        self.tags_in_lines = not display
        self.before: str | list = ""  # the node before a token
        formula = self.formula(scope.macros.replaced(tex), display)
        self.typst = re.sub(f" *{_TIGHT} *", "", formula)

    def symbol(self, tex: str) -> str:
        """A symbol in TeX, marked for Pandoc."""
        return f"{self.mark}{tex}{self.mark}"

    # -- whole formulas, which may have several lines

    def formula(self, nodes: list, display: bool) -> str:
        """A whole formula."""
        if next_node(nodes) == "\\begin":
            following = list(nodes)
            argument(following)
            name, inside = _environment(following)
            if next_node(following) is None:  # one environment, nothing else
                tags = sum(node in ("\\tag", "\\tag*", "\\label") for node in inside)
                self.tags_in_lines = self.tags_in_lines or tags > 1
                if name in symbols.LINES:
                    lines = tree.split(inside, "\\\\")
                    return self.lines(lines, gaps=name != "eqnarray")
                if name in symbols.WHOLE:
                    return self.formula(inside, True)
        lines = tree.without_gaps(tree.split(nodes, "\\\\"))
        if display and (len(lines) > 1 or len(tree.split(lines[0], "&")) > 1):
            return self.lines(lines)
        return self.row(nodes if lines[1:] else lines[0])

    def lines(self, lines: list[list], *, gaps: bool = True) -> str:
        """Aligned or centred lines; between two pairs of columns there is a gap."""
        joints = " & ", " & wide " if gaps else " "
        rows = []
        for line in tree.without_gaps(lines):
            cells = map(self.row, tree.split(line, "&"))
            rows.append("".join(map("".join, zip(["", *joints * len(line)], cells))))
        return " \\\n".join(rows)

    # -- one line

    def row(self, nodes: list) -> str:
        """A part of a formula on one line."""
        nodes, typst = tree.with_scripts(tree.infix(nodes)), ""
        scripts = ""  # that the letter before has already
        end = 0  # of the letter, which has primes before it has other scripts
        self.before = ""
        while nodes:
            node = nodes.pop(0)
            if node in ("^", "_", "'"):
                script = "_" if node == "_" else "^"
                if script in scripts:
                    raise Refused(f"a second {script} on the same letter: set braces")
                scripts += script
                typst = typst or "zws" * (node != "'")
                if node == "'":
                    typst = typst[:end] + self.primes(nodes, typst[:end]) + typst[end:]
                else:
                    typst += _call(f"{node}(…)", self.operand(nodes))
                self.before = node
            elif isinstance(node, list) or not node.isspace():
                joined = re.fullmatch(r"\d[\d.]|:=", as_tex([self.before, node])[1:-1])
                piece = self.token(node, nodes)
                typst += piece if joined else f" {piece}"
                scripts, end, self.before = "", len(typst), node
        return typst.strip(" ")

    def primes(self, nodes: list, base: str) -> str:
        """Primes after a letter, and what is above it, too."""
        primes = "'"
        while nodes[:1] == ["'"]:
            primes += nodes.pop(0)
        above = "prime " * len(primes)
        if next_node(nodes) == "^":
            argument(nodes)
            above += self.operand(nodes)
        elif base and base[-1] != _TIGHT:
            return primes
        return f"^({above})" if base else above

    def group(self, group: list, following: list) -> str:
        """A group in braces; before a script it is one letter."""
        if group == [","]:  # without the space that follows a comma: 1{,}000
            return 'class("normal", comma)'
        inside = self.row(group)
        if next_node(following) not in ("^", "_", "'"):
            return inside
        several = any(node in ("^", "_", "'", "\\frac") for node in group)
        return f'class("normal", {inside})' if several else inside or "zws"

    def token(self, token: str | list, nodes: list) -> str:
        """A token or group, with the arguments after it that it takes from `nodes`."""
        if isinstance(token, list):
            return self.group(token, nodes)
        if next_node(nodes) in ("\\limits", "\\nolimits"):
            [kind] = argument(nodes)
            function = "limits(…)" if kind == "\\limits" else "scripts(…)"
            return _call(function, self.token(token, nodes))
        if token in _HANDLERS:
            return _HANDLERS[token](self, token, nodes)
        if token in symbols.TYPST:
            return self.filled(token, nodes)
        if unicodedata.category(token[0]) in ("Lo", "So"):  # Chinese, emoji, ...
            return f"{_TIGHT}#math.upright({typst_string(token)});{_TIGHT}"
        return token if re.fullmatch("[A-Za-z0-9.]", token) else self.symbol(token)

    def filled(self, token: str, nodes: list) -> str:
        """A command's template in Typst, with what it takes from `nodes`."""
        operands = []
        if f"{token}[" in symbols.TYPST and (own := option(nodes)) is not None:
            token, operands = f"{token}[", [self.row(own)]
        template = symbols.TYPST[token]
        if "⋯" in template:
            return _call(template.replace("⋯", "…"), self.rest(nodes))
        if "⁞" in template:
            return template.replace("⁞", _delimiter(nodes))
        while len(operands) < template.count("…"):
            operands.append(self.operand(nodes))
        return _call(template, *operands) if operands else template

    def rest(self, nodes: list) -> str:
        """The rest of the group."""
        taken, nodes[:] = list(nodes), []
        return self.row(taken)

    def operand(self, nodes: list) -> str:
        """The next group, or the next token with its arguments."""
        if isinstance(next_node(nodes), list):
            return self.row(argument(nodes))
        [token] = argument(nodes)
        return self.token(token, nodes)

    # -- commands, with the arguments that they take from `nodes`

    @_writes("\\tag", "\\tag*", "\\label")
    def _numbered(self, token: str, nodes: list) -> str:
        """A formula's number; that of one of its lines is set in the line."""
        number = self.scope.shown(token, as_tex(argument(nodes)))
        if not self.tags_in_lines:
            self.tag = self.tag or number
        elif number and number != self.shown:
            self.shown = number  # which a label in the same line repeats
            return f"#h(2em)#math.upright({typst_string(number)});"
        return ""

    @_writes("\\cdots", "\\dotsb")
    def _dots(self, token: str, nodes: list) -> str:
        """Dots with some room to letters and digits, as in TeX."""
        sides = as_tex(self.before)[-1:], as_tex(next_node(nodes) or "")[:1]
        room = ("#h(1em / 6) " * (side not in ("", *"+-=<>,&")) for side in sides)
        return " dots.h.c ".join(room).strip()

    @_writes("\\eqref", "\\ref")
    def _reference(self, token: str, nodes: list) -> str:
        label = as_tex(argument(nodes))
        number = typst_string(self.scope.shown(token, label))
        return f"#link(<{self.scope.place(label)}>, {number})"

    @_writes("\\href")
    def _link(self, token: str, nodes: list) -> str:
        address = "".join(map(as_tex, argument(nodes))).replace("\\", "")
        words = self.operand(nodes)
        call = f"#link({typst_string(address)})[$…$]"
        return _call(call, words) if address else words

    @_writes("\\intertext")
    def _between_lines(self, token: str, nodes: list) -> str:
        """Words between two lines of a formula; they take no part in its columns."""
        words = self._text("\\text", nodes)
        return _call("#box(width: 0pt, [$…$])", words) + " \\\n"

    @_writes("\\textcolor", "\\color")
    def _coloured(self, token: str, nodes: list) -> str:
        """Some colour, to the end of the group; a browser ignores unknown ones, too."""
        option(nodes)  # the colour model, if the colour is in numbers
        fill = typst_colour("".join(argument(nodes)).strip())
        inside = self.operand(nodes) if token == "\\textcolor" else self.rest(nodes)
        return _call(f"text(fill: #{fill}, …)", inside) if fill else inside

    @_writes("\\hspace", "\\hspace*", "\\mspace")
    @_writes("\\hskip", "\\kern", "\\mkern", "\\mskip")
    def _space(self, token: str, nodes: list) -> str:
        """A length in braces or without, as in \\hskip 1em."""
        braced = isinstance(next_node(nodes), list)
        following = argument(nodes) if braced else nodes
        words = "".join(itertools.takewhile(lambda n: isinstance(n, str), following))
        length = re.match(r"\s*(-?)\s*(\d*\.?\d+)\s*(em|ex|mu|pt|cm|mm|in)", words)
        if not length:
            raise Refused(f"{token}: {words.strip()} is not a length")
        taken = 0
        while taken < length.end():
            taken += len(following.pop(0))
        factor, unit = symbols.UNITS.get(length[3], (1, length[3]))
        return f"#h({length[1]}{float(length[2]) * factor:g}{unit})"

    @_writes("\\\\")
    def _no_line_break(self, token: str, nodes: list) -> str:
        """A \\\\ within delimiters, which breaks no line on the screen either."""
        nodes[:] = tree.past_option(nodes)
        return ""

    @_writes(*symbols.WORDS)
    def _word(self, token: str, nodes: list) -> str:
        """Letters that make a word, or other things in this font."""
        if re.fullmatch(r"\{[A-Za-z]{2,}\}", as_tex(next_node(nodes) or "")):
            return self._text(token, nodes)
        return _call(symbols.TYPST[token], self.operand(nodes))

    @_writes(*symbols.TEXT)
    def _text(self, token: str, nodes: list) -> str:
        """Words in a formula, with the formulas between dollars in them."""
        function = symbols.TEXT.get(token) or symbols.WORDS[token]
        typst, words = "", ""
        waiting = [*argument(nodes), ""]
        while waiting:
            node = waiting.pop(0)
            group = isinstance(node, list)
            if not (group or node in ("", "$") or node in symbols.TEXT):
                words += _words(node)
                continue
            if words:
                words = words.replace("---", "—").replace("--", "–")
                literal = typst_string(re.sub(r"\s+", " ", words))
                typst += f"{_TIGHT}#math.{function}({literal});{_TIGHT}"
                words = ""
            if node == "$":
                typst += self.row(between(waiting, "", "$"))
            elif node:
                typst += self._text(*((token, [node]) if group else (node, waiting)))
        return typst

    @_writes("\\operatorname", "\\operatorname*")
    def _operator(self, token: str, nodes: list) -> str:
        """A function's name in upright letters."""
        name = re.sub(r"\\[,; ]|~", " ", as_tex(argument(nodes)))
        name = re.sub(r"[{}]|\\(text..|text|mbox|mathrm)\b", "", name)
        if not re.fullmatch(r"[\w\s.-]*", name):
            raise Refused(f"{token}{{{name}}}: letters only")
        limits = ", limits: #true" if token.endswith("*") else ""
        return f'op("{name}"{limits})'

    @_writes("\\ce")
    def _chemistry(self, token: str, nodes: list) -> str:
        """A chemical formula, in the notation of LaTeX's package mhchem."""
        return self.row(tree.parse(chemistry("".join(map(as_tex, argument(nodes))))))

    @_writes(*symbols.FOR_PANDOC)
    def _passed_on(self, token: str, nodes: list) -> str:
        """A command that Pandoc itself understands, with its arguments."""
        for _ in range(symbols.FOR_PANDOC[token]):
            token += " " + as_tex(next_node(nodes) or "")
            argument(nodes)
        return self.symbol(token)

    # -- delimiters and tables

    @_writes("\\left")
    def _fence(self, token: str, nodes: list) -> str:
        """\\left ... \\right: delimiters as high as what they hold."""
        opening = _delimiter(nodes)
        first, *others = tree.split(between(nodes, "\\left", "\\right"), "\\middle")
        closing = _delimiter(nodes)
        typst = self.row(first)
        for part in others:
            typst += f" mid({_delimiter(part)}) {self.row(part)}"
        return _call(f"lr({opening} … {closing})", typst)

    @_writes("\\begin")
    def _within(self, token: str, nodes: list) -> str:
        """An environment that is not the whole formula."""
        return self.grid(*_environment(nodes))

    @_writes("\\matrix", "\\pmatrix", "\\cases", "\\substack")
    def _grid_in_braces(self, token: str, nodes: list) -> str:
        return self.grid(token[1:], argument(nodes))

    def grid(self, name: str, inside: list) -> str:
        """The rows and cells of an environment."""
        if name in symbols.WHOLE:
            return self.row(inside)
        if name not in symbols.GRIDS:
            raise Refused(f"the environment {name}")
        columns = _columns(argument(inside)) if name == "array" else ""
        rows: list[list] = []
        across: list[int] = []  # above which rows there are lines
        for line in tree.without_gaps(tree.split(inside, "\\\\")):
            while next_node(line) == "\\hline":
                argument(line)
                across.append(len(rows))
            if next_node(line) is not None or name in symbols.LINES:
                rows.append([self.row(cell) for cell in tree.split(line, "&")])
        style, size = symbols.GRIDS[name]
        cells = [[cell and _call(size, cell) for cell in row] for row in rows]
        if across or len(set(columns)) > 1:
            return self.array(columns, cells, across)
        if name in symbols.LINES:
            joint, style = " & ", f"delim: #none, {style}"
        else:
            side = "l" if "cases" in name else columns[:1]
            align = symbols.ALIGNMENTS.get(side, "center")
            joint = ", "
            style = f"delim: {symbols.MATRICES[name]}, align: #{align}, {style}"
        return _call(f"mat({style}, …)", "; ".join(map(joint.join, cells)))

    def array(self, columns: str, cells: list[list[str]], across: list[int]) -> str:
        """A matrix with lines, or with columns that are not aligned alike."""
        letters = columns.replace("|", "")
        width = max([len(letters), *map(len, cells)])
        down = itertools.accumulate(map(len, columns.split("|")[:-1]))
        lines = [f"grid.hline(y: {row}, stroke: 0.4pt)" for row in across]
        lines += [f"grid.vline(x: {column}, stroke: 0.4pt)" for column in down]
        aligned = (symbols.ALIGNMENTS.get(letter, "center") for letter in letters)
        align = typst_array(f"{side} + horizon" for side in aligned)
        style = f"columns: {width}, align: {align}, inset: (x: 0.5em, y: 0.3em)"
        full = [cell for row in cells for cell in row + [""] * (width - len(row))]
        inside = f"{_TIGHT}$], [${_TIGHT}".join(full)
        call = f"mat(delim: #none, #grid({', '.join([style, *lines])}, [$"
        return f"{call}{_TIGHT}{inside}{_TIGHT}$]))"


def _call(template: str, *arguments: str) -> str:
    """The call of a Typst function, which has a … for each of the arguments.

    None of these may be empty. There is no space around code in Typst.
    """
    tight = _TIGHT if template.startswith("#") else ""
    opening, *others = template.split("…")
    typst = f"{tight}{opening}{tight}"
    for inside, code in zip(arguments, others):
        typst += (inside if inside.strip(f" {_TIGHT}") else '""') + tight + code + tight
    return typst


def _delimiter(nodes: list) -> str:
    """Take a delimiter: its name in Typst."""
    delimiter = as_tex(argument(nodes)[0])
    if delimiter not in symbols.DELIMITERS:
        raise Refused(f"{delimiter} as a delimiter")
    return symbols.DELIMITERS[delimiter]


def _environment(nodes: list) -> tuple[str, list]:
    """Take an environment that has begun: its name, and what is in it."""
    name = "".join(argument(nodes))
    inside = between(nodes, "\\begin", "\\end")
    argument(nodes)  # the name again
    placed = name in ("aligned", "alignedat", "array", "gathered") or (
        name[-1:] == "*" and name[:-1] in symbols.MATRICES  # which column is how
    )
    inside = tree.past_option(inside) if placed else inside
    name = name.rstrip("*")
    if name in ("alignat", "alignedat"):
        argument(inside)  # how many columns
    return name, inside


def _columns(nodes: list) -> str:
    """The columns of an array, l, c and r, and the lines between them."""
    columns = re.sub(r"[pmb]\{[^{}]*\}", "l", as_tex(nodes))
    columns = re.sub(r"[@!<>]\{(?:[^{}]|\{[^{}]*\})*\}", "", columns)
    columns = re.sub(r"\*\{(\d\d?)\}\{([^{}]*)\}", lambda m: m[2] * int(m[1]), columns)
    return re.sub("[^lcr|]", "", columns.replace(":", "|"))


def _words(node: str) -> str:
    """A token in the words of a \\text."""
    if re.fullmatch(r"\\[A-Za-z]+\*?", node) and node not in symbols.IN_TEXT:
        raise Refused(f"{node} among the words of a \\text")
    return symbols.IN_TEXT.get(node, node.removeprefix("\\"))
