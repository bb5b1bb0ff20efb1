"""The modules that belong to a write-up."""

from pathlib import Path

import nbformat
import pytest

from export.sources import all_sources, local_modules
from export_samples import code, save
from nbtypst import ExportError

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]

ROOT = Path(__file__).resolve().parent.parent


def test_modules_of_ones_own_are_found_and_installed_ones_are_not(homework):
    paths = sorted(homework.glob("*.ipynb"))
    notebooks = [nbformat.read(path, 4) for path in paths]
    found = local_modules(paths, notebooks)
    assert names(found, homework) == ["helper.py", "deeper.py"]


def names(found: dict[Path, Path], homework: Path) -> list[str]:
    return [path.relative_to(homework.resolve()).as_posix() for path in found]


def test_a_package_beside_the_notebooks_comes_with_all_of_its_modules(tmp_path):
    for name, source in {
        "parts/__init__.py": "from .one import x",
        "parts/one.py": "import beside\nx = 1",
        "parts/inner/__init__.py": "",
        "beside.py": "y = 2",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    path = save(tmp_path / "a.ipynb", code("from parts import x"))
    found = local_modules([path], [nbformat.read(path, 4)])
    assert names(found, tmp_path) == [
        "parts/__init__.py", "parts/inner/__init__.py", "parts/one.py", "beside.py"
    ]


def test_magics_and_broken_cells_do_not_hide_an_import(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    path = save(tmp_path / "a.ipynb", code("%matplotlib inline\n!ls\nimport mine"))
    found = local_modules([path], [nbformat.read(path, 4)])
    assert names(found, tmp_path) == ["mine.py"]


@pytest.mark.parametrize(
    "broken",
    ["if x:\n    a\n  b", "x = '", "\x1cimport no", "a\x00b", "(" * 5000, "é\x0c b"],
)
def test_what_is_no_code_hides_no_import(tmp_path, recwarn, broken):
    (tmp_path / "mine.py").write_text("x = 1\n")
    path = save(tmp_path / "a.ipynb", code(broken), code("import mine"))
    found = local_modules([path], [nbformat.read(path, 4)])
    assert names(found, tmp_path) == ["mine.py"] and not recwarn.list


def test_a_module_in_no_encoding_is_named(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"x = '\xff'\n")
    path = save(tmp_path / "a.ipynb", code("import mine"))
    with pytest.raises(ExportError, match="mine.py: .*encoding"):
        all_sources([path], [nbformat.read(path, 4)])


def test_what_is_no_module_of_ones_own_is_left_out(tmp_path):
    (tmp_path / "broken.py").write_text("def")  # a listing all the same
    cells = ["import sys, __main__, not_there", "import broken", "import export"]
    path = save(tmp_path / "a.ipynb", *map(code, cells), code("import nn_helpers"))
    found = local_modules([path], [nbformat.read(path, 4)])
    files = {tmp_path.resolve() / "broken.py", ROOT / "nn_helpers.py"}
    assert files | {ROOT / "export" / "__init__.py"} <= found.keys()
    assert not {"sys.py", "numpy", "json"} & {part for p in found for part in p.parts}
