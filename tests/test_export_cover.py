"""cover.toml: what it may say, and what is said when it is wrong."""

from pathlib import Path

import pytest

from export.cover import Cover, read_cover
from nbtypst import ExportError

pytestmark = pytest.mark.export

SHIPPED = Path(__file__).resolve().parent.parent / "export" / "cover.toml"


def cover(tmp_path: Path, text: str) -> Cover:
    path = tmp_path / "cover.toml"
    path.write_text(text, encoding="utf-8")
    return read_cover(path)


def test_as_shipped_it_names_nobody():
    shipped = read_cover(SHIPPED)
    assert shipped.missing == ["name", "worked_alone or worked_with", "date"]
    assert (shipped.name, shipped.worked_with, shipped.date) == ("", (), "")
    assert shipped.course and shipped.homework and shipped.title
    credit = " ".join(shipped.sources)
    for words in ("MNIST", "Yann LeCun", "Corinna Cortes", "Christopher Burges",
                  "CC BY-SA 3.0", "Gradient times input", "neural tangent kernel"):
        assert words in credit


def test_what_is_filled_in_is_not_missing(tmp_path):
    read = cover(tmp_path, 'name = "A"\nworked_with = ["B", "C"]\ndate = 2026-02-14')
    assert read == Cover(name="A", worked_with=("B", "C"), date="14 February 2026")
    assert read.missing == []
    alone = cover(tmp_path, 'name = "A"\nworked_alone = true\ndate = "today"')
    assert alone.missing == []
    assert cover(tmp_path, 'worked_with = "B"').worked_with == ("B",)
    assert cover(tmp_path, 'worked_with = ""').worked_with == ()
    assert cover(tmp_path, 'name = " "').missing[0] == "name"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('name = "A"\ndate = "B', 2, ""),
        ("name = Ada", 1, "value"),
        ('name = "A"\n\nname = "B"', 3, "overwrite"),
        ('# my cover\nnme = "A"', 2, "nme is not a setting"),
        ('name = "A"\nworked_alone = "yes"', 2, "worked_alone must be true or false"),
        ("date = 5", 1, "date must be in quotes"),
        ("worked_with = [1]", 1, "worked_with must be a list of names"),
        ("worked_with = 5", 1, "worked_with must be a list of names"),
        ('name = "A"\nsources = [1]', 2, "sources must be a list of texts"),
        ('worked_with = [""]', 1, "worked_with must be a list of names"),
        ('worked_with = ["A"]\nworked_alone = true', 2, "worked_with names somebody"),
        ('[cover]\nname = "A"', 1, "cover is not a setting"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, line, reason):
    with pytest.raises(ExportError) as raised:
        cover(tmp_path, text)
    assert f"cover.toml, line {line}: " in str(raised.value)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ExportError, match="cover.toml: No such file"):
        read_cover(tmp_path / "cover.toml")
    (tmp_path / "cover.toml").write_bytes(b'name = "x"\ndate = "\xff"')
    with pytest.raises(ExportError, match="cover.toml, line 2: not UTF-8"):
        read_cover(tmp_path / "cover.toml")


def test_a_mark_at_the_beginning_does_no_harm(tmp_path):
    """As some editors of Windows write it."""
    path = tmp_path / "cover.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "Ada"\n')
    assert read_cover(path).name == "Ada"
