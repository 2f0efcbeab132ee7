"""Compiles the driver once, with the oracle, and puts it where builds look for compilers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from verifiers.errors import InfrastructureError

SOURCE = Path(__file__).with_name("driver.c")
FLAGS = ("-std=gnu11", "-O2", "-s")
STATIC = ("-static", "-no-pie")  # half the start-up; not every system has a static libc


class DriverNotBuilt(InfrastructureError):
    """The oracle cannot compile the driver."""

    msg = "cannot compile the driver with {compiler}: {detail}; `verify doctor` names the packages that are missing"


def build_driver(cc: Sequence[str], cache: Path, *, conf: str | None = None) -> Path:
    """The compiled driver, from ``cache`` if this source and this compiler made one before; safe for two runs at once.

    ``conf`` is where a driver bound over a compiler proper finds its configuration (default ``/ccverify/driver.conf``).
    """
    flags = (*FLAGS, *((f'-DCONF="{conf}"',) if conf else ()))
    key = hashlib.sha256()
    sources = (SOURCE, *sorted(SOURCE.parent.glob("*.h")))
    words = (os.fsencode(word) for word in (*cc, *flags, *STATIC))
    for part in (*(path.read_bytes() for path in sources), _version(cc), *words):
        key.update(len(part).to_bytes(8, "big") + part)
    binary = cache / f"driver-{key.hexdigest()[:32]}"
    if binary.exists():
        return binary
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".driver-", dir=cache) as folder:  # renamed from here: never half-written
            made = Path(folder) / "driver"
            try:
                _run([*cc, *flags, *STATIC, "-o", str(made), str(SOURCE)])
            except DriverNotBuilt:
                _run([*cc, *flags, "-o", str(made), str(SOURCE)])
            made.chmod(0o755)
            os.replace(made, binary)
    except OSError as error:
        raise DriverNotBuilt(compiler=cc[0], detail=str(error)) from error
    return binary


def install(tree: Path, binary: Path, names: Iterable[str], others: Iterable[str] = ()) -> None:
    """Puts the driver into ``tree`` as bin/cc, host-cc and oracle-cc, and links every name in fallback/ to it.

    ``others`` are arches beside the target that there is an oracle for, as oracle-cc-ARCH.
    """
    for folder in ("bin", "fallback"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for name in ("cc", "host-cc", "oracle-cc", *(f"oracle-cc-{other}" for other in others)):
        _place(binary, tree / "bin" / name)
    for name in names:
        link = tree / "fallback" / name
        link.unlink(missing_ok=True)
        link.symlink_to("../bin/cc")


def _place(binary: Path, target: Path) -> None:
    """A copy, not a link: what a build does to its bin/cc must not reach the cached one."""
    target.unlink(missing_ok=True)
    shutil.copyfile(binary, target)
    target.chmod(0o755)


def _version(cc: Sequence[str]) -> bytes:
    return _run([*cc, "--version"])


def _run(argv: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True)
    except subprocess.CalledProcessError as error:
        messages = error.stderr.decode(errors="replace").splitlines()
        fallback = messages[0] if messages else f"exit {error.returncode}"
        detail = next((line for line in messages if "error" in line), fallback)
        raise DriverNotBuilt(compiler=argv[0], detail=detail) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DriverNotBuilt(compiler=argv[0], detail=str(error)) from error
    return done.stdout
