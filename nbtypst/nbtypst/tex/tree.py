"""TeX as a tree: a list of tokens, with a list in it for each {group}."""

import functools
import itertools
import re
import unicodedata

MAX_DEPTH = 40  # groups in groups
MAX_PARTS = 20_000  # of a formula with its macros replaced


class Refused(Exception):
    """A formula that would come out wrong; the message says why."""


_TOKEN = re.compile(
    r"\\(?:operatorname|hspace|tag|newcommand|renewcommand|DeclareMathOperator)\*"
    r"|\\[A-Za-z]+|\\[\s\S]|#\d|%[^\n]*\n?|\s+|[\s\S]"
)
_TEXT_IN_BRACES = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt)?|[fhm]box)\s*\{(?:[^{}]|\{[^{}]*\})*\}"
)
_VERBATIM = re.compile(r"\\verb\*?([^\s\w*])(.*?)\1")
_PERCENT = re.compile(r"(?<!\\)%")  # begins a comment, but not in a \\text


def parse(tex: str) -> list:
    """Return the tree of some TeX, without comments."""
    escaped = functools.partial(re.sub, r"[\\{}$%~]", r"\\\g<0>")
    tex = _VERBATIM.sub(lambda match: rf"\texttt{{{escaped(match[2])}}}", tex)
    tex = _TEXT_IN_BRACES.sub(lambda match: _PERCENT.sub(r"\\%", match[0]), tex)
    stack: list[list] = [[]]
    for token in _TOKEN.findall(tex):
        if token == "{":
            stack.append([])
        elif token == "}":
            if len(stack) == 1:
                raise Refused("a } without its {")
            group = stack.pop()
            stack[-1].append(group)
        elif token[0] != "%":
            stack[-1].append(token)
    if len(stack) > 1:
        raise Refused("a { without its }")
    return stack[0]


def as_tex(node: str | list) -> str:
    """Return a token or group as it was written."""
    if isinstance(node, str):
        return node
    return "{" + "".join(map(as_tex, node)) + "}"


def next_node(nodes: list) -> str | list | None:
    """Return the next node that is not a space."""
    return next((n for n in nodes if isinstance(n, list) or not n.isspace()), None)


def argument(nodes: list) -> list:
    """Take the next group or token from `nodes`."""
    if (node := next_node(nodes)) is None:
        raise Refused("something is missing at its end")
    del nodes[: nodes.index(node) + 1]
    return node if isinstance(node, list) else [node]


def option(nodes: list) -> list | None:
    """Take what is in brackets from `nodes`, if that comes next."""
    if next_node(nodes) != "[":
        return None
    argument(nodes)
    return between(nodes, "[", "]")


def between(nodes: list, opening: str, closing: str) -> list:
    """Take from `nodes` what is before the matching `closing` (and that too)."""
    depth = 1
    for number, node in enumerate(nodes):
        depth += (node == opening) - (node == closing)
        if depth == 0:
            inside = nodes[:number]
            del nodes[: number + 1]
            return inside
    raise Refused(f"{opening} without its {closing}")


def split(nodes: list, separator: str) -> list[list]:
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


def infix(nodes: list) -> list:
    """Return the nodes, with \\over and its like as commands before their arguments."""
    for infix, command in {"\\over": "\\frac", "\\choose": "\\binom"}.items():
        if len(halves := split(nodes, infix)) == 2:
            return [command, *halves]
    return list(nodes)


def with_scripts(nodes: list) -> list:
    """Return the nodes, with ^{2} for a ² and _{0} for a ₀."""
    done: list = []
    for script, run in itertools.groupby(nodes, _script):
        plain = [*run]
        if script:
            plain = [script, list(unicodedata.normalize("NFKC", "".join(plain)))]
        done += plain
    return done


def _script(node: str | list) -> str:
    """Return what makes a script of a letter that is one: ^, _ or nothing."""
    known = unicodedata.decomposition(node[0]) if isinstance(node, str) else ""
    return {"<super>": "^", "<sub>": "_"}.get(known.partition(" ")[0], "")


def past_option(nodes: list) -> list:
    """Return the nodes after the [t] or [4pt] with which they begin, if they do."""
    bracketed = nodes[:1] == ["["] and "]" in nodes
    return nodes[nodes.index("]") + 1 :] if bracketed else nodes


def without_gaps(lines: list[list]) -> list[list]:
    """Lines without the `[4pt]` of a line break; and without an empty last one."""
    lines = [*lines[:1], *map(past_option, lines[1:])]
    return lines[:-1] if lines[1:] and next_node(lines[-1]) is None else lines
