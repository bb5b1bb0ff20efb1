"""nbtypst/run.py: fresh kernels of this interpreter, and every way to fail."""

import json
import os
import re
import sys
from concurrent.futures import wait
from copy import deepcopy
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_output

import nbtypst.run
from nbtypst import ExportError
from nbtypst.run import clean, execute_notebooks
from nbtypst_samples import WIDGET, code, figure, notebook, pdf_of, save, stdout

pytestmark = pytest.mark.export


def kernels() -> list[psutil.Process]:
    """The kernels that this process has started and that still run."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
        and any("ipykernel" in part for part in child.cmdline())
    ]


# ---- What runs -------------------------------------------------------------------

SETTINGS = """
import os, sys, warnings
import matplotlib.pyplot as plt
print([what for what, *_ in warnings.filters])
print(__debug__, open(os.devnull).encoding, plt.rcParams["lines.linewidth"])
print([os.environ[name] for name in (
    "SOURCE_DATE_EPOCH", "TQDM_DISABLE", "PYTHONHASHSEED", "MPLBACKEND", "EXTRA")])
plt.plot([0, 1], [1, 0]);
"""
# Python starts this in place of a kernel, at first with one of the ports taken.
LAUNCHER = """
import json, os, socket, sys
sys.path.remove(os.getcwd())
if os.path.basename(os.getcwd()) == "never":
    open("started", "a").write("x")
    sys.exit(1)
