"""Run notebooks in fresh kernels, several at a time."""

import asyncio
import atexit
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from math import ceil
from pathlib import Path
from types import MappingProxyType

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from traitlets import Type

from nbtypst.errors import ExportError
from nbtypst.kept import KeptRuns
from nbtypst.read import join_streams, read_notebook
from nbtypst.widgets import WIDGET, unfold

# After the notebook's folder, modules come from these folders, wherever else they are
# installed.
_IMPORT_FROM = """
import sys
at = sys.path.index("") + 1
sys.path[at:at] = {folders!r}
del at, sys
"""
_TRACE = """
import os
from nbtypst.trace import Trace
Trace(os.environ["NBTYPST_LOG"])
del os, Trace
"""
_KEPT = {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX"}


def execute_notebooks(
    paths: Sequence[Path],
    *,
    timeout: float = 600,
    on_done: Callable[[Path, str], None] = lambda path, how: None,
    settings: Mapping[str, str] = MappingProxyType({}),
    import_from: Sequence[Path] = (),
    kept: KeptRuns | None = None,
    fresh: bool = True,
) -> list[NotebookNode]:
    """Execute each notebook in a fresh kernel and return them in the same order.

    As many run at once as there are cores, the longest first as far as that is known,
    or else the last ones. The files themselves stay as they are; what is returned has
    been through `clean`.

    Parameters
    ----------
    timeout : seconds that one cell may take, and its output to arrive
    on_done : called as each notebook finishes, with its path and how long that took, or
        when it ran
    settings : more environment variables for the kernels
    import_from : folders of modules, after each notebook's own
    kept : runs of before, to which those of now are added
    fresh : whether all are run, even if a kept run is still right

    Raises
    ------
    ExportError : at the first failure, after ending all kernels
    """
    runs = [_Run(Path(path), timeout, on_done, kept) for path in paths]
    waiting = runs[::-1]
    if kept:
        waiting = [run for run in runs if fresh or not run.is_taken_from_kept()][::-1]
        waiting.sort(key=lambda run: -kept.seconds(run.path))
    stopped = threading.Event()
    # A thread of its own: in the main one, nbclient would catch signals in its way.
    with tempfile.TemporaryDirectory(prefix="kernels-") as scratch:
        trace = _TRACE if kept else ""
        environment = _environment(scratch, import_from, trace) | dict(settings)
        with ThreadPoolExecutor(1) as pool:
            finished = pool.submit(_run_in_loop, waiting, environment, stopped)
            try:
                while not wait([finished], timeout=0.5).done:
                    pass  # and hear a Ctrl-C, on Windows too
            finally:
                stopped.set()
            finished.result()
    return [run.notebook for run in runs]


def clean(notebook: NotebookNode) -> NotebookNode:
    """Take away, in place, what differs from run to run or from machine to machine.

    Widget models die with their kernel: their place is taken by the sentence that
    the widget carries as plain text, marked with the metadata `role: widget`, and by
    what it shows. A widget with the role `screen`, next to an output that says the same
    on paper, goes altogether.
    """
    unfold(notebook)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    language = notebook.metadata.setdefault("language_info", {"name": "python"})
    for detail in ("version", "nbconvert_exporter"):
        language.pop(detail, None)
    # What a warning calls a cell: a file whose name has the kernel's number in it.
    folder = re.escape(os.path.join(tempfile.gettempdir(), "ipykernel_"))  # noqa: PTH118
    cell_file = re.compile(rf"{folder}\d+[/\\]\d+\.py")
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        outputs = []
        for output in cell.get("outputs", []):
            if output.get("data", {}).pop(WIDGET, None):
                if output.metadata.get("role") == "screen":
                    continue
                output.data.setdefault("text/plain", "")
                output.metadata["role"] = "widget"
            if output.output_type == "stream":
                output.text = cell_file.sub("cell", output.text)
            outputs.append(output)
        if "outputs" in cell:
            cell.outputs = join_streams(outputs)
    return notebook


class _ShellChannel(AsyncZMQSocketChannel):
    """Hears the reply to a cell that comes while it sends what a widget has printed.

    Its base sends past its own socket, which then takes no notice of what has come in:
    a cell with an Output or an interact would go on until its time is up. Needed as
    long as github.com/jupyter/jupyter_client/pull/1059 is open (8.10.0 lacks it).
    """

    def send(self, msg: dict) -> None:
        """Send a message to the kernel."""
        self.socket.send_multipart(self.session.serialize(msg))


class _Client(AsyncKernelClient):
    shell_channel_class = Type(_ShellChannel)


class _Run:
    """One notebook on its way through a kernel."""

    def __init__(
        self, path: Path, timeout: float, on_done: Callable, kept: KeptRuns | None
    ) -> None:
        self.path, self.timeout, self.on_done, self.kept = path, timeout, on_done, kept
        self.changed = ""  # since the run that is kept
        self.notebook = read_notebook(path)
        self.cell_index: int | None = None
        kernel = self.notebook.metadata.get("kernelspec", {})
        if (language := kernel.get("language", "python")) != "python":
            raise ExportError(f"{path}: written for {language}, not for Python")

    def is_taken_from_kept(self) -> bool:
        """Take the outputs of a kept run, if one is still right."""
        assert self.kept
        when, self.changed = self.kept.find(self.path, self.notebook)
        if when:
            self.on_done(self.path, f"kept from {when}")
        return bool(when)

    async def execute(self, environment: dict[str, str], gate: asyncio.Semaphore):
        async with gate:
            start = time.time()
            scratch = environment["IPYTHONDIR"]
            log = Path(scratch, f"{id(self)}.log")
            environment = environment | {"NBTYPST_LOG": str(log)}
            client = NotebookClient(
                self.notebook,
                km=AsyncKernelManager(
                    client_factory=_Client,
                    kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # this one's
                    connection_file=str(Path(scratch, str(id(self)))),
                    transport=_transport(scratch),
                    transport_encryption="auto",  # where that is TCP
                ),
                timeout=ceil(self.timeout),
                iopub_timeout=ceil(self.timeout),
                raise_on_iopub_timeout=True,
                record_timing=False,
                shutdown_kernel="immediate",
                shell_timeout_interval=1,  # seconds until the death of one is noticed
                resources={"metadata": {"path": str(self.path.parent.resolve())}},
                on_cell_start=self._remember,
            )
            try:
                await client.async_execute(env=environment, cleanup_kc=True)
            except Exception as error:
                raise ExportError(self._explain(error)) from None
            finally:
                if client.kc or (client.km and client.km.has_kernel):  # still starting
                    await client._async_cleanup_kernel()
                # It would complain at exit of a kernel that never started.
                atexit.unregister(client._cleanup_kernel)
            clean(self.notebook)
            how = f"{time.time() - start:.1f} s"
            if self.kept:
                why = self.kept.keep(self.path, self.notebook, log, start)
                self.changed = f"not kept: {why}" if why else self.changed
            self.on_done(self.path, f"{how} ({self.changed})" if self.changed else how)

    def _remember(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell_index = cell_index

    def _explain(self, error: Exception) -> str:
        where = str(self.path)
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if self.cell_index is None:
            return f"{where}: its kernel did not start: {message}"
        where += f", cell {self.cell_index + 1}"
        if isinstance(error, CellExecutionError):
            return f"{where}: {_failing_line(error)}"
        if isinstance(error, CellTimeoutError):
            late = "its output did not arrive" if "IOPub" in str(error) else "running"
            return f"{where}: still {late} after {self.timeout:g} s, given up"
        if isinstance(error, DeadKernelError):
            return f"{where}: the kernel died (out of memory?)"
        return f"{where}: {message}"


def _run_in_loop(
    runs: Sequence[_Run], environment: dict[str, str], stopped: threading.Event
) -> None:
    """Execute all, until one fails or the event is set; then all kernels are ended."""
    async def execute_all() -> None:
        gate = asyncio.Semaphore(max(1, min(len(runs), _cores())))
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(run.execute(environment, gate))

    async def supervise() -> None:
        task = asyncio.ensure_future(execute_all())
        while not task.done() and not stopped.is_set():
            await asyncio.wait([task], timeout=0.2)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            raise error.exceptions[0] if isinstance(error, ExceptionGroup) else error

    # ZeroMQ waits for sockets, which Windows' own kind of loop cannot.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(supervise())


def _failing_line(error: CellExecutionError) -> str:
    """`ValueError: the message`, with the cell's line where the traceback has it."""
    message = " ".join(strip_ansi(f"{error.ename}: {error.evalue}").split())
    arrows = re.findall(r"^-+> *(\d+) (.*)$", strip_ansi(error.traceback), re.MULTILINE)
    where = f" (line {arrows[0][0]}: {arrows[0][1].strip()})" if arrows else ""
    return message + where


def _cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS or Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _transport(scratch: str) -> str:
    """Sockets in a folder of ours, where there are any and its path fits into one.

    Others could reach a TCP port.
    """
    return "ipc" if os.name == "posix" and len(scratch) < 80 else "tcp"


def _environment(
    scratch: str, import_from: Sequence[Path], trace: str
) -> dict[str, str]:
    """The kernels' environment: the same results everywhere, no user's settings."""
    Path(scratch, "matplotlibrc").touch()  # an empty one, in place of the user's
    startup = Path(scratch, "profile_default", "startup")
    startup.mkdir(parents=True)
    folders = [str(folder.resolve()) for folder in import_from]
    imports = _IMPORT_FROM.format(folders=folders)
    (startup / "imports.py").write_text(imports + trace, encoding="utf-8")
    one_thread = "1"  # two kernels share the cores; and sums stay in one order
    settings = {
        "IPYTHONDIR": scratch,
        "JUPYTER_RUNTIME_DIR": scratch,
        "MATPLOTLIBRC": str(Path(scratch, "matplotlibrc")),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": one_thread,
        "OPENBLAS_NUM_THREADS": one_thread,
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "SOURCE_DATE_EPOCH": "0",
        "TQDM_DISABLE": "1",
    }
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 # which fails without one
    if not (home.is_dir() and os.access(home, os.W_OK)):  # caches need one
        settings |= {"HOME": scratch, "USERPROFILE": scratch}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") or name in _KEPT
    }
    return kept | settings
