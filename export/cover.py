"""The first page: who, with whom, and the honor statement."""

import datetime
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    only_attached: tuple[str, ...] = ()  # files whose code is not printed

    @property
    def missing(self) -> list[str]:
        """The settings that are still needed before this can be handed in."""
        partners = "alone" if self.worked_alone else "".join(self.worked_with)
        needed = {"name": self.name, "worked_alone or worked_with": partners,
                  "date": self.date}
        return [setting for setting, given in needed.items() if not given.strip()]


def read_cover(path: Path) -> Cover:
    """Return the cover that a TOML file describes; ExportError names a wrong line."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
        settings = tomllib.loads(text)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ExportError(f"{path}, line {line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        at = re.match(r"line (\d+)", place)  # or it is the end of the document
        line = int(at[1]) if at else text.count("\n") + 1
        raise ExportError(f"{path}, line {line}: {reason}") from None
    for key, value in settings.items():
        settings[key], mistake = _setting(key, value)
        if key == "worked_alone" and value is True and settings.get("worked_with"):
            mistake = "is true, but worked_with names somebody"
        if mistake:
            at = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]", text, re.M)
            line = text[: at.end()].count("\n") + 1 if at else 1
            raise ExportError(f"{path}, line {line}: {key} {mistake}")
    return Cover(**settings)


def _setting(key: str, value: Any) -> tuple[Any, str]:
    """Return a setting's value for the cover, and what is wrong with it, if any."""
    if key not in Cover.__dataclass_fields__:
        return None, "is not a setting of the cover"
    kind = type(getattr(Cover, key))
    if key == "date" and isinstance(value, datetime.date):
        value = f"{value.day} {value:%B} {value.year}"
    elif kind is tuple:
        value = tuple(value) if isinstance(value, list) else (value,) * (value != "")
        if not all(isinstance(it, str) and it.strip() for it in value):
            return None, 'must be a list of texts, ["..."]'
    right = "true or false" if kind is bool else "in quotes"
    return value, "" if isinstance(value, kind) else f"must be {right}"
