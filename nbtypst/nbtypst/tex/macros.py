"""TeX as tokens, while a formula is nothing else: macros are defined and replaced."""

import re

MAX_TOKENS = 20_000  # of a formula, its macros expanded


class Refused(Exception):
    """A formula that would come out wrong; the message says why."""


TOKEN = re.compile(
    r"\\(?:operatorname|hspace|tag|newcommand|renewcommand|DeclareMathOperator)\*"
    r"|\\[A-Za-z]+|\\[\s\S]|#\d|%[^\n]*\n?|\s+|[\s\S]"
)
_TEXT_IN_BRACES = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt)?|[fhm]box)\s*\{(?:[^{}]|\{[^{}]*\})*\}"
)
_VERBATIM = re.compile(r"\\verb\*?([^\s\w*])(.*?)\1")
_PERCENT = re.compile(r"(?<!\\)%")  # which begins a comment, but not among words
_DEFINITIONS = ("\\newcommand", "\\renewcommand", "\\providecommand", "\\def",
                "\\gdef", "\\let", "\\DeclareMathOperator")  # fmt: skip
_MACROS = r"""
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


def tokens_of(tex: str, macros: dict) -> list[str]:
    """The tokens of a formula with macros replaced; what it defines is kept in them."""
    tex = _VERBATIM.sub(lambda match: _typewriter(match[2]), tex)
    tex = _TEXT_IN_BRACES.sub(lambda match: _PERCENT.sub(r"\\%", match[0]), tex)
    return expand(TOKEN.findall(tex), macros)


def _typewriter(words: str) -> str:
    return r"\texttt{" + re.sub(r"[\\{}$%~]", r"\\\g<0>", words) + "}"


def expand(tokens: list[str], macros: dict) -> list[str]:
    """The tokens with macros replaced; definitions are kept and taken away."""
    done: list[str] = []
    waiting = tokens[::-1]
    steps = 0
    while waiting:
        token = waiting.pop()
        if token.rstrip("*") in _DEFINITIONS:
            _define(token.rstrip("*"), token, waiting, macros)
        elif token in macros:
            count, first, body = macros[token]
            given = [_optional(waiting, first)] if first is not None else []
            given += [_argument(waiting) for _ in range(count - len(given))]
            arguments = {f"#{n}": tokens for n, tokens in enumerate(given, 1)}
            filled = [part for token in body for part in arguments.get(token, [token])]
            waiting += filled[::-1]
        elif not token.startswith("%"):
            done.append(token)
        steps += 1
        if steps + len(waiting) > MAX_TOKENS:
            raise Refused(f"with its macros it has more than {MAX_TOKENS:,} parts")
    return done


def _define(kind: str, token: str, waiting: list[str], macros: dict) -> None:
    """Keep a macro whose definition comes next."""
    [name, *_] = _argument(waiting) or [""]
    count, first = 0, None
    if kind == "\\let":
        body = _argument(waiting)
        if body == ["="]:
            body = _argument(waiting)
    elif kind in ("\\def", "\\gdef"):
        while waiting and waiting[-1] != "{":
            count += waiting.pop()[0] == "#"
        body = _argument(waiting)
    elif kind == "\\DeclareMathOperator":
        star = "*" * token.endswith("*")
        body = [f"\\operatorname{star}", "{", *_argument(waiting), "}"]
    else:
        count = int("".join(_optional(waiting, ["0"])))
        first = _optional(waiting, None)
        body = _argument(waiting)
    if name in body:
        raise Refused(f"{name} is defined by itself")
    macros[name] = (count, first, body)


def _optional(waiting, default):
    """Take what is in brackets, if anything is."""
    while waiting and waiting[-1].isspace():
        waiting.pop()
    if waiting[-1:] != ["["]:
        return default
    waiting.pop()
    taken = []
    while waiting and (token := waiting.pop()) != "]":
        taken.append(token)
    return taken


def _argument(waiting: list[str]) -> list[str]:
    """Take the next group, without its braces, or the next token."""
    taken: list[str] = []
    depth = 0
    while waiting:
        token = waiting.pop()
        if taken or not token.isspace():
            taken.append(token)
            depth += (token == "{") - (token == "}")
            if depth <= 0:
                return taken[1:-1] if taken[0] == "{" else taken
    raise Refused("something is missing at its end")


KNOWN_MACROS: dict = {}  # those that every formula has
expand(TOKEN.findall(_MACROS), KNOWN_MACROS)
