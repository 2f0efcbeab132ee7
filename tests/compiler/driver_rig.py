"""A driver installed in a folder of its own, and compilers that misbehave, for the driver's tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from compiler.arches import arch
from compiler.driver import Call, DriverConfig, build_driver, install, read_log

X86_64 = arch("x86_64")
GCC = shutil.which("gcc") or "gcc"
NAMES = ("gcc", "cc", "clang", "tcc", "x86_64-linux-gnu-gcc")
MAIN = "int main(void) { return 0; }\n"


@cache
def driver_binary(conf: str | None = None) -> Path:
    """The driver, compiled once for all tests of this user."""
    return build_driver([GCC], Path(tempfile.gettempdir()) / f"ccverify-test-driver-{os.getuid()}", conf=conf)


class Rig:
    """``work`` is the build's folder, ``tree`` the driver's; runs calls and reads what was logged of them."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.work, self.tools = folder / "tree", folder / "work", folder / "tools"
        for path in (self.tree, self.work, self.tools):
            path.mkdir()
        install(self.tree, driver_binary(), NAMES)
        self.log = self.tree / "units.jsonl"
        self.configure()

    @property
    def cc(self) -> str:
        return str(self.tree / "bin" / "cc")

    def configure(self, **changes: Any) -> None:
        """Writes driver.conf: gcc as candidate and oracle, unless changed."""
        base: dict[str, Any] = {
            "log": str(self.log),
            "root": str(self.work),
            "candidate": (GCC,),
            "oracle": (GCC,),
            "path": "/usr/local/bin:/usr/bin:/bin",
        }
        DriverConfig(**{**base, **changes}).write(self.tree / "driver.conf")

    def saboteur(self, body: str) -> tuple[str, ...]:
        """A compiler that is a shell script; ``$out`` is the word after -o, ``$src`` the last C file."""
        script = self.tools / f"saboteur-{len(list(self.tools.iterdir()))}"
        script.write_text(
            '#!/bin/sh\nout=; src=; take=\nfor a in "$@"; do\n'
            '  if [ -n "$take" ]; then out=$a; take=; fi\n'
            "  case $a in -o) take=1;; *.c) src=$a;; esac\ndone\n" + body + "\n"
        )
        script.chmod(0o755)
        return (str(script),)

    def write(self, name: str, text: str = MAIN) -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(
        self,
        *args: str | bytes,
        program: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
        **more: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """One call, as a build makes it."""
        path = f"{self.tree}/fallback:/usr/local/bin:/usr/bin:/bin"
        return subprocess.run(
            [program or self.cc, *args],
            cwd=cwd or self.work,
            env={"PATH": path, "HOME": "/", **(env or {})},
            capture_output=True,
            timeout=timeout,
            check=False,
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
            **more,
        )

    def calls(self) -> list[Call]:
        return list(read_log(self.log))

    def call(self) -> Call:
        """The one call that was logged."""
        calls = self.calls()
        assert len(calls) == 1, calls
        return calls[0]


def alive(pid: int) -> bool:
    """Whether a process still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
