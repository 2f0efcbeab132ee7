"""Runs a process tree under the guard: copies its output, watches its bounds, ends all of it, and measures it.

The measure: wall time here; CPU time and the largest process from the guard, which waits for every process of the
tree, orphans included. A process that ignores SIGCHLD hides its children from that, so a control group's own count is
used where there is one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from verifiers.cgroup import Group
from verifiers.diskwatch import DiskWatch
from verifiers.errors import InfrastructureError
from verifiers.files import no_room
from verifiers.limits import Completed, Limits
from verifiers.results import Reason, Usage

_DISK_EVERY: Final = 0.25  # seconds between two looks at the disk
_PATIENCE: Final = 10.0  # seconds for the guard to end everything before it is killed itself
_CHUNK: Final = 1 << 20
_SET_PIPE_SIZE: Final = 1031  # F_SETPIPE_SZ of fcntl(2)

_interrupted = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


def interrupt() -> None:
    """Ends every run of this process, in whatever thread, and lets none start: each returns ``INTERRUPTED``."""
    os.eventfd_write(_interrupted, 1)


def resume() -> None:
    """Takes ``interrupt`` back."""
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(_interrupted)


def is_interrupted() -> bool:
    """Whether ``interrupt`` was called, or a run met ctrl-C."""
    return bool(select.select([_interrupted], [], [], 0)[0])


class SandboxFailed(InfrastructureError):
    """The sandbox could not be set up, so nothing of the command ran."""

    reason = Reason.SANDBOX
    msg = "the sandbox cannot be had here: {detail}; {next}"


@dataclass(frozen=True)
class Job:
    """A command and the way to it: ``prefix`` (bwrap and its options) starts ``guard``, which starts ``argv``."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    guard: Path  # on the host
    inner_guard: str  # as seen behind the prefix
    prefix: Sequence[str] = ()  # starts with an absolute path
    uid: int | None = None  # to become, by the guard
    fds: Sequence[int] = ()  # to pass on
    binfmt: str = ""  # the line that makes the kernel start another machine's programs in there
    hint: str = "run with --sandbox none to go without"  # the next step where this machine does not permit it


@dataclass
class _Output:
    """Copies what a run says, up to a number of bytes, and notes why it cannot go on."""

    files: dict[int, BinaryIO | int]  # pipe -> where to
    room: int
    head: bytes = b""  # its first words: bwrap's own complaint, if it makes one
    stopped: Reason | None = None
    detail: str = ""
    _limit: int = field(init=False)

    def __post_init__(self) -> None:
        self._limit = self.room

    def copy(self, pipe: int) -> bool:
        """One piece from a readable pipe; False at its end."""
        try:
            data = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return True
        if len(self.head) < 4096:
            self.head += data[:4096]
        if data and not self.stopped:
            if len(data) > self.room:
                self.stopped = Reason.OUTPUT_LIMIT
                self.detail = f"it wrote more than {self._limit} bytes of output"
                note = f"\n[ccverify: {self.detail}; stopped]\n"
                self._write(pipe, data[: self.room] + note.encode())
            else:
                self._write(pipe, data)
            self.room -= len(data)
        return bool(data)

    def _write(self, pipe: int, data: bytes) -> None:
        target = self.files[pipe]
        try:
            if isinstance(target, int):
                view = memoryview(data)
                while view:
                    view = view[os.write(target, view) :]
            else:
                target.write(data)
        except OSError as error:
            self.stopped = Reason.DISK_FULL if no_room(error) else Reason.INTERNAL
            self.detail = f"cannot write the log: {error.strerror}"


def _descriptor(log: BinaryIO) -> BinaryIO | int:
    """The log's own descriptor, so that a full disk shows here and not when a buffer is flushed; else the object."""
    try:
        log.flush()
        return log.fileno()
    except (OSError, ValueError, AttributeError):
        return log


