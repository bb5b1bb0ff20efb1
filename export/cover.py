"""The first page: who, with whom, and the honor statement."""

import datetime
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from export.errors import ExportError

STATEMENT = (
    "I certify that all solutions are entirely in my own words and that I have not "
    "looked at another student's solutions. I have given credit to all external "
    "sources I consulted."
)


@dataclass(frozen=True)
class Cover:
    """What cover.toml says."""

    name: str = ""
    worked_alone: bool = False
    worked_with: tuple[str, ...] = ()
    date: str = ""
    course: str = ""
    homework: str = ""
    title: str = ""

    @property
    def full_title(self) -> str:
        """What the document is called outside of itself, as in a window's title."""
        parts = (self.course, self.homework, self.title)
        return " – ".join(part for part in parts if part.strip())

    @property
    def missing(self) -> list[str]:
        """The settings that are still needed before this can be handed in."""
        needed = {
            "name": self.name.strip(),
            "worked_alone or worked_with": self.worked_alone or self.worked_with,
            "date": self.date.strip(),
        }
        return [setting for setting, given in needed.items() if not given]


class _Wrong(Exception):
    """What a setting is not; the message goes on after its name."""


def read_cover(path: Path) -> Cover:
    """The cover described in a TOML file; ExportError names the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        settings = tomllib.loads(text)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ExportError(f"{path}, line {line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        reason = str(error)[: at.start()] if at else str(error).split(" (at")[0]
        raise ExportError(f"{path}, line {line}: {reason}") from None
    key = ""
    try:
        for key, value in settings.items():
            settings[key] = _SETTINGS.get(key, _unknown)(value)
        key = "worked_alone"
        if settings.get(key) and settings.get("worked_with"):
            raise _Wrong("is true, but worked_with names somebody")
    except _Wrong as reason:
        found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]", text, re.M)
        line = text[: found.end()].count("\n") + 1 if found else 1
        raise ExportError(f"{path}, line {line}: {key} {reason}") from None
    return Cover(**settings)


# What a setting of the file becomes; each raises _Wrong for what it cannot be.


def _unknown(value: object) -> None:
    raise _Wrong("is not a setting of the cover")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be in quotes")
    return value


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value] if value else []
    if not isinstance(value, list) or not all(
        isinstance(name, str) and name.strip() for name in value
    ):
        raise _Wrong('must be a list of names, ["..."]')
    return tuple(value)


def _date(value: object) -> str:
    if isinstance(value, datetime.date):
        return f"{value.day} {value:%B} {value.year}"
    return _words(value)


_SETTINGS: dict[str, Callable] = {field.name: _words for field in fields(Cover)} | {
    "worked_alone": _flag,
    "worked_with": _names,
    "date": _date,
}
