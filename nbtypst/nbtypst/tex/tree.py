"""TeX as a tree: a list of tokens, with a list in it for each {group}."""

import itertools
import re
import unicodedata

from nbtypst.tex.macros import Refused

MAX_DEPTH = 18  # groups in groups; Pandoc takes twice as long for each more


def parse(tokens: list[str]) -> list:
    """The tree of some tokens."""
    stack: list[list] = [[]]
    for token in tokens:
        if token == "{":
            stack.append([])
            if len(stack) > MAX_DEPTH:
                raise Refused(f"its groups are more than {MAX_DEPTH} deep")
        elif token == "}":
            if len(stack) == 1:
                raise Refused("a } without its {")
            group = stack.pop()
            stack[-1].append(group)
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise Refused("a { without its }")
    return stack[0]


def as_tex(node: str | list) -> str:
    """A token or group as it was written."""
    if isinstance(node, str):
        return node
    return "{" + "".join(map(as_tex, node)) + "}"


def between(nodes: list, opening: str, closing: str) -> list:
    """Take from `nodes` what is before the matching `closing` (and that too)."""
    inside: list[str | list] = []
    depth = 1
    while nodes:
        node = nodes.pop(0)
        depth += (node == opening) - (node == closing)
        if depth == 0:
            return inside
        inside.append(node)
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
    """The nodes, with \\over and its like as commands before their arguments."""
    for infix, command in {"\\over": "\\frac", "\\choose": "\\binom"}.items():
        if len(halves := split(nodes, infix)) == 2:
            return [command, *halves]
    return list(nodes)


def with_scripts(nodes: list) -> list:
    """The nodes, with ^{2} for a ² and _{0} for a ₀."""
    done: list = []
    for script, run in itertools.groupby(nodes, _script):
        plain = [*run]
        if script:
            plain = [script, list(unicodedata.normalize("NFKC", "".join(plain)))]
        done += plain
    return done


def _script(node: str | list) -> str:
    """What makes a script of a letter that is one: ^, _ or nothing."""
    known = unicodedata.decomposition(node[0]) if isinstance(node, str) else ""
    return {"<super>": "^", "<sub>": "_"}.get(known.partition(" ")[0], "")


def next_node(nodes: list) -> str | list | None:
    """The next node that is not a space."""
    return next((n for n in nodes if isinstance(n, list) or not n.isspace()), None)


def columns_of(nodes: list) -> str:
    """The columns of an array, l, c and r, and the lines between them."""
    columns = re.sub(r"[pmb]\{[^{}]*\}", "l", as_tex(nodes))
    columns = re.sub(r"[@!<>]\{(?:[^{}]|\{[^{}]*\})*\}", "", columns)
    columns = re.sub(r"\*\{(\d\d?)\}\{([^{}]*)\}", lambda m: m[2] * int(m[1]), columns)
    return re.sub("[^lcr|]", "", columns.replace(":", "|"))


def past_option(nodes: list) -> list:
    """The nodes after the [t] or [4pt] with which they begin, if they do."""
    bracketed = nodes[:1] == ["["] and "]" in nodes
    return nodes[nodes.index("]") + 1 :] if bracketed else nodes


def without_gaps(lines: list[list]) -> list[list]:
    """Lines without the `[4pt]` of a line break; and without an empty last one."""
    lines = [*lines[:1], *map(past_option, lines[1:])]
    return lines[:-1] if lines[1:] and next_node(lines[-1]) is None else lines