def run(job: Job, *, log: BinaryIO, limits: Limits, folder: Path, group: Group, stdout: int | None = None) -> Completed:
    """Runs ``job`` to its end or a limit; nothing of it is left when this returns.

    ``folder`` is the one whose disk is watched; ``group`` the control group to run in, possibly an empty one (its
    removal is the caller's); ``stdout`` a descriptor for the command's stdout, which else goes to ``log`` as stderr
    does. Raises ``SandboxFailed`` when the command was never started. Ctrl-C is a result, not an exception.
    """
    if is_interrupted():
        return Completed(None, None, Usage(), Reason.INTERRUPTED, "interrupted")
    try:
        return _Run(job, log, limits, folder, group, stdout).run()
    except KeyboardInterrupt:  # in the moments around the watching
        interrupt()
        return Completed(None, None, Usage(), Reason.INTERRUPTED, "interrupted")


class _Run:
    """One run's descriptors and state."""

    def __init__(self, job: Job, log: BinaryIO, limits: Limits, folder: Path, group: Group, stdout: int | None) -> None:
        self.job, self.limits, self.group = job, limits, group
        self.open: set[int] = set()
        self.said, said = self._pipe()
        self.ours = {said}  # the ends that only the child keeps
        files: dict[int, BinaryIO | int] = {self.said: _descriptor(log)}
        self.child_out = said
        if stdout is not None:
            read, self.child_out = self._pipe()
            self.ours.add(self.child_out)
            files[read] = stdout
        self.child_err = said
        self.output = _Output(files, limits.log)
        self.report, self.child_report = self._pipe()
        self.child_control, self.control = self._pipe()
        self.child_env, self.env = self._pipe()
        self.ours |= {self.child_report, self.child_control, self.child_env}
        self.disk = DiskWatch(folder, limits.disk)
        self.stopped: Reason | None = None
        self.detail = ""
        self.reported = b""

    def run(self) -> Completed:
        process: subprocess.Popen[bytes] | None = None
        started = time.monotonic()
        try:
            process = self._start()
            self._watch(process, started)
        finally:
            for fd in list(self.open):  # the control pipe closed, the guard ends everything; mostly it has
                self._close(fd)
            if process is not None:
                _reap(process)
            self.group.kill()
        return self._completed(time.monotonic() - started)

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self.open.update(ends)
        return ends

    def _close(self, fd: int) -> None:
        if fd in self.open:
            self.open.remove(fd)
            os.close(fd)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*self.job.prefix, self.job.inner_guard]
        for flag, fd in (("-c", self.child_control), ("-r", self.child_report), ("-e", self.child_env)):
            command += [flag, str(fd)]
        if self.job.uid is not None:
            command += ["-u", str(self.job.uid)]
        for name, value in self._rlimits().items():
            command += ["-l", f"{name}={value}"]
        if self.job.binfmt:
            command += ["-b", self.job.binfmt]
        command += ["-d", self.job.cwd, "--", *self.job.argv]
        if self.group.join:
            joins = [word for file in self.group.join for word in ("-j", str(file))]
            command = [str(self.job.guard), *joins, "--", *command]
        for pipe in self.output.files:
            with contextlib.suppress(OSError):  # fewer wake-ups; refused when the user has many pipes
                _grow(pipe)
        environment = b"".join(os.fsencode(f"{key}={value}") + b"\0" for key, value in self.job.env.items())
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.child_out,
            stderr=self.child_err,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            pass_fds=(self.child_control, self.child_report, self.child_env, *self.job.fds),
            start_new_session=True,  # ctrl-C is for us, and then by our hand
        )
        for fd in self.ours:
            self._close(fd)
        self._send(environment)
        return process

    def _send(self, environment: bytes) -> None:
        try:
            view = memoryview(environment)
            while view:
                view = view[os.write(self.env, view) :]
        except BrokenPipeError:
            pass  # the sandbox was never set up; the watch says why
        self._close(self.env)

    def _rlimits(self) -> dict[str, int]:
        wanted = {"core": 0, "file": self.limits.file}
        if not self.group.has_memory:
            wanted["data"] = self.limits.memory
        if not self.group.has_pids:
            wanted["processes"] = self.limits.processes
        return wanted

    def _watch(self, process: subprocess.Popen[bytes], started: float) -> None:
        deadline, next_look = started + self.limits.seconds, started + _DISK_EVERY
        poll = select.poll()
        for fd in (*self.output.files, self.report, _interrupted):
            poll.register(fd, select.POLLIN)
        ended = False
        while not ended:
            try:
                now = time.monotonic()
                until = deadline if self.stopped else min(deadline, next_look)
                for fd, _ in poll.poll(max(0.0, until - now) * 1000 + 1):
                    if fd in self.output.files:
                        if not self.output.copy(fd):
                            poll.unregister(fd)
                    elif fd == self.report:
                        data = os.read(fd, 4096)
                        self.reported += data
                        ended = not data
                    else:
                        self._stop(Reason.INTERRUPTED, "interrupted")
                        poll.unregister(fd)
                if self.output.stopped:
                    self._stop(self.output.stopped, self.output.detail)
                now = time.monotonic()
                if now >= deadline:
                    if self.stopped:
                        process.kill()  # the guard had its time; it dies with bwrap, and all with it
                        deadline = now + _PATIENCE
                    else:
                        self._stop(Reason.STEP_TIMEOUT, f"it took longer than {self.limits.seconds:g} s")
                if self.stopped and self._patience is not None:
                    deadline, self._patience = now + self._patience, None
                if now >= next_look and not self.stopped:
                    if why := self.disk.look():
                        self._stop(Reason.DISK_FULL, why)
                    next_look = now + _DISK_EVERY
            except KeyboardInterrupt:
                interrupt()
        self._drain()

    _patience: float | None = _PATIENCE

    def _stop(self, reason: Reason, detail: str) -> None:
        """The first reason counts; closing the control pipe is what ends the run."""
        if not self.stopped:
            self.stopped, self.detail = reason, detail
            self._close(self.control)

    def _drain(self) -> None:
        """What is still in the pipes, without waiting for an end that a survivor could hold back."""
        for pipe in self.output.files:
            os.set_blocking(pipe, False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(64):
                    if not select.select([pipe], [], [], 0)[0] or not self.output.copy(pipe):
                        break
        if self.output.stopped:
            self.stopped = self.stopped or self.output.stopped
            self.detail = self.detail or self.output.detail

    def _completed(self, seconds: float) -> Completed:
        lines = self.reported.splitlines()
        if not self.stopped and (lines[:1] != [b"started"] or b"failed" in lines):
            why = _complaint(self.output.head)
            denied = "namespace" in why or "permi" in why.lower()
            raise SandboxFailed(detail=why, next=self.job.hint if denied else "run with --sandbox none to go without")
        words = lines[-1].split() if lines else []
        if len(words) != 5:  # the guard itself was killed, by us after its time or by somebody else
            words = [b"signal", b"9", b"0", b"0", b"0"]
        number, user, system, peak = (int(word) for word in words[1:])
        cpu = max((user + system) / 1e6, self.group.cpu_seconds())
        usage = Usage(seconds=seconds, cpu_seconds=cpu, peak_kib=peak)
        killed = self.group.oom_kills()
        stopped, detail = self.stopped, self.detail
        if stopped is None and (words[0] == b"signal" or number != 0) and (why := self.disk.look()):
            stopped, detail = Reason.DISK_FULL, why
        if killed and not stopped:
            many = "process" if killed == 1 else "processes"
            detail = f"memory: {killed} {many} killed at the limit of {self.limits.memory >> 20} MiB"
        if stopped:
            return Completed(None, None, usage, stopped, detail, killed)
        if words[0] == b"signal":
            return Completed(None, number, usage, None, detail, killed)
        return Completed(number, None, usage, None, detail, killed)


def _grow(pipe: int) -> None:
    fcntl.fcntl(pipe, _SET_PIPE_SIZE, _CHUNK)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Waits for the started process, which is at its end; kills it when it is not."""
    while True:
        try:
            process.wait(timeout=_PATIENCE)
            return
        except subprocess.TimeoutExpired:
            process.kill()
        except KeyboardInterrupt:
            interrupt()


def _complaint(head: bytes) -> str:
    lines = [line.strip() for line in head.decode(errors="replace").splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith(("bwrap:", "ccverify:"))]
    return (ours or lines[-1:] or ["no reason given"])[0]
