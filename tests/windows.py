"""Run tests on Windows' own Python 3.11, under Wine: `make windows TESTS="..."`.

It is put together in .windows/ from what PyPI and Debian have. Python's library and its
compiled modules come with the wheel panda3d, its other modules from the Python running
this; the packages are the wheels for Windows that requirements.lock pins. Project and
temporary files are in folders with spaces, an apostrophe and umlauts.

  .venv/bin/python tests/windows.py [ARGUMENT...]   what pytest is given
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
ROOM = PROJECT / ".windows"
PYTHON, PACKAGES = ROOM / "python", ROOM / "python" / "Lib" / "site-packages"
DISK = ROOM / "wine" / "drive_c"
COPY, TEMPORARY = DISK / "Jane's Übung 2", DISK / "temp ö"
PANDA = "panda3d==1.10.16"  # its Python is 3.11.9
COMPILER, DUMP = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-objdump"
ENVIRONMENT = os.environ | {
    "WINEPREFIX": str(ROOM / "wine"), "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree,mshtml=",  # which it offers to install
    "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
TESTS = [f"tests/test_{name}.py" for name in (
    "data", "finite_differences", "export_document", "export_command")]  # fmt: skip

# Wine 8 lacks the complex functions that NumPy calls. Its modules in .windows are given
# a library of ours instead of the system's: a name of the same length.
MATHS, OUR_MATHS = "api-ms-win-crt-math-l1-1-0.dll", "what-wine-lacks-of-mathsl1.dll"
COMPLEX = "c(abs|arg|cosh?|exp|imag|log|pow|real|sinh?|sqrt|tanh?)([fl]?)"


def run(*command: str | Path, **options) -> str:
    """Run a command and return what it prints; end with its complaints if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                          **options)  # fmt: skip
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Set up what is not there, run pytest and return its exit status."""
    missing = [t for t in ("wine", COMPILER, DUMP) if not shutil.which(t)]
    if missing or sys.version_info[:2] != (3, 11):
        print("make windows needs Python 3.11, Wine and MinGW: on Debian, "
              "apt install wine wine64 gcc-mingw-w64-x86-64")  # fmt: skip
        return 1
    stamp = ROOM / "made-from"
    wanted = "".join((PROJECT / name).read_text() for name in (
        "requirements.txt", "requirements.lock", "tests/requirements.txt",
        "tests/windows.py", "tests/windows.c"))  # fmt: skip
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(ROOM, ignore_errors=True)
        python()
        packages()
        what_wine_lacks()
        for name in ("TEMP", "TMP"):
            run("wine", "reg", "add", r"HKCU\Environment", "/f", "/v", name,
                "/d", windows_path(TEMPORARY), env=ENVIRONMENT)  # fmt: skip
        stamp.write_text(wanted)
    copy_project()
    if status := wine(PYTHON / "python.exe", "-m", "pytest", *(arguments or TESTS)):
        return status
    return 0 if arguments else type_the_commands()


def wine(*command: str | Path) -> int:
    """Run a command in the copy, show what it prints and return its exit status."""
    with subprocess.Popen(  # through pipes, as Wine's terminal is not one to Python
        ["wine", *command], cwd=COPY, env=ENVIRONMENT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        process.stdin.close()
        while said := process.stdout.read1():
            print(said.decode("cp1252", "replace"), end="", flush=True)
    return process.returncode


def type_the_commands() -> int:
    """Run README.md's lines for PowerShell on one notebook; return an exit status.

    Left out are those that install something, or do not end.
    """
    for notebook in (COPY / "notebooks").glob("[a-z]_*.ipynb"):
        notebook.unlink()
    (COPY / ".venv").mkdir()
    (COPY / ".venv" / "Scripts").symlink_to(PYTHON)
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^\|.*\| `(.+)` \|$", readme, re.MULTILINE):
        if not re.search("venv .venv|pip|jupyterlab|pytest", line):
            print(f"> {line}", flush=True)
            if wine("cmd", "/c", line) and "learn.check" not in line:  # all is blank
                return 1
    return 0


def windows_path(path: Path) -> str:
    """How a path of the prefix is called within it."""
    return "C:\\" + str(path.relative_to(DISK)).replace("/", "\\")


def python() -> None:
    """Set up Python: its library, compiled modules, modules and python.exe."""
    print("Setting up Python for Windows", flush=True)
    (PYTHON / "DLLs").mkdir(parents=True)
    pip = "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"
    run(sys.executable, *pip, "--platform", "win_amd64", "--dest", ROOM, PANDA)
    [wheel] = ROOM.glob("panda3d-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, file = name.rpartition("/")
            if folder == "deploy_libs" and not file.startswith("api-ms-"):
                place = PYTHON if file == "python311.dll" else PYTHON / "DLLs"
                (place / file).write_bytes(archive.read(name))
    wheel.unlink()
    ignore = shutil.ignore_patterns("site-packages", "test", "config-*", "lib-dynload")
    shutil.copytree(sysconfig.get_path("stdlib"), PYTHON / "Lib", ignore=ignore)
    # This is a class method since 3.11.8, and the library calls it as one.
    module = PYTHON / "Lib" / "importlib" / "metadata" / "__init__.py"
    method = r"(?<!@classmethod\n)    def invalidate_caches\(cls"
    new = re.sub(method, r"    @classmethod\n\g<0>", module.read_text())
    module.write_text(new)
    run(COMPILER, "-municode", "-DPROGRAM", PROJECT / "tests" / "windows.c",
        "-o", PYTHON / "python.exe")  # fmt: skip


def packages() -> None:
    """Install what the project needs, as wheels for Windows."""
    print("Installing its packages", flush=True)
    needed = (PROJECT / "requirements.txt").read_text().splitlines()
    listed = ROOM / "requirements.txt"
    listed.write_text("\n".join(n for n in needed if "editable" not in n))
    run(Path(sys.executable).with_name("uv"), "pip", "install", "--target", PACKAGES,
        "--python-platform", "x86_64-pc-windows-msvc", "--python", sys.executable,
        "--link-mode", "copy", "-r", listed, PROJECT / "nbtypst",
        "-r", PROJECT / "tests" / "requirements.txt",
        "-c", PROJECT / "requirements.lock")  # fmt: skip
    shutil.move(PACKAGES / "share", PYTHON)  # nbconvert's templates, for one


def what_wine_lacks() -> None:
    """Build a library of what Wine lacks, and hands on the rest, under three names."""
    _, _, names = run(DUMP, "-p", PYTHON / "python311.dll").partition("[Ordinal/Name")
    exported = re.findall(r"^\s*\[ *\d+\].* (\w+)$", names, re.MULTILINE)
    lines = ["EXPORTS", "ProcessPrng", *(f"{n}=python311.{n}" for n in exported)]
    used = set()
    for module in (PACKAGES / "numpy").rglob("*.pyd"):
        for imported in run(DUMP, "-p", module).split("DLL Name: "):
            if imported.startswith(MATHS):
                used |= set(re.findall(r"^\t[0-9a-f]+\s+\d+\s+(\w+)", imported, re.M))
        ours = module.read_bytes().replace(MATHS.encode(), OUR_MATHS.encode())
        module.write_bytes(ours)
    for name in sorted(used):
        found = re.fullmatch(COMPLEX, name)
        if not found:
            lines.append(f"{name}=ucrtbase.{name}")
        elif found[2] == "l":  # Windows' long double is a double
            lines.append(f"{name}={name[:-1]}")
        else:
            lines.append(name)  # MinGW's
    (ROOM / "lacks.def").write_text("\n".join(lines))
    for name in (OUR_MATHS, "python3.dll", "bcryptprimitives.dll"):
        run(COMPILER, "-shared", "-static-libgcc", PROJECT / "tests" / "windows.c",
            ROOM / "lacks.def", "-ladvapi32", "-o", PYTHON / name)  # fmt: skip


def copy_project() -> None:
    """Copy what git knows or would add; what is open stays as it was."""
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                cwd=PROJECT).split("\0")  # fmt: skip
    shutil.rmtree(COPY, ignore_errors=True)
    TEMPORARY.mkdir(parents=True, exist_ok=True)
    for name in filter(None, files):
        if (PROJECT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, COPY / name)
    shutil.rmtree(PACKAGES / "nbtypst")
    shutil.copytree(COPY / "nbtypst" / "nbtypst", PACKAGES / "nbtypst")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
