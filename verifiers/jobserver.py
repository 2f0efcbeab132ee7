"""One budget of jobs for a whole run: GNU make's jobserver, which every command and every make below it draws on.

The protocol is make's ("POSIX Jobserver Interaction" in its manual): a pipe holds one byte for each job that may be
started. Each command of ours takes one and is free to run one process at a time; a ``make`` takes more while there are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from collections.abc import Iterator
from typing import Final

_FIRST_FD: Final = 100  # below, configure scripts use numbers of their own
_TOKEN: Final = b"+"
_WAIT: Final = 0.25  # seconds between looks at whether the run is to end


class Jobserver:
    """``jobs`` tokens in a pipe that children inherit.

    A make that is killed takes its tokens along, and one that is hostile may write some of its own. Both are put right
    whenever no command runs; while as many commands run as there are jobs, none is left to be lost.
    """

    def __init__(self, jobs: int, stop: threading.Event | None = None) -> None:
        self._jobs = max(1, jobs)
        self._stop = stop or threading.Event()
        self._running = 0
        self._lock = threading.Lock()
        read, write = os.pipe()
        # high numbers, and never blocking: a make that waits in read() does not hear that its own job has ended
        self._read, self._write = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD) for fd in (read, write))
        os.close(read)
        os.close(write)
        self._restore()

    def close(self) -> None:
        """Close the pipe; nothing may be running."""
        os.close(self._read)
        os.close(self._write)

    @property
    def fds(self) -> tuple[int, int]:
        """The pipe's ends, for a child to inherit under the same numbers."""
        return self._read, self._write

    @property
    def makeflags(self) -> str:
        """The value of MAKEFLAGS with which a make that inherits ``fds`` draws on the pipe."""
        return f" -j{self._jobs} --jobserver-auth={self._read},{self._write}"

    @contextlib.contextmanager
    def job(self, *, all_free: bool = False) -> Iterator[int]:
        """Wait for a token and hold it; at once where the run is to end, for nothing will be started then.

        With ``all_free`` hold all others that nobody has, too: for a program that runs several processes at once, and
        knows of no jobserver. Yields how many are held, 1 at least.
        """
        taken = self._take()
        more = self._take_more() if taken and all_free else 0
        try:
            yield 1 + more
        finally:
            with self._lock:
                self._running -= taken
                if taken:
                    self._give(1 + more)
                if self._running == 0:
                    self._restore()

    def _take(self) -> bool:
        while not self._stop.is_set():
            select.select([self._read], [], [], _WAIT)
            with self._lock:
                if not self._get(1):
                    continue  # another was quicker
                self._running += 1
                return True
        return False

    def _take_more(self) -> int:
        return self._get(self._jobs - 1) if self._jobs > 1 else 0

    def _restore(self) -> None:
        while self._get(4096):
            pass
        self._give(self._jobs)

    def _get(self, most: int) -> int:
        os.set_blocking(self._read, False)  # whoever has the pipe can have undone that
        try:
            return len(os.read(self._read, most))
        except BlockingIOError:
            return 0

    def _give(self, count: int) -> None:
        os.set_blocking(self._write, False)
        with contextlib.suppress(BlockingIOError):  # it was filled to the brim
            os.write(self._write, _TOKEN * count)
