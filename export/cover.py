"""The first page: who, with whom, and the honor statement."""

import datetime
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from nbtypst.errors import ExportError


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
    sources: tuple[str, ...] = ()
    statement: str = ""

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


def read_cover(path: Path) -> Cover:
    """The cover described in a TOML file; ExportError names the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
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

    def wrong(key: str, reason: str) -> ExportError:
        found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]", text, re.M)
        line = text[: found.end()].count("\n") + 1 if found else 1
        return ExportError(f"{path}, line {line}: {key} {reason}")

    for key, value in settings.items():
        if key not in _SETTINGS:
            raise wrong(key, "is not a setting of the cover")
        convert, must = _SETTINGS[key]
        settings[key] = convert(value)
        if settings[key] is None:
            raise wrong(key, must)
    if settings.get("worked_alone") and settings.get("worked_with"):
        raise wrong("worked_alone", "is true, but worked_with names somebody")
    return Cover(**settings)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _words(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: object) -> tuple[str, ...] | None:
    names = [value] * bool(value) if isinstance(value, str) else value
    if not isinstance(names, list):
        return None
    valid = all(isinstance(name, str) and name.strip() for name in names)
    return tuple(names) if valid else None


def _date(value: object) -> str | None:
    if isinstance(value, datetime.date):
        return f"{value.day} {value:%B} {value.year}"
    return _words(value)


# How each setting is read (as None, if it cannot be), and what it must be.
_SETTINGS: dict[str, tuple[Callable, str]] = {
    field.name: (_words, "must be in quotes") for field in fields(Cover)
} | {
    "worked_alone": (_flag, "must be true or false"),
    "worked_with": (_names, 'must be a list of names, ["..."]'),
    "date": (_date, "must be in quotes"),
    "sources": (_names, 'must be a list of texts, ["..."]'),
}
