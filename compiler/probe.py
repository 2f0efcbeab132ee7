"""Runs a candidate to ask it something: never as root, never for long, never with much output."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from verifiers.limits import SANDBOX_UID

# argv -> (exit status, stdout and stderr together). 124: it took too long; 126, 127: it could not be started;
# 128+N: it died of signal N.
Runner = Callable[[Sequence[str]], tuple[int, str]]

TOOK_TOO_LONG, CANNOT_START, NOT_FOUND = 124, 126, 127
SECONDS = 15.0  # for one question; of wall time, so there is room for a busy machine
KEEP = 256 * 1024  # bytes of an answer; whoever says more is stopped
_LIMITS = ("--nproc=2048", "--fsize=268435456", "--data=4294967296", "--core=0", "--cpu=20")


def unprivileged(environ: Mapping[str, str] | None = None, seconds: float = SECONDS) -> Runner:
    """The plain runner: in an empty folder of its own; as root, under the uid that candidates run as."""
    extra = dict(environ or {})
    return lambda argv: _run(argv, extra, seconds)


def _run(argv: Sequence[str], extra: Mapping[str, str], seconds: float) -> tuple[int, str]:
    root = os.geteuid() == 0
    # As root, TMPDIR may lie in a folder that the unprivileged user cannot enter.
    with tempfile.TemporaryDirectory(
        prefix="ccverify-", dir="/tmp" if root else None, ignore_cleanup_errors=True
    ) as own:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": own, "TMPDIR": own, "LC_ALL": "C", **extra}
        # prlimit, not preexec_fn: that is not safe where other threads run.
        prlimit = shutil.which("prlimit")
        command = [prlimit, *_LIMITS, "--", *argv] if prlimit else list(argv)
        user: dict[str, object] = {}
        if root:
            os.chown(own, SANDBOX_UID, SANDBOX_UID)
            user = {"user": SANDBOX_UID, "group": SANDBOX_UID, "extra_groups": []}
        try:
            process = subprocess.Popen(  # type: ignore[call-overload]
                command,
                cwd=own,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **user,
            )
        except FileNotFoundError as error:
            return NOT_FOUND, str(error)
        except OSError as error:
            return CANNOT_START, str(error)
        return _listen(process, time.monotonic() + seconds)


def _listen(process: subprocess.Popen[bytes], until: float) -> tuple[int, str]:
    """Reads until the process ends; its end, not that of the pipe, counts: its children may hold that."""
    assert process.stdout is not None
    pipe, heard, late = process.stdout.fileno(), bytearray(), False
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector, process.stdout:
        selector.register(pipe, selectors.EVENT_READ)
        open_, ended = True, False
        while open_ and len(heard) < KEEP:
            ready = selector.select(0 if ended else 0.05)
            if ready:
                piece = os.read(pipe, 65536)
                heard += piece
                open_ = bool(piece)
            elif ended:
                break
            ended = ended or process.poll() is not None
            if time.monotonic() > until:
                late = True
                break
        if open_ and not ended and not late and len(heard) >= KEEP:
            late = True
        if not late:  # the pipe is closed: the end is near, or it went on without its output
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                late = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    code = TOOK_TOO_LONG if late else process.returncode
    return 128 - code if code < 0 else code, bytes(heard[:KEEP]).decode("utf-8", "replace")