if not os.path.exists("started"):
    open("started", "x")
    with open(sys.argv[sys.argv.index("-f") + 1]) as file:
        port = json.load(file)["shell_port"]
    taken = socket.create_server(("127.0.0.1", port))
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Notebooks, and their outputs after a first run and one with all set otherwise."""
    folder = tmp_path_factory.mktemp("ran")
    elsewhere = folder / "modules"
    paths = {
        name: folder / path for name, path in {
            "a": "a.ipynb", "b": "b.ipynb", "same": "x/same.ipynb",
            "long": "y/" + "n" * 120 + ".ipynb",  # a socket's path: 100 at most
            "port": "z/port.ipynb",
        }.items()
    }  # fmt: skip
    for made in (elsewhere, *(path.parent for path in paths.values())):
        made.mkdir(exist_ok=True)
    (elsewhere / "imported.py").write_text("FROM = 'elsewhere'\n")
    (folder / "z" / "ipykernel_launcher.py").write_text(LAUNCHER)
    save(
        paths["a"], "# A",
        code("import sys, os\nx = 1\nprint(sys.executable)\nprint(os.getcwd())"),
        code(SETTINGS),
        code("import ipywidgets as w\n"
             "w.interact(lambda x: print('x is', x), x=(0, 10));"),
        code("out = w.Output()\nwith out:\n    print('caught')\n    display(3)\nout"),
        code("display(w.IntSlider(description='x'))\nprint({'a', 'b', 'c'})"),
        code("import matplotlib_inline.backend_inline as inline\n"
             "inline.set_matplotlib_formats('retina', 'pdf')\n"
             "plt.plot([1, 2])\nplt.show()"),
    )  # fmt: skip
    save(paths["b"], code("'x' in globals()"), code("import imported; imported.FROM"))
    for name in ("same", "long", "port"):
        save(paths[name], code("import os; print(os.getcwd())"))
    contents = {name: path.read_bytes() for name, path in paths.items()}
    done: list[tuple] = []
    options: dict = {"settings": {"EXTRA": "1"}, "import_from": [elsewhere]}
    *first_paths, port = paths.values()
    first = execute_notebooks(
        first_paths, on_done=lambda *it: done.append(it), **options)
    assert not kernels()
    with pytest.MonkeyPatch.context() as patch:
        _change_all_settings(patch, folder)
        second, over_tcp = execute_notebooks([paths["a"], port], **options)
        assert not kernels() and not any((folder / ("d" * 90)).iterdir())
    assert {name: path.read_bytes() for name, path in paths.items()} == contents
    return paths, dict(zip(paths, [*first, over_tcp])), second, done


def _change_all_settings(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """A user whose home is a file and who has set all that can be set."""
    (folder / "home").write_text("not a folder")
    settings, deep = folder / "settings", folder / ("d" * 90)  # too long for a socket
    kernel = settings / "kernels" / "python3"
    for made in (kernel, deep):
        made.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Not me"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    (settings / "matplotlibrc").write_text("lines.linewidth: 9\naxes.grid: True\n")
    (settings / "startup.py").write_text("print('good morning')\n")
    for name, value in {
        "HOME": folder / "home", "MATPLOTLIBRC": settings / "matplotlibrc",
        "PYTHONSTARTUP": settings / "startup.py", "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error", "LC_ALL": "C", "PYTHONUTF8": "0",
        "TMPDIR": folder / "nowhere", "MPLBACKEND": "svg", "OMP_NUM_THREADS": "7",
        "JUPYTER_PATH": settings, "MPLCONFIGDIR": folder / "home" / "matplotlib",
    }.items():  # fmt: skip
        patch.setenv(name, str(value))
    patch.setattr("tempfile.tempdir", str(deep))


def test_notebooks_run_in_fresh_kernels_of_this_python(ran):
    paths, notebooks, _, done = ran
    one, two = notebooks["a"], notebooks["b"]
    where = [sys.executable, str(paths["a"].parent)]
    assert one.cells[1].outputs[0].text.splitlines() == where
    assert [cell.outputs[0].data["text/plain"] for cell in two.cells] == [
        "False", "'elsewhere'"]  # fmt: skip
    assert [cell.execution_count for cell in two.cells] == [1, 2]
    assert {path for path, _ in done} == {*paths.values()} - {paths["port"]}
    assert all(re.fullmatch(r"\d+\.\d s", how) for _, how in done)
    for name in ("same", "long"):
        text = notebooks[name].cells[0].outputs[0].text
        assert text == f"{paths[name].parent}\n"


def test_a_kernel_whose_port_was_taken_is_started_again(ran):
    paths, notebooks, *_ = ran
    folder = paths["port"].parent
    assert (folder / "started").exists()
    assert notebooks["port"].cells[0].outputs[0].text == f"{folder}\n"


def test_two_runs_are_the_same_under_any_settings(ran):
    _, notebooks, second, _ = ran
    first = notebooks["a"]
    assert first == second and sys.executable not in str(first.metadata)
    lines = first.cells[2].outputs[0].text.splitlines()
    assert lines[1] == "True utf-8 1.5"
    backend = "module://matplotlib_inline.backend_inline"
    assert lines[2] == str(["0", "1", "0", backend, "1"])


def test_what_interact_and_an_output_show_is_run_and_kept(ran):
    """In time: a reply that comes while a widget's text is sent is received."""
    cells = ran[1]["a"].cells
    interactive, caught = cells[3].outputs, cells[4].outputs
    assert interactive[0].metadata.role == caught[0].metadata.role == "widget"
    assert interactive[1].text == "x is 5\n"
    assert [caught[1].text, caught[2].data["text/plain"]] == ["caught\n", "3"]
    assert "aninteractivewidget" in pdf_of(*cells[3:5])[0].text(1)


def test_cleaning_takes_away_what_differs_from_run_to_run():
    def shown(role="", **data):
        data = {kind.replace("_", "/"): value for kind, value in data.items()}
        return new_output("display_data", data, metadata={"role": role} if role else {})

    slider = shown(text_plain="A slider.")
    screen = shown("screen")
    for output in (slider, screen):
        output.data[WIDGET] = {"model_id": "0f"}
    others = [shown("screen", text_markdown="<a id='x'></a>"), figure("alt"),
              shown("widget", text_html="<b>", text_plain="A."), stdout("kept")]
    warning = stdout("/tmp/ipykernel_15/42.py:1: UserWarning: careful", "stderr")
    made = notebook(code("x", slider, screen, *others, warning))
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    made.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    made.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    identity, others = made.cells[0].id, deepcopy(others)
    clean(made)
    for word in ("model_id", "widget-state", "3.11.7", "2026-01-01"):
        assert word not in json.dumps(made)
    first, *rest, last = made.cells[0].outputs
    assert first == shown("widget", text_plain="A slider.") and rest == others
    assert last.text == "cell:1: UserWarning: careful"
    assert made.cells[0].id == identity and clean(made) == made
    nbformat.validate(made)


