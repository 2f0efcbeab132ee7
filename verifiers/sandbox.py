"""Where upstream's and the candidate's programs run: in bubblewrap, or (asked for, and marked) without a sandbox.

Inside, the root file system is read-only, HOME folders and /run are empty, one work folder can be written, there is no
network but loopback, and the user is an unprivileged one. As real root, bwrap mounts as root, so that folders below a
0700 home can be mounted too, and the guard becomes the unprivileged user before it starts the command: that user owns
no device node, so it can break none of the host's, which `bwrap --dev` shows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

from verifiers import guard, ldcache, process
from verifiers.cgroup import Group
from verifiers.emulation import NATIVE, Foreign
from verifiers.errors import InfrastructureError, UsageError
from verifiers.limits import SANDBOX_UID, Completed, Limits, Mount
from verifiers.results import Reason

SANDBOX_USER: Final = "verify"
CELL: Final = "/cell"
_GUARD: Final = "/run/ccverify-guard"
_SKIPPED: Final = frozenset(
    ("proc", "dev", "run", "tmp", "root", "home", "cell", "ccverify", "boot", "mnt", "media", "lost+found")
)
_MASKED: Final = ("/root", "/home", "/run")
_SCRATCH: Final = ("/tmp", "/var/tmp")
_FOLDERS: Final = ("src", "build", "home", "tmp")
_PASSWD: Final = (
    "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    f"{SANDBOX_USER}:x:{SANDBOX_UID}:{SANDBOX_UID}:{SANDBOX_USER}:{CELL}/home:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
)
_GROUP: Final = f"root:x:0:\ntty:x:5:\n{SANDBOX_USER}:x:{SANDBOX_UID}:\nnogroup:x:65534:\n"
_HOSTS: Final = "127.0.0.1 localhost ccverify\n::1 localhost ip6-localhost ip6-loopback\n"
_INSTALL: Final = "apt install bubblewrap, or run with --sandbox none"
_ALLOW: Final = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or run with --sandbox none"


class SandboxMissing(InfrastructureError):
    """bubblewrap is not installed."""

    reason = Reason.SANDBOX
    msg = "no sandbox: bwrap is not on PATH; " + _INSTALL


class Unreachable(InfrastructureError):
    """Without a sandbox, the unprivileged user cannot get to the work folder."""

    reason = Reason.SANDBOX
    msg = "{path} is closed to the unprivileged user that --sandbox none runs as; give another folder with --state DIR"


class UnknownSandbox(UsageError):
    """A sandbox by a name that is none."""

    msg = "unknown sandbox: {name}; one of bubblewrap, none"


class Sandbox(Protocol):
    """Where commands run. ``inside`` is the work folder's path as they see it."""

    name: str
    inside: str

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        log: BinaryIO,
        limits: Limits,
        mounts: Sequence[Mount] = (),
        stdout: Path | None = None,
        fds: Sequence[int] = (),
    ) -> Completed:
        """Runs ``argv`` (searched on env's PATH) in the folder ``cwd``; both are paths inside.

        ``env`` is the whole environment but for HOME, TMPDIR, USER, LOGNAME, PATH and LANG, which have defaults.
        ``fds`` are descriptors that the command inherits under their own numbers.
        Output goes to ``log``, or stdout's part to the host's file ``stdout``. Nothing that ran is left at the return.
        Raises an ``InfrastructureError`` (reason SANDBOX) when it cannot be had.
        """
        ...

    def adopt(self, path: Path) -> None:
        """Hands everything at and below the host's ``path`` to the user inside, without following links."""
        ...


def sandbox_for(name: str, work: Path, foreign: Foreign = NATIVE) -> Sandbox:
    """The sandbox of that name, over an existing or new work folder; ``foreign`` programs run in it."""
    if name == Bubblewrap.name:
        return Bubblewrap(work, foreign)
    if name in ("none", NoSandbox.name):
        return NoSandbox(work)
    raise UnknownSandbox(name=name)


def drops_root() -> bool:
    """Whether we are root enough to become ``SANDBOX_UID``: root in a user namespace that lacks it is not."""
    if os.geteuid() != 0:
        return False
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= SANDBOX_UID < first + count:
            return True
    return False


