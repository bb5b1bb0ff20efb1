"""The first page: who, with whom, and the honor statement."""

import datetime
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from export import ExportError

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
        said = (self.course, self.homework, self.title)
        return " – ".join(words for words in said if words.strip())

    @property
    def missing(self) -> list[str]:
        """The settings that are still needed before this can be handed in."""
        alone = self.worked_alone or self.worked_with
        return (
            [] if self.name.strip() else ["name"]
        ) + ([] if alone else ["worked_alone or worked_with"]) + (
            [] if self.date.strip() else ["date"]
        )


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

    def wrong(key: str, reason: str) -> ExportError:
        found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]", text, re.M)
        line = text[: found.end()].count("\n") + 1 if found else 1
        return ExportError(f"{path}, line {line}: {key} {reason}")

    for key, value in settings.items():
        if key not in {field.name for field in fields(Cover)}:
            raise wrong(key, "is not a setting of the cover")
        if key == "worked_alone":
            if not isinstance(value, bool):
                raise wrong(key, "must be true or false")
        elif key == "worked_with":
            names = [value] if isinstance(value, str) and value else value
            if isinstance(names, str):
                names = []
            if not isinstance(names, list) or not all(
                isinstance(name, str) and name.strip() for name in names
            ):
                raise wrong(key, 'must be a list of names, ["..."]')
            settings[key] = tuple(names)
        elif key == "date" and isinstance(value, datetime.date):
            settings[key] = f"{value.day} {value:%B} {value.year}"
        elif not isinstance(value, str):
            raise wrong(key, "must be in quotes")
    if settings.get("worked_alone") and settings.get("worked_with"):
        raise wrong("worked_alone", "is true, but worked_with names somebody")
    return Cover(**settings)