# ---- What fails ------------------------------------------------------------------


def failure(*paths: Path, **options) -> str:
    with pytest.raises(ExportError) as raised:
        execute_notebooks(paths, **options)
    assert not kernels()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("source, message", [
    ("x\nraise ValueError('one\\ntwo')  # here",
     r"ValueError: one two (line 2: raise ValueError('one\ntwo') # here)"),
    ("def", "SyntaxError: invalid syntax"),
    ("while True: pass", "still running after 1 s, given up"),
    ("import os; os._exit(3)", "the kernel died"),
])  # fmt: skip
def test_a_cell_that_fails_is_named_and_ends_other_kernels(tmp_path, source, message):
    path = save(tmp_path / "a.ipynb", "text", code("x = 1"), code(source))
    other = [save(tmp_path / "z.ipynb", code("while True: pass"))] * ("raise" in source)
    words = failure(path, *other, timeout=600 if other else 1)
    assert words.startswith(f"{path}, cell 3: {message}")


def test_a_kernel_that_does_not_start_is_named(tmp_path, monkeypatch):
    async def start_kernel(self, **options):
        raise RuntimeError("no kernel")

    (tmp_path / "never").mkdir()
    path = save(tmp_path / "never" / "a.ipynb", code("1"))
    path.with_name("ipykernel_launcher.py").write_text(LAUNCHER)
    assert failure(path).startswith(f"{path}: its kernel did not start: ")
    assert path.with_name("started").read_text() == "xxx"  # it was tried again
    monkeypatch.setattr("nbtypst.run.AsyncKernelManager.start_kernel", start_kernel)
    reason = "its kernel did not start: RuntimeError: no kernel"
    assert failure(path) == f"{path}: {reason}"


def test_any_other_trouble_is_one_line_too(tmp_path, monkeypatch):
    def breaks(*arguments):
        raise RuntimeError("one\ntwo")

    monkeypatch.setattr("nbclient.NotebookClient.process_message", breaks)
    path = save(tmp_path / "a.ipynb", code("print(1)"))
    assert failure(path) == f"{path}, cell 1: RuntimeError: one two"


def test_a_notebook_in_another_language_is_refused(tmp_path):
    made = notebook(code("x <- 1"))
    made.metadata["kernelspec"]["language"] = "R"
    nbformat.write(made, tmp_path / "a.ipynb")
    assert "written for R, not for Python" in failure(tmp_path / "a.ipynb")


def test_after_a_failure_no_more_notebooks_run(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    mark = tmp_path / "ran"
    later = save(tmp_path / "a.ipynb", code(f"open({str(mark)!r}, 'w')"))
    message = failure(later, save(tmp_path / "b.ipynb", code("1 / 0")))
    assert "ZeroDivisionError" in message and not mark.exists()


def test_ctrl_c_interrupts_between_two_waits(tmp_path, monkeypatch):
    """On Windows a wait without an end would not be interrupted."""
    waits = []

    def waiting(futures, timeout):
        waits.append(timeout)
        if len(waits) == 2:
            raise KeyboardInterrupt
        return wait(futures, timeout)

    monkeypatch.setattr(nbtypst.run, "wait", waiting)
    with pytest.raises(KeyboardInterrupt):
        execute_notebooks([save(tmp_path / "a.ipynb", code("while True: pass"))])
    assert all(0 < timeout <= 1 for timeout in waits) and not kernels()
