"""The tasks of this project, for any machine with Python and pip.

python3 make.py demo             load invented data into a real Postgres, and look at them
python3 make.py question 3       answer one of twelve questions from the demo's database; without a number, list them
python3 make.py sql "SELECT 1"   query the demo's database; without a query, list its tables and views
python3 make.py package          make a data package of the same data, with a page to look at
python3 make.py check            run lint and the tests that start no other program: a few minutes
python3 make.py test [...]       run the tests that show that everything works; with --everything, run all tests
python3 make.py lint             check style, types, and the pages of docs/ with their links
python3 make.py docs             make a site of docs/ in build/docs; with --external, try its links to other sites
python3 make.py generate         rewrite the files that are generated from the code
python3 make.py build            build the wheel, and try it in an empty environment
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - for the message
    sys.exit(f"tap-dtm needs Python 3.10 or newer, and this is {sys.version.split()[0]} ({sys.executable}).")

import inspect
import locale
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
# PYTHONDONTWRITEBYTECODE makes Meltano start three times slower. An active environment must not be used here.
ENV = {k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}}
ENV.setdefault("UV_SYSTEM_CERTS", "1")  # like pip: some networks have their own certificates
# Paths, files and pipes are UTF-8 in every locale. uv starts a Python that ignores PYTHONUTF8, so LC_ALL is set, too.
ENV["PYTHONUTF8"] = "1"
if "utf" not in locale.getpreferredencoding(False).lower():  # noqa: FBT003
    ENV["LC_ALL"] = "C.UTF-8"
# The version comes from git or from an archive of git. Only a release needs it, so a plain copy works as well.
ARCHIVED = ROOT / ".git_archival.txt"
if not ((ROOT / ".git").exists() and shutil.which("git")) and (
    not ARCHIVED.exists() or "$Format" in ARCHIVED.read_text("utf-8")
):
    ENV.setdefault("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAP_DTM", "0.0.0")


def main(task: str = "help", *arguments: str) -> None:
    """Run one task, and exit with its exit code."""
    tasks = {f.__name__: f for f in (demo, question, sql, package, check, test, lint, docs, generate, build)}
    if task not in tasks:
        sys.exit(__doc__ if task == "help" else f"make.py: There is no task {task}. `python3 make.py` lists all tasks.")
    try:
        inspect.signature(tasks[task]).bind(*arguments)
    except TypeError:
        sys.exit(
            f"make.py: The task {task} does not take {' '.join(arguments)}. `python3 make.py` shows what it takes."
        )
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the running command, which may clean up
    tasks[task](*arguments)


def demo() -> None:
    """Run the tap with Meltano into an embedded Postgres, then print a first query."""
    python("-m", "demo", explains=True)


def question(*number: str) -> None:
    """Answer one of the twelve questions from the demo's database, or list them."""
    python("-m", "demo", "question", *number, explains=True)


def sql(*statements: str) -> None:
    """Query the demo's database, or list its tables and views."""
    python("-m", "demo", "sql", *statements, explains=True)


def package() -> None:
    """Run the tap with Meltano into a data package."""
    python("-m", "demo", "package", explains=True)


def check(*arguments: str) -> None:
    """Check style and types, and run every test that starts no other program."""
    lint()
    pytest("-m", "not programs and not everything", *arguments)


def test(*arguments: str) -> None:
    """Run the tests that show that everything works; with --everything, also long tests and other environments."""
    if "--everything" in arguments:
        ENV["DTM_TESTS"] = "everything"
        pytest(*(each for each in arguments if each != "--everything"))
    else:
        pytest("-m", "not everything", *arguments)


def pytest(*arguments: str) -> None:
    """Run tests in several processes, which share the work evenly, and name the ten slowest."""
    # Tests also wait for others, so one process more than there are processors keeps these busy.
    processes = min((os.cpu_count() or 1) + 1, 8)
    python("-m", "pytest", "-n", str(processes), "--dist", "worksteal", "--durations", "10", *arguments)


def lint() -> None:
    """Check style, types, the pages of docs/, and that uv.lock matches pyproject.toml."""
    run(uv(), "lock", "--check", "--python", sys.executable)
    python("-m", "ruff", "check")
    python("-m", "ruff", "format", "--check")
    python("-m", "mypy")
    run(executable("lint-imports"), "--no-logo")
    docs()


def docs(*arguments: str) -> None:
    """Make a site of docs/. A broken link is an error. Links to other sites are tried with --external."""
    options = ("--fresh-env", "--fail-on-warning", "--keep-going", "--quiet")
    builder, folder = ("linkcheck", "docs-links") if "--external" in arguments else ("html", "docs")
    python("-m", "sphinx", *options, "--builder", builder, "docs", f"build/{folder}")
    print(f"The pages are in build/{folder}.")


def generate() -> None:
    """Rewrite the files that are generated from the code. Tests fail if they are stale."""
    for path in sorted(ROOT.glob("generate/[!_]*.py")):
        python("-m", f"generate.{path.stem}")


def build() -> None:
    """Build the wheel, install it in an empty environment, and start the tap."""
    with tempfile.TemporaryDirectory() as folder:
        run(uv(), "build", "--quiet", "--python", sys.executable, "--out-dir", folder)
        wheel = next(Path(folder).glob("*.whl"))
        run(uv(), "venv", "--quiet", "--python", sys.executable, f"{folder}/venv")
        run(uv(), "pip", "install", "--quiet", "--python", f"{folder}/venv", wheel)
        run(executable("tap-dtm", Path(folder, "venv")), "--about", cwd=folder)
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in Path(folder).glob("tap_dtm-*"):
            shutil.copy(file, ROOT / "dist")
            print(f"Built dist/{file.name}")


def python(*arguments: str, explains: bool = False) -> None:
    """Update .venv to uv.lock, which takes milliseconds if nothing has changed, and run Python in it."""
    shows_progress = is_watched() and not VENV.exists()
    run(uv(), "sync", *([] if shows_progress else ["--quiet"]), "--python", sys.executable)
    run(executable("python"), *arguments, explains=explains)


def is_watched() -> bool:
    """Return whether standard error is a terminal, so that pip and uv should show their progress."""
    return sys.stderr is not None and sys.stderr.isatty()


def uv() -> Path:
    """Return the path of uv in the version of uv.lock. Install it with pip if it is missing."""
    (version,) = re.findall(r'name = "uv"\nversion = "(.+)"', (ROOT / "uv.lock").read_text("utf-8"))
    folder = ROOT / "build" / f"uv-{version}"
    if not folder.exists():
        print("Setting up for the first time. This takes a minute ...", file=sys.stderr, flush=True)
        # With --target, pip needs neither the venv module nor write access to the system's Python.
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        run(*pip, *([] if is_watched() else ["-qq"]), "--target", folder, f"uv=={version}", stdout=sys.stderr)
    return folder / "bin" / "uv"


def executable(name: str, venv: Path = VENV) -> Path:
    """Return the path of a command in a virtual environment."""
    return venv / ("Scripts" if os.name == "nt" else "bin") / name


def run(*command: str | Path, cwd: str | Path = ROOT, explains: bool = False, stdout: TextIO | None = None) -> None:
    """Run a command. If it fails, exit with its exit code, and print a sentence unless the command explains itself."""
    code = subprocess.run([str(part) for part in command], cwd=cwd, env=ENV, check=False, stdout=stdout).returncode
    if code and not explains:
        print(f"make.py: `{' '.join(map(str, command))}` failed with exit code {code}.", file=sys.stderr)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