class _Base:
    """What both have in common: the work folder, its owner and the descriptors of a run."""

    inside: str

    def __init__(self, work: Path) -> None:
        self.work = work.absolute()
        self._uid = SANDBOX_UID if drops_root() else None
        for folder in (self.work, *(self.work / name for name in _FOLDERS)):
            folder.mkdir(parents=folder == self.work, exist_ok=True)
            if self._uid is not None and folder.lstat().st_uid != self._uid:
                os.chown(folder, self._uid, self._uid, follow_symlinks=False)

    def adopt(self, path: Path) -> None:
        """Hands everything at and below the host's ``path`` to the user inside, without following links."""
        if self._uid is None:
            return
        os.chown(path, self._uid, self._uid, follow_symlinks=False)
        for folder, _, _, here in os.fwalk(path, follow_symlinks=False):
            del folder
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.stat(follow_symlinks=False).st_uid != self._uid:  # else it would look changed
                        os.chown(entry.name, self._uid, self._uid, dir_fd=here, follow_symlinks=False)

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        home, tmp = f"{self.inside}/home", f"{self.inside}/tmp"
        defaults = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": SANDBOX_USER, "LOGNAME": SANDBOX_USER}
        return {**defaults, "HOME": home, "TMPDIR": tmp, **env}

    @contextlib.contextmanager
    def _stdout(self, path: Path | None) -> Iterator[int | None]:
        """The file opened for stdout, or None. In the work folder it may be a trap: no link is followed there."""
        if path is None:
            yield None
            return
        path = path.absolute()
        parent = path.parent.resolve()
        if path.is_relative_to(self.work) and not parent.is_relative_to(self.work.resolve()):
            raise ValueError(f"{path} leads out of the work folder")
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISLNK((status := (parent / path.name).lstat()).st_mode) or status.st_nlink > 1:
                (parent / path.name).unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(parent / path.name, flags, 0o644)
        try:
            yield fd
        finally:
            os.close(fd)


class NoSandbox(_Base):
    """The same run without walls: still an unprivileged user where we are root, still bounded, still ended as a whole.

    Mounts are not made: ``source`` and ``target`` have to be the same, or the caller has put the file in its place.
    """

    name = "none"

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.inside = str(self.work)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        log: BinaryIO,
        limits: Limits,
        mounts: Sequence[Mount] = (),
        stdout: Path | None = None,
        fds: Sequence[int] = (),
    ) -> Completed:
        """Runs ``argv`` on the bare machine; see ``Sandbox.run``."""
        del mounts
        if self._uid is not None:
            for folder in self.work.parents:
                if not folder.stat().st_mode & stat.S_IXOTH:
                    raise Unreachable(path=folder)
        binary = guard.guard()
        group = Group.make(limits.memory, limits.processes)
        job = process.Job(argv, self._environment(env), cwd, binary, str(binary), uid=self._uid, fds=tuple(fds))
        try:
            with self._stdout(stdout) as fd:
                return process.run(job, log=log, limits=limits, folder=self.work, group=group, stdout=fd)
        finally:
            group.remove()


