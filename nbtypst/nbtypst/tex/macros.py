"""Macros of TeX: defined in formulas, and replaced in their trees."""

import re

from nbtypst.tex.tree import MAX_DEPTH, MAX_PARTS, Refused, argument, option, parse

_DEFINITIONS = ("\\newcommand", "\\renewcommand", "\\providecommand", "\\def",
                "\\gdef", "\\let", "\\DeclareMathOperator")  # fmt: skip
_KNOWN = r"""
\def\LaTeX{\text{LaTeX}} \def\TeX{\text{TeX}} \def\ensuremath#1{#1} \def\smash#1{#1}
\def\bra#1{\langle #1|} \def\ket#1{|#1\rangle} \def\braket#1{\langle #1\rangle}
\def\Bra#1{\left\langle #1\right|} \def\Ket#1{\left|#1\right\rangle}
\def\Braket#1{\left\langle #1\right\rangle} \newcommand\bbox[2][]{#2}
\def\strut{} \def\mathstrut{} \def\nonumber{} \def\notag{} \def\displaylines#1{#1}
\def\degree{{}^\circ} \def\nicefrac#1#2{{#1/#2}}
\def\utilde#1{\underset{\sim}{#1}} \def\hfill{\qquad} \def\cr{\\} \def\newline{\\}
\def\dfrac#1#2{{\displaystyle\frac{#1}{#2}}} \def\tfrac#1#2{{\textstyle\frac{#1}{#2}}}
\def\dbinom#1#2{{\displaystyle\binom{#1}{#2}}} \def\cfrac{\dfrac}
\def\tbinom#1#2{{\textstyle\binom{#1}{#2}}} \def\stackrel{\overset}
\def\require#1{} \def\class#1#2{#2} \def\cssId#1#2{#2} \def\style#1#2{#2}
\def\>{\:} \def\bold{\mathbf} \def\Bbb{\mathbb} \def\frak{\mathfrak} \def\hbox{\text}
\def\prescript#1#2#3{{}^{#1}_{#2}{#3}}
\def\boxed#1{\framed{\displaystyle #1}} \def\fbox#1{\boxed{\text{#1}}}
"""


class Macros(dict):
    """For each: its number of arguments, the first one's default, and its body."""

    def replaced(self, tex: str) -> list:
        """Return the tree of a formula with macros replaced; keep what it defines."""
        self.parts = 0
        return self._replaced(parse(tex), 0)

    def _replaced(self, tree: list, depth: int) -> list:
        if depth >= MAX_DEPTH:
            raise Refused(f"its groups are more than {MAX_DEPTH} deep")
        done, nodes = [], list(tree)
        while nodes:
            self.parts += 1
            if self.parts + len(nodes) > MAX_PARTS:
                raise Refused(f"with its macros it has more than {MAX_PARTS:,} parts")
            node = nodes.pop(0)
            if isinstance(node, list):
                done.append(self._replaced(node, depth + 1))
            elif node.rstrip("*") in _DEFINITIONS:
                self._define(node, nodes)
            elif node in self:
                count, first, body = self[node]
                given = []
                if first is not None:
                    given = [first if (own := option(nodes)) is None else own]
                given += [argument(nodes) for _ in range(count - len(given))]
                named = {f"#{n}": it for n, it in enumerate(given, 1)}
                nodes[:0] = _filled(body, named)
            else:
                done.append(node)
        return done

    def _define(self, token: str, nodes: list) -> None:
        """Keep a macro whose definition follows in `nodes`."""
        kind = token.rstrip("*")
        [name, *_] = argument(nodes) or [""]
        count, first = 0, None
        if kind in ("\\def", "\\gdef"):
            while nodes and isinstance(nodes[0], str):
                count += nodes.pop(0)[0] == "#"
        elif kind.endswith("command"):
            count = int("".join(option(nodes) or ["0"]))
            first = option(nodes)
        body = argument(nodes)
        if kind == "\\let" and body == ["="]:
            body = argument(nodes)
        if kind == "\\DeclareMathOperator":
            body = [token.replace("DeclareMathOperator", "operatorname"), body]
        if name in body:
            raise Refused(f"{name} is defined by itself")
        self[name] = (count, first, body)


def _filled(body: list, given: dict[str, list]) -> list:
    """Return the body of a macro with its arguments in place of #1 and so on."""
    done: list = []
    for node in body:
        known = isinstance(node, str)
        done += given.get(node, [node]) if known else [_filled(node, given)]
    return done


class Scope:
    """What the formulas of a notebook share: macros and numbers."""

    def __init__(self, macros: Macros) -> None:
        """Begin with the macros that every formula has."""
        self.macros = Macros(macros)
        self.labels: dict[str, tuple[str, str]] = {}  # the number, and where in Typst
        self.numbered = 0

    def number(self, tex: str, place: str) -> None:
        """Give a number to each line of a formula that has a label."""
        for line in re.split(r"\\\\|\\cr\b", tex):
            tag = re.search(r"\\tag\*?\s*\{([^}]*)\}", line)
            for label in re.findall(r"\\label\s*\{([^}]*)\}", line):
                self.numbered += not tag
                number = tag[1] if tag else str(self.numbered)
                self.labels.setdefault(label, (f"({number})", place))

    def shown(self, command: str, words: str) -> str:
        """Return what a \\tag, \\label, \\ref or \\eqref shows."""
        if command.startswith("\\tag"):
            words = re.sub(r"\\text|[{}$\\]", "", words)
            return words if command == "\\tag*" else f"({words})"
        number, _ = self.labels.get(words.strip("{}"), ("", ""))
        if not number and command != "\\label":
            raise Refused(f"no formula has the label {words.strip('{}')}")
        return number.strip("()") if command == "\\ref" else number

    def place(self, label: str) -> str:
        """Return where the formula with a label is."""
        return self.labels[label.strip("{}")][1]


KNOWN_MACROS = Macros()  # those that every formula has
KNOWN_MACROS.replaced(_KNOWN)
