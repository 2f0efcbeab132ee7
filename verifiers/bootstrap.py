"""Make or mend the virtual environment that ``./verify`` runs in, and print its path.

Run by ``./verify`` as a file of its own, with any Python from 3.11 on and nothing installed: so it imports the standard
library only. Safe against others that do the same at the same time (a lock), and against its own death: the stamp that
``./verify`` looks for is written last, and an environment without it is made anew. A ``.venv`` of somebody else's is
left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

STAMP: Final = "ccverify-pyproject.toml"  # a copy of what was installed; written last
PLACE: Final = "ccverify-at"  # the checkout it is for; written first, and says that it is ours
DEV: Final = "ccverify-dev"  # there when the dev extra was installed

# What a package installer says when the network is at fault, although its last line speaks of versions.
_NETWORK: Final = re.compile(
    r"name resolution|Name or service not known|NewConnectionError|ConnectTimeout|ReadTimeout|Connection refused"
    r"|Network is unreachable|ProxyError|SSLError|Connection reset|Max retries exceeded"
    r"|No matching distribution found for \S+"
)


class Failed(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Take the checkout, its own and the other place for an environment, and ``base`` or ``dev``; print the path."""
    checkout, local, other = (Path(argument) for argument in arguments[:3])
    try:
        with _locked(local, other) as (venv, lock):
            _prepare(checkout, venv, arguments[3] == "dev", lock)
    except Failed as error:
        _say(str(error))
        return 3
    except OSError as error:
        _say(f"cannot make its Python environment: {error.filename or local}: {error.strerror}")
        return 3
    except KeyboardInterrupt:
        return 130
    print(venv)
    return 0


@contextlib.contextmanager
def _locked(local: Path, other: Path) -> Iterator[tuple[Path, IO[str]]]:
    """The place to use, with its lock held: the checkout's own if it can be written and is ours, else the other."""
    venv = local
    try:
        if local.is_dir() and any(local.iterdir()) and not (local / PLACE).exists():
            raise PermissionError
        lock = _lock_file(local).open("a")
    except OSError:
        venv = other
        venv.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock_file(venv).open("a")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another one that prepares {venv}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield venv, lock


def _prepare(checkout: Path, venv: Path, dev: bool, lock: IO[str]) -> None:
    pyproject = (checkout / "pyproject.toml").read_bytes()
    complete = _read(venv / STAMP) is not None and _read(venv / PLACE) == os.fsencode(f"{checkout}\n")
    complete = complete and os.access(venv / "bin/python", os.X_OK) and os.access(venv / "bin/verify", os.R_OK)
    had_dev = complete and (venv / DEV).exists()
    if complete and _read(venv / STAMP) == pyproject and (had_dev or not dev):
        return  # another one was faster
    dev = dev or had_dev
    if complete:
        _say(f"bringing its Python environment up to date ({venv})")
        (venv / STAMP).unlink()  # what is being changed is not complete
    else:
        _say(f"making its Python environment in {venv} (once; takes about a minute)")
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir(parents=True, exist_ok=True)
        (venv / PLACE).write_text(f"{checkout}\n", encoding="utf-8", errors="surrogateescape")
        # The real interpreter: a link that an upgrade turns to another version would leave its packages behind.
        _run([os.path.realpath(sys.executable), "-I", "-m", "venv", str(venv)], venv, lock)
    what = f"{checkout}[dev]" if dev else str(checkout)
    pip = [str(venv / "bin/python"), "-I", "-m", "pip"]
    _run([*pip, "install", "--no-input", "--disable-pip-version-check", "--editable", what], venv, lock)
    if dev:
        (venv / DEV).touch()
    new = venv / f"{STAMP}.new"
    new.write_bytes(pyproject)
    new.replace(venv / STAMP)
    _log_file(venv).unlink(missing_ok=True)


def _run(command: Sequence[str], venv: Path, lock: IO[str]) -> None:
    """Run a step with its output in a log. It holds the lock too: should it outlive us, the next one waits."""
    ours = {
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "VIRTUAL_ENV",
        "PYTHONDONTWRITEBYTECODE",
    }
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    path = _log_file(venv)
    with path.open("wb") as log:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=[lock.fileno()],
            check=False,
        )
    if done.returncode:
        raise Failed(_explain(path, done.returncode))


def _explain(path: Path, status: int) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return f"cannot make its Python environment: the disk is full ({path.parent}); free some and run this again"
    if found := _NETWORK.search(text):
        advice = "check the network and pip's configuration (a proxy, an index), and run this again"
        return f"cannot get the Python packages it needs: {found[0]}; {advice} (log: {path})"
    errors = [line.removeprefix("ERROR: ") for line in lines if re.match(r"ERROR:|error: (?!subprocess)|Error:", line)]
    line = (errors or lines[-1:] or [f"exit status {status}"])[0]
    return f"cannot make its Python environment: {line} (log: {path})"


def _lock_file(venv: Path) -> Path:
    return venv.with_name(venv.name + ".lock")


def _log_file(venv: Path) -> Path:
    return venv.with_name(venv.name + ".log")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _say(line: str) -> None:
    print(f"verify: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
