"""A control group for one run: memory and process limits for its whole tree, and its exact CPU time.

Optional: version 1 or 2, whatever part of it this user can write. A group is made below the group that this process
is in itself, so that limits set on us go on to hold. Formats: the kernel's Documentation/admin-guide/cgroup-v1 and
cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PREFIX: Final = "ccverify-"
_counter = itertools.count(1)


def _process_start(pid: int) -> str:
    """The start time in clock ticks, which tells a process from a later one with its number; "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _owner(pid: int) -> str:
    """Names a process for good: its PID namespace, number and start."""
    space = os.stat("/proc/self/ns/pid").st_ino
    return f"{space}-{pid}-{_process_start(pid)}"


@dataclass(frozen=True)
class Parents:
    """The folders in which groups can be made: one for version 2, or one for each controller of version 1."""

    memory: Path | None = None
    pids: Path | None = None
    cpu: Path | None = None
    version: int = 1

    @property
    def folders(self) -> tuple[Path, ...]:
        """Each folder once."""
        return tuple(dict.fromkeys(folder for folder in (self.memory, self.pids, self.cpu) if folder))


@functools.cache
def find_parents(proc: Path = Path("/proc/self")) -> Parents:
    """Where this process can make groups; empty where it cannot."""
    try:
        membership = (proc / "cgroup").read_text().splitlines()
        mounts = (proc / "mountinfo").read_text().splitlines()
    except OSError:
        return Parents()
    own = {}
    for line in membership:
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    places: dict[str, tuple[Path, Path]] = {}  # controller ("" for version 2) -> its mount, our own folder
    for line in mounts:
        left, _, right = line.partition(" - ")
        root, point = left.split()[3:5]
        kind, _, options = right.split()[:3]
        for name in [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []:
            if name in own and name not in places:
                relative = os.path.relpath(own[name], root)
                places[name] = Path(point), Path(point) if relative.startswith("..") else Path(point, relative)
    if "memory" not in places and "pids" not in places and "" in places:
        folder = _second(*places[""])
        return Parents(folder, folder, folder, version=2)
    first = {name: _writable(places[name][1]) for name in ("memory", "pids", "cpuacct") if name in places}
    return Parents(first.get("memory"), first.get("pids"), first.get("cpuacct"))


def _writable(folder: Path) -> Path | None:
    return folder if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK) else None


def _second(mount: Path, own: Path) -> Path | None:
    """Version 2: the nearest group from ours upwards that hands memory and pids on; one with processes in it cannot."""
    for folder in (own, *own.parents):
        with contextlib.suppress(OSError):
            if {"memory", "pids"} <= set((folder / "cgroup.subtree_control").read_text().split()) and _writable(folder):
                return folder
        if folder == mount:
            break
    return None


@dataclass
class Group:
    """One run's group. ``join`` lists the files to which a process writes 0 to be in it."""

    parents: Parents
    name: str
    _folders: list[Path] = field(default_factory=list)

    @classmethod
    def make(cls, memory: int, processes: int, parents: Parents | None = None) -> Group:
        """A new group with limits in bytes and in processes; without any folder where none can be had."""
        group = cls(parents or find_parents(), f"{_PREFIX}{_owner(os.getpid())}-{next(_counter)}")
        for parent in group.parents.folders:
            _sweep(parent)
            with contextlib.suppress(OSError):
                folder = parent / group.name
                folder.mkdir()
                group._folders.append(folder)
        try:
            group._limit(memory, processes)
        except OSError:  # e.g. a read-only part: then rather none than one without its limit
            group.remove()
        return group

    @property
    def join(self) -> tuple[Path, ...]:
        """The lists to enter, one a folder.

        Version 1's ``tasks`` takes a process of one thread without the lock over all of the machine's processes, whose
        grace period costs some 10 ms.
        """
        return tuple(folder / ("tasks" if self.parents.version == 1 else "cgroup.procs") for folder in self._folders)

    @property
    def has_memory(self) -> bool:
        """Whether the whole tree's memory is limited."""
        return self._in(self.parents.memory) is not None

    @property
    def has_pids(self) -> bool:
        """Whether the number of processes is limited."""
        return self._in(self.parents.pids) is not None

    def cpu_seconds(self) -> float:
        """CPU time of everything that ever ran in it; 0 where it is not counted."""
        folder = self._in(self.parents.cpu)
        if not folder:
            return 0.0
        if self.parents.version == 1:
            return int(_read(folder / "cpuacct.usage") or 0) / 1e9
        return _counts(_read(folder / "cpu.stat")).get("usage_usec", 0) / 1e6

    def oom_kills(self) -> int:
        """How many processes the kernel killed at the memory limit."""
        folder = self._in(self.parents.memory)
        if not folder:
            return 0
        text = _read(folder / ("memory.oom_control" if self.parents.version == 1 else "memory.events"))
        return _counts(text).get("oom_kill", 0)

    def refused_forks(self) -> int:
        """How often a new process was refused at the limit."""
        folder = self._in(self.parents.pids)
        return _counts(_read(folder / "pids.events")).get("max", 0) if folder else 0

    def kill(self) -> None:
        """Kills whatever is in it, until nothing is or two seconds have passed."""
        for folder in self._folders:
            _kill(folder)

    def remove(self) -> None:
        """Ends what is left in it and removes it."""
        for folder in self._folders:
            _remove(folder)
        self._folders.clear()

    def _in(self, parent: Path | None) -> Path | None:
        folder = parent / self.name if parent else None
        return folder if folder in self._folders else None

    def _limit(self, memory: int, processes: int) -> None:
        if folder := self._in(self.parents.memory):
            first = self.parents.version == 1
            (folder / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(memory))
            for file, text in (("memory.memsw.limit_in_bytes", str(memory)), ("memory.swap.max", "0")):
                if (folder / file).exists():  # no swap account, no need
                    (folder / file).write_text(text)
            if not first:
                (folder / "memory.oom.group").write_text("0")
        if folder := self._in(self.parents.pids):
            (folder / "pids.max").write_text(str(processes))


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _counts(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _sweep(parent: Path) -> None:
    """Removes the groups of runs that were killed: their name names a process of this PID namespace that is no more."""
    with contextlib.suppress(OSError):
        space = f"{os.stat('/proc/self/ns/pid').st_ino}"
        for entry in os.scandir(parent):
            if entry.name.startswith(f"{_PREFIX}{space}-"):
                pid, start = entry.name.removeprefix(f"{_PREFIX}{space}-").split("-")[:2]
                if _process_start(int(pid)) != start:
                    _remove(Path(entry.path))


def _kill(folder: Path) -> None:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and (pids := _read(folder / "cgroup.procs").split()):
        for pid in map(int, pids):
            if pid > 0:  # 0 is how a process of another PID namespace is listed, and would be our own group
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + 2
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return  # something unkillable (state D) is in it; the next run's sweep tries again
            _kill(folder)
            time.sleep(0.001)