class Bubblewrap(_Base):
    """bubblewrap, with the work folder at /cell and its tmp at /tmp."""

    name = "bubblewrap"
    inside = CELL

    def __init__(self, work: Path, foreign: Foreign = NATIVE) -> None:
        super().__init__(work)
        self._foreign = foreign

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        log: BinaryIO,
        limits: Limits,
        mounts: Sequence[Mount] = (),
        stdout: Path | None = None,
        fds: Sequence[int] = (),
    ) -> Completed:
        """Runs ``argv`` inside; see ``Sandbox.run``. Mounts are made parents first."""
        bwrap = shutil.which("bwrap")
        if not bwrap:
            raise SandboxMissing()
        binary = guard.guard()
        env = self._environment({"TMPDIR": "/tmp", **env})
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(self._stdout(stdout))
            files = {path: stack.enter_context(_text(text)) for path, text in _files().items()}
            prefix = [bwrap, *self._options(binary, files, _ordered(mounts), limits), "--"]
            group = Group.make(limits.memory, limits.processes)
            stack.callback(group.remove)
            job = process.Job(
                argv,
                env,
                cwd,
                binary,
                _GUARD,
                prefix,
                self._uid,
                (*files.values(), *fds),
                hint=_ALLOW,
                binfmt=self._foreign.binfmt,
            )
            return process.run(job, log=log, limits=limits, folder=self.work, group=group, stdout=out)

    def _options(self, binary: Path, files: Mapping[str, int], mounts: Sequence[Mount], limits: Limits) -> list[str]:
        options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        options += ["--hostname", "ccverify", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"]
        if self._uid is None:
            options += ["--unshare-user", "--uid", str(SANDBOX_UID), "--gid", str(SANDBOX_UID)]
        else:  # for the guard: to become another user, to give up more, to end that user's processes
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL"):
                options += ["--cap-add", capability]
        options += ["--tmpfs", "/"]
        for entry in sorted(os.scandir("/"), key=lambda entry: entry.name):
            if entry.name == "lib" and self._foreign.links:
                options += _libraries(self._foreign.links)
            elif entry.is_symlink():
                options += ["--symlink", os.readlink(entry.path), entry.path]
            elif entry.is_dir() and entry.name not in _SKIPPED:
                options += ["--ro-bind", entry.path, entry.path]
        for folder in _MASKED:
            options += ["--tmpfs", folder]
        options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(limits.memory)]
        options += ["--tmpfs", "/dev/shm", "--ro-bind", str(binary), _GUARD, "--bind", str(self.work), CELL]
        for folder in _SCRATCH:
            options += ["--bind", str(self.work / "tmp"), folder]
        for path, fd in files.items():
            options += ["--perms", "0444", "--ro-bind-data", str(fd), path]
        if listed := self._foreign.libraries:
            options += ["--ro-bind", str(listed), ldcache.PLACE]
        for folder in _parents(mounts):
            options += ["--perms", "0755", "--dir", folder]
        for mount in mounts:
            options += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
        for folder in ("/dev", *_MASKED, "/"):  # not below: /dev/shm and the mounts stay as they are
            options += ["--remount-ro", folder]
        return options


def _libraries(links: Mapping[str, str]) -> list[str]:
    """A /lib of our own with what the host's has, and a target's loader and libraries where its programs look."""
    options = ["--perms", "0755", "--dir", "/lib"]
    for entry in sorted(os.scandir("/lib"), key=lambda entry: entry.name):
        if f"/lib/{entry.name}" in links:
            continue
        if os.path.islink("/lib"):
            options += ["--symlink", os.path.join(os.path.realpath("/lib"), entry.name), f"/lib/{entry.name}"]
        else:
            options += ["--ro-bind", f"/lib/{entry.name}", f"/lib/{entry.name}"]
    for path, target in links.items():
        options += ["--symlink", target, path]
    return options


def _files() -> dict[str, str]:
    """Files of our own inside, for those that the host has (a mount needs something to stand on)."""
    files = {"/etc/passwd": _PASSWD, "/etc/group": _GROUP, "/etc/hosts": _HOSTS}
    return {path: text for path, text in files.items() if os.path.isfile(path)}


@contextlib.contextmanager
def _text(text: str) -> Iterator[int]:
    """A descriptor from which the text can be read once; small enough for a pipe."""
    read, write = os.pipe()
    try:
        os.write(write, text.encode())
        os.close(write)
        yield read
    finally:
        os.close(read)


def _parents(mounts: Sequence[Mount]) -> list[str]:
    """The folders above the mounts that the host does not lend; bwrap by itself makes them for root's eyes only."""
    found: dict[str, None] = {}
    for mount in mounts:
        parents = list(reversed(PurePosixPath(mount.target).parents))[1:]
        lent = parents and parents[0].name not in _SKIPPED and os.path.isdir(parents[0])
        if not lent or any(str(parent) in _SCRATCH for parent in parents):
            found.update(dict.fromkeys(map(str, parents)))
    return list(found)


def _ordered(mounts: Sequence[Mount]) -> list[Mount]:
    """Parents first; and where one mount stands in another, its place is made in the outer one's source."""
    ordered = sorted(mounts, key=lambda mount: len(PurePosixPath(mount.target).parts))
    for number, mount in enumerate(ordered):
        target = PurePosixPath(mount.target)
        for outer in reversed(ordered[:number]):
            if target.is_relative_to(outer.target) and outer.source.is_dir():
                place = outer.source / target.relative_to(outer.target)
                if not place.exists() and mount.source.is_dir():
                    place.mkdir(parents=True)
                elif not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.touch()
                break
    return ordered
