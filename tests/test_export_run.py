"""Running notebooks: fresh kernels of this interpreter, and every way to fail."""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbformat.v4 import new_output

import export.run
from export import ExportError
from export.run import clean, execute_notebooks
from export_samples import WIDGET, code, figure, notebook, save, stdout

pytestmark = pytest.mark.export


def kernels() -> list[psutil.Process]:
    """The kernels that this process has started and that still run."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
        and any("ipykernel" in part for part in child.cmdline())
    ]


def test_notebooks_run_in_fresh_kernels_of_this_python(tmp_path, monkeypatch):
    # A kernelspec of the same name elsewhere must not be taken.
    hijack = tmp_path / "jupyter" / "kernels" / "python3"
    hijack.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Not me"}
    (hijack / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    names = ("SOURCE_DATE_EPOCH", "TQDM_DISABLE", "PYTHONHASHSEED", "MPLBACKEND")
    first = save(
        tmp_path / "a.ipynb",
        "# A",
        code("import os, sys\nx = 1\nprint(sys.executable)\nprint(os.getcwd())"),
        code(f"for name in {names}: print(os.environ[name])"),
    )
    second = save(tmp_path / "b.ipynb", code("'x' in globals()"), code("2"))
    before = first.read_bytes()
    done = []
    one, two = execute_notebooks(
        [first, second], on_done=lambda path, seconds: done.append((path, seconds))
    )
    assert one.cells[1].outputs[0].text.split() == [sys.executable, str(tmp_path)]
    values = one.cells[2].outputs[0].text.split()
    assert values == ["0", "1", "0", "module://matplotlib_inline.backend_inline"]
    assert two.cells[0].outputs[0].data["text/plain"] == "False"
    assert [cell.execution_count for cell in two.cells] == [1, 2]
    assert {path for path, _ in done} == {first, second}
    assert all(seconds > 0 for _, seconds in done)
    assert first.read_bytes() == before
    assert not kernels()


def failure(path: Path, **options) -> str:
    with pytest.raises(ExportError) as raised:
        execute_notebooks([path], **options)
    assert not kernels()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_failing_cell_is_named_and_ends_the_other_kernels(tmp_path):
    save(tmp_path / "z.ipynb", code("import time; time.sleep(60)"))
    bad = save(tmp_path / "a.ipynb", "text", code("x = 1"), code("x\n1 / 0  # here"))
    start = time.monotonic()
    with pytest.raises(ExportError) as raised:
        execute_notebooks([bad, tmp_path / "z.ipynb"])
    assert str(raised.value) == (
        f"{bad}, cell 3: ZeroDivisionError: division by zero (line 2: 1 / 0  # here)"
    )
    assert time.monotonic() - start < 30
    assert not kernels()


def test_a_syntax_error_and_a_long_message_are_one_line(tmp_path):
    path = save(tmp_path / "a.ipynb", code("def"))
    assert "a.ipynb, cell 1: SyntaxError" in failure(path)
    path = save(tmp_path / "b.ipynb", code("raise ValueError('one\\ntwo')"))
    assert "ValueError: one two" in failure(path)


def test_a_cell_that_hangs_is_given_up(tmp_path):
    path = save(tmp_path / "a.ipynb", code("1"), code("while True: pass"))
    start = time.monotonic()
    message = failure(path, timeout=1)
    assert message == f"{path}, cell 2: still running after 1 s, given up"
    assert time.monotonic() - start < 20


def test_a_kernel_that_dies_is_named(tmp_path):
    path = save(tmp_path / "a.ipynb", code("import os; os._exit(3)"))
    assert failure(path).startswith(f"{path}, cell 1: the kernel died")


def test_a_kernel_that_does_not_start_is_said_in_one_line(tmp_path):
    path = save(tmp_path / "a.ipynb", code("1"))
    # Python looks here first.
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(1)")
    command = [sys.executable, "-m", "export", path, "-o", tmp_path / "w.pdf"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    [said] = done.stderr.splitlines()
    assert said.startswith(f"error: {path}: its kernel did not start: ")


def test_any_other_trouble_is_one_line_too(tmp_path, monkeypatch):
    def breaks(*arguments):
        raise RuntimeError("one\ntwo")

    monkeypatch.setattr("nbclient.NotebookClient.process_message", breaks)
    path = save(tmp_path / "a.ipynb", code("print(1)"))
    assert failure(path) == f"{path}, cell 1: RuntimeError: one two"


def test_a_run_that_is_stopped_before_its_kernel_begins_runs_no_cell(
    tmp_path, monkeypatch
):
    """The kernel of b begins when a has failed already."""
    failed = threading.Event()

    class Late(AsyncKernelManager):
        async def start_kernel(self, **options):
            if Path(self.connection_file).name == "0":
                failed.set()
                raise RuntimeError("no kernel")
            await asyncio.to_thread(failed.wait)
            await asyncio.sleep(0.5)
            await super().start_kernel(**options)

    monkeypatch.setattr("export.run.AsyncKernelManager", Late)
    mark = tmp_path / "ran"
    paths = [
        save(tmp_path / "a.ipynb", code("1")),
        save(tmp_path / "b.ipynb", code(f"open({str(mark)!r}, 'w')")),
    ]
    with pytest.raises(ExportError, match="a.ipynb: its kernel did not start"):
        execute_notebooks(paths)
    assert not mark.exists() and not kernels()


def test_two_notebooks_of_one_name_and_a_long_name_do_not_clash(tmp_path):
    paths = [tmp_path / "x" / "same.ipynb", tmp_path / "y" / "same.ipynb"]
    paths.append(tmp_path / ("n" * 120 + ".ipynb"))  # a socket's path has some 100
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        save(path, code("import os; print(os.getcwd())"))
    for path, done in zip(paths, execute_notebooks(paths)):
        assert done.cells[0].outputs[0].text == f"{path.parent}\n"


def test_a_long_path_to_the_temporary_folder_does_no_harm(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    path = save(tmp_path / "a.ipynb", code("print(6 * 7)"))
    assert execute_notebooks([path])[0].cells[0].outputs[0].text == "42\n"
    assert not list(deep.iterdir())


def test_a_notebook_in_another_language_is_refused(tmp_path):
    made = notebook(code("x <- 1"))
    made.metadata["kernelspec"]["language"] = "R"
    nbformat.write(made, tmp_path / "a.ipynb")
    assert "written for R, not for Python" in failure(tmp_path / "a.ipynb")


def test_cleaning_takes_away_what_differs_from_run_to_run():
    slider = new_output(
        "display_data", data={WIDGET: {"model_id": "0f"}, "text/plain": "A slider."}
    )
    view = new_output("display_data", data={WIDGET: {"model_id": "0f"}},
                      metadata={"role": "view"})
    stand_in = new_output("display_data", data={"text/html": "<b>", "text/plain": "A."},
                          metadata={"role": "widget"})
    warning = stdout("/tmp/ipykernel_15/42.py:1: UserWarning: careful", "stderr")
    shown = slider, view, stand_in, figure("alt"), stdout("kept"), warning
    made = notebook(code("x", *shown))
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    made.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    made.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    identity = made.cells[0].id
    clean(made)
    text = json.dumps(made)
    for word in ("model_id", "widget-state", "3.11.7", "2026-01-01"):
        assert word not in text
    assert made.cells[0].id == identity
    first, other, second, third, fourth = made.cells[0].outputs
    assert other == stand_in
    assert first.data == {"text/plain": "A slider."}
    assert first.metadata == {"role": "widget"}
    kinds = {"image/png", "application/pdf", "image/svg+xml"}
    assert second.data.keys() == kinds
    assert third.text == "kept"
    assert fourth.text == "cell:1: UserWarning: careful"
    assert clean(made) == made
    nbformat.validate(made)


def test_two_runs_give_the_same_notebook(tmp_path):
    path = save(
        tmp_path / "a.ipynb",
        code("import ipywidgets as w\nfrom IPython.display import display"),
        code("display(w.IntSlider(description='x'))\nprint({'a', 'b', 'c'})"),
        code(
            "import matplotlib_inline.backend_inline as inline\n"
            "inline.set_matplotlib_formats('retina', 'pdf')\n"
            "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
        ),
    )
    one, two = (nbformat.writes(execute_notebooks([path])[0]) for _ in range(2))
    assert one == two
    assert sys.executable not in one


SETTINGS = """
import os, sys, warnings
import matplotlib.pyplot as plt
print([what for what, *_ in warnings.filters])
print(__debug__, open(os.devnull).encoding, plt.rcParams["lines.linewidth"])
plt.plot([0, 1], [1, 0]);
"""


@pytest.fixture
def own_settings(tmp_path, monkeypatch):
    """A user whose home is no folder and who has set all that can be set."""
    home = tmp_path / "home"
    home.write_text("no folder")
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "matplotlibrc").write_text("lines.linewidth: 9\naxes.grid: True\n")
    (settings / "startup.py").write_text("print('good morning')\n")
    for name, value in {
        "HOME": home, "MATPLOTLIBRC": settings / "matplotlibrc",
        "PYTHONSTARTUP": settings / "startup.py", "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error", "LC_ALL": "C", "PYTHONUTF8": "0",
        "TMPDIR": tmp_path / "nowhere", "MPLBACKEND": "svg", "OMP_NUM_THREADS": "7",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_the_users_settings_change_nothing(tmp_path, request):
    path = save(tmp_path / "a.ipynb", code(SETTINGS))
    [expected] = execute_notebooks([path])
    request.getfixturevalue("own_settings")
    [found] = execute_notebooks([path])
    assert found.cells == expected.cells
    assert found.cells[0].outputs[0].text.endswith("\nTrue utf-8 1.5\n")


def test_a_ctrl_c_is_heard_between_two_waits(tmp_path, monkeypatch):
    """On Windows a wait without an end would not be interrupted."""
    waits = []

    def waiting(futures, timeout, return_when):
        waits.append(timeout)
        if len(waits) == 2:
            raise KeyboardInterrupt
        return wait(futures, timeout, return_when)

    monkeypatch.setattr(export.run, "wait", waiting)
    with pytest.raises(KeyboardInterrupt):
        execute_notebooks([save(tmp_path / "a.ipynb", code("while True: pass"))])
    assert all(0 < timeout <= 1 for timeout in waits)
