"""Run notebooks in fresh kernels, several at a time."""

import asyncio
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
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

from nbtypst.errors import ExportError, one_line
from nbtypst.read import join_streams, read_notebook
from nbtypst.run_cache import KeptRuns
from nbtypst.widgets import WIDGET, unfold

# In each kernel: after the notebook's folder, modules come from these folders, wherever
# else they are installed.
_STARTUP = """
import os, sys
at = sys.path.index("") + 1
sys.path[at:at] = {folders!r}
if "NBTYPST_LOG" in os.environ:
    __import__("nbtypst.run_trace").run_trace.Trace(os.environ["NBTYPST_LOG"])
del at, os, sys
"""
_SETTINGS = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0",
    "PYTHONUTF8": "1", "TQDM_DISABLE": "1",
    # Two kernels share the cores; and sums are always taken in the same order.
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
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
    kept : earlier runs, to which the new ones are added
    fresh : whether all are run, even if a kept run is still right

    Raises
    ------
    ExportError : at the first failure, after ending all kernels
    """
    runs = [_Run(Path(path), timeout, on_done, kept) for path in paths]
    waiting = runs[::-1]
    if kept:
        waiting = [run for run in waiting if fresh or not run.is_taken_from(kept)]
        waiting.sort(key=lambda run: -kept.seconds(run.path))
    stopped = threading.Event()
    with tempfile.TemporaryDirectory(prefix="kernels-") as scratch, \
            ThreadPoolExecutor(1) as pool:  # the caller's thread may have a loop
        environment = _environment(Path(scratch)) | dict(settings)
        finished = pool.submit(_run_all, waiting, environment, import_from, stopped)
        try:
            while not wait([finished], timeout=0.5).done:
                pass  # and hear a Ctrl-C, on Windows too
        finally:
            stopped.set()
        finished.result()
    return [run.notebook for run in runs]


def clean(notebook: NotebookNode) -> NotebookNode:
    """Remove, in place, what differs from run to run or from machine to machine.

    Widget models end with their kernel. They are replaced by the sentence that the
    widget carries as plain text, marked with the metadata `role: widget`, and by what
    the widget shows.
    """
    unfold(notebook)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3",
    }  # fmt: skip
    language = notebook.metadata.setdefault("language_info", {"name": "python"})
    for detail in ("version", "nbconvert_exporter"):
        language.pop(detail, None)
    # Warnings name a cell by a file whose name contains the kernel's number.
    folder = re.escape(os.path.join(tempfile.gettempdir(), "ipykernel_"))  # noqa: PTH118
    cell_file = re.compile(rf"{folder}\d+[/\\]\d+\.py")
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.get("data", {}).pop(WIDGET, None):
                output.data.setdefault("text/plain", "")
                output.metadata["role"] = "widget"
            if output.output_type == "stream":
                output.text = cell_file.sub("cell", output.text)
        if "outputs" in cell:
            cell.outputs = join_streams(cell.outputs)
    return notebook


class _ShellChannel(AsyncZMQSocketChannel):
    """Receives a cell's reply also if it arrives while a widget's text is being sent.

    Its base class sends past its own socket, which then does not notice incoming
    messages: a cell with an Output or an interact would run into its timeout. Needed as
    long as github.com/jupyter/jupyter_client/pull/1059 is open (8.10.0 lacks it).
    """

    def send(self, msg: dict) -> None:
        """Send a message to the kernel."""
        self.socket.send_multipart(self.session.serialize(msg))


class _KernelClient(AsyncKernelClient):
    shell_channel_class = Type(_ShellChannel)


@dataclass(eq=False)
class _Run:
    """One notebook on its way through a kernel."""

    path: Path
    timeout: float
    on_done: Callable[[Path, str], None]
    kept: KeptRuns | None
    changed: str = ""  # what has changed since the kept run
    cell: int = 0  # the number of the one that runs

    def __post_init__(self) -> None:
        self.notebook = read_notebook(self.path)
        kernel = self.notebook.metadata.get("kernelspec", {})
        if (language := kernel.get("language", "python")) != "python":
            raise ExportError(f"{self.path}: written for {language}, not for Python")

    def is_taken_from(self, kept: KeptRuns) -> bool:
        """Take the outputs of a kept run, if one is still right."""
        when, self.changed = kept.find(self.path, self.notebook)
        if when:
            self.on_done(self.path, f"kept from {when}")
        return bool(when)

    async def execute(self, environment: dict[str, str], startup: str) -> None:
        start = time.time()
        own = Path(environment["IPYTHONDIR"], str(id(self)))
        log = own.with_suffix(".log")
        if self.kept:
            environment = environment | {"NBTYPST_LOG": str(log)}
        seconds = ceil(self.timeout)
        client = NotebookClient(
            self.notebook, timeout=seconds, iopub_timeout=seconds,
            startup_timeout=max(60, seconds),  # of a busy machine, too
            raise_on_iopub_timeout=True, record_timing=False,
            shutdown_kernel="immediate",
            on_cell_start=self._remember,
            shell_timeout_interval=1,  # seconds until the death of one is noticed
            extra_arguments=[f"--IPKernelApp.exec_lines={startup}"],
            resources={"metadata": {"path": str(self.path.parent.resolve())}},
        )  # fmt: skip
        try:
            await _execute(client, own, environment)
        except Exception as error:
            raise ExportError(self._explain(error)) from None
        clean(self.notebook)
        how = f"{time.time() - start:.1f} s"
        if self.kept and (why := self.kept.keep(self.path, self.notebook, log, start)):
            self.changed = f"not kept: {why}"
        self.on_done(self.path, f"{how} ({self.changed})" if self.changed else how)

    def _remember(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell = cell_index + 1

    def _explain(self, error: Exception) -> str:
        """One line with the notebook, the cell, and its line where that is known."""
        where, what = str(self.path), f"{type(error).__name__}: {error}"
        if not self.cell:
            return one_line(f"{where}: its kernel did not start: {what}")
        if isinstance(error, CellExecutionError):
            trace = strip_ansi(error.traceback)
            arrow = re.search(r"^-+> *(\d+) *(.*)$", trace, re.MULTILINE)
            line = f" (line {arrow[1]}: {arrow[2].strip()})" if arrow else ""
            what = strip_ansi(f"{error.ename}: {error.evalue}") + line
        elif isinstance(error, CellTimeoutError):
            late = "its output did not arrive" if "IOPub" in str(error) else "running"
            what = f"still {late} after {self.timeout:g} s, given up"
        elif isinstance(error, DeadKernelError):
            what = "the kernel died (out of memory?)"
        return one_line(f"{where}, cell {self.cell}: {what}", 2_000)


async def _execute(
    client: NotebookClient, file: Path, environment: dict[str, str], retries: int = 2
) -> None:
    """Execute a notebook in a new kernel; if that dies at once, in another one.

    It may have died because its port was taken after it had been chosen.
    """
    # Other users could reach a TCP port; a socket's path has 100 characters.
    sockets = os.name == "posix" and len(str(file.parent)) < 80
    client.km = AsyncKernelManager(
        client_factory=_KernelClient, connection_file=str(file),
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # of this Python
        transport="ipc" if sockets else "tcp", transport_encryption="auto",
    )  # fmt: skip
    try:
        await client.async_start_new_kernel(env=environment)
        await client.async_start_new_kernel_client()
        await client.async_execute(cleanup_kc=False)
    except RuntimeError as error:
        if not retries or "died before" not in str(error):
            raise
        await _execute(client, file, environment, retries - 1)
    finally:
        if client.km and (client.kc or client.km.has_kernel):
            await client._async_cleanup_kernel()


def _run_all(
    runs: Sequence[_Run], environment: dict[str, str], import_from: Sequence[Path],
    stopped: threading.Event,
) -> None:
    """Execute all, until one fails or the event is set; then all kernels are ended."""
    startup = _STARTUP.format(folders=[str(folder.resolve()) for folder in import_from])

    async def execute_all() -> None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS or Windows
        gate = asyncio.Semaphore(len(affinity(0)) if affinity else os.cpu_count() or 1)

        async def execute(run: _Run) -> None:
            async with gate:
                await run.execute(environment, startup)

        async with asyncio.TaskGroup() as group:
            tasks = {group.create_task(execute(run)) for run in runs}
            while tasks and not stopped.is_set():
                _, tasks = await asyncio.wait(tasks, timeout=0.2)
            for task in tasks:
                task.cancel()

    # ZeroMQ waits for sockets, which Windows' own kind of loop cannot.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        try:
            runner.run(execute_all())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None


def _environment(scratch: Path) -> dict[str, str]:
    """Return the kernels' environment, without settings that could change results."""
    (scratch / "matplotlibrc").touch()  # an empty one, in place of the user's
    taken = {name: value for name, value in os.environ.items()
             if not name.startswith("PYTHON") or name in _KEPT}  # fmt: skip
    ours = dict.fromkeys(("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"), str(scratch))
    ours["MATPLOTLIBRC"] = str(scratch / "matplotlibrc")
    ours["TMPDIR"] = tempfile.gettempdir()  # absolute: kernels have other folders
    home = os.path.expanduser("~")  # noqa: PTH111 (Path.home() fails without one)
    caches = {name: taken[name] for name in taken.keys()
              & {"MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}}  # fmt: skip
    for name, folder in {"HOME": home, "USERPROFILE": home, **caches}.items():
        if not (Path(folder).is_dir() and os.access(folder, os.W_OK)):
            ours[name] = str(scratch)
    return taken | _SETTINGS | ours
