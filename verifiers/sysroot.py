"""A target's libraries beyond libc: Debian packages of that architecture in a private, cached root.

The whole libc comes from the root too, at compile time, link time and run time: packages of one suite belong together,
and where the machine's suite does not carry the architecture, the cross compiler's own libc is too old for them.

Layout of the cache: ``apt/<architecture>-<suite>/`` is apt's (aptget.py); ``roots/<key>.json`` says which folder of
``roots/`` has the root of a key. That file is written last, so what it names is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiler.arches import Arch
from verifiers.aptget import NoPackages, PrivateApt
from verifiers.aptsources import codename, entries
from verifiers.debunpack import lay_out, unpack
from verifiers.errors import Unwritable
from verifiers.files import atomic_write, is_locked, lock, no_room

_FORMAT: Final = 1  # of what is unpacked, and how: part of every key and fingerprint
_LIBC: Final = "libc6-dev"
_TCL_SPEC: Final = re.compile(r"(?<=-[IL])/usr/")


@dataclass(frozen=True)
class Sysroot:
    """A target's root folder, to be mounted read-only anywhere. ``inside`` is always where that is."""

    root: Path
    multiarch: str
    loader_name: str
    suite: str
    packages: Mapping[str, str]  # every unpacked package -> its version
    fingerprint: str  # of the packages and how they were unpacked

    @property
    def library_folder(self) -> Path:
        """All shared libraries a program may need, with libc, libgcc_s and the loader; to stand at /lib/<multiarch>."""
        return self.root / "usr/lib" / self.multiarch

    @property
    def loader(self) -> Path:
        """The ELF interpreter that belongs to these libraries."""
        return self.library_folder / self.loader_name

    def environment(self, inside: str) -> dict[str, str]:
        """What makes pkg-config and tclConfig.sh answer for the target."""
        places = (f"{inside}/usr/lib/{self.multiarch}/pkgconfig", f"{inside}/usr/share/pkgconfig")
        return {"PKG_CONFIG_LIBDIR": ":".join(places), "PKG_CONFIG_SYSROOT_DIR": inside}

    def compile_flags(self, inside: str, option: str = "-isystem") -> tuple[str, ...]:
        """Options for C compilers: behind a project's own folders, before the compiler's libc headers.

        ``option`` may be ``-I`` for a compiler that knows nothing else; then a project's own header of a name that the
        root has too may lose.
        """
        folders = (f"{inside}/usr/include/{self.multiarch}", f"{inside}/usr/include")
        return tuple(word for folder in folders for word in (option, folder))

    def link_flags(self, inside: str) -> tuple[str, ...]:
        """Options for linking; the second finds what shared libraries themselves need."""
        folder = f"{inside}/usr/lib/{self.multiarch}"
        return (f"-L{folder}", f"-Wl,-rpath-link,{folder}")


def sysroot(
    arch: Arch,
    packages: Sequence[str],
    cache: Path,
    *,
    offline: bool = False,
    refresh: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Sysroot:
    """The root with those Debian packages, libc, and all they depend on; made first where the cache does not have it.

    ``refresh`` looks whether the archive has newer ones. Runs may share ``cache``. Nothing in a root that was given out
    is ever changed or removed. Raises NoPackages, DamagedPackage, and Unwritable where our own disk is at fault.
    """
    cache = cache.absolute()
    wanted = sorted({_LIBC, *packages})
    suites = tuple(dict.fromkeys(name for name in (codename(), arch.suite) if name))
    pointer = cache / "roots" / f"{arch.name}-{_digest(_FORMAT, arch.debian, suites, wanted)[:16]}.json"
    with _our_disk(cache):
        found = None if refresh else _read(pointer, arch)
        if not found:
            if is_locked(pointer.with_suffix(".lock")):
                say(f"waiting for another run that prepares {arch.name}'s libraries")
            with lock(pointer.with_suffix(".lock")):
                found = None if refresh else _read(pointer, arch)  # another run may just have made it
                found = found or _make(arch, wanted, suites, pointer, offline, say)
        _fill_in(found.library_folder, arch)
    return found


def unused_roots(cache: Path) -> Iterator[Path]:
    """Roots that no key names any more. A run that began before it was replaced may still use one."""
    folder = cache / "roots"
    named = set()
    for pointer in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            named.add(json.loads(pointer.read_text(encoding="utf-8"))["root"])
    yield from (path for path in folder.glob("*/") if path.name not in named)


def _make(
    arch: Arch, packages: Sequence[str], suites: Sequence[str], pointer: Path, offline: bool, say: Callable[[str], None]
) -> Sysroot:
    apt_folder = pointer.parent.parent / "apt"
    for suite in suites:
        apt = PrivateApt(apt_folder / f"{arch.debian}-{suite}", arch.debian, suite, entries(arch.debian), offline)
        with lock(apt.folder / ".lock"):
            apt.prepare()
            if not apt.carried():
                continue
            debs = apt.closure(packages)
            files = apt.download(debs, packages, say)
        versions = {deb.name: deb.version for deb in debs}
        fingerprint = _digest(_FORMAT, arch.debian, sorted(deb.sha256 for deb in debs))
        root = pointer.with_name(f"{pointer.stem}-{fingerprint[:16]}")
        if not root.exists():
            say(f"unpacking {len(files)} Debian packages for {arch.name}")
            _build(files, root)
        record = {"root": root.name, "suite": suite, "packages": versions, "fingerprint": fingerprint}
        atomic_write(pointer, json.dumps(record, indent=1).encode())
        return Sysroot(root, arch.multiarch, Path(arch.loader).name, suite, versions, fingerprint)
    raise NoPackages(arch=arch.debian, suite=" and ".join(suites) or "release", detail="not an architecture of it")


def _build(files: Sequence[Path], root: Path) -> None:
    for left in root.parent.glob(f".{root.name}.*"):  # of killed runs: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        lay_out(staging)
        for file in files:
            unpack(file, staging)
        for path in staging.glob("usr/lib/**/*Config.sh"):
            _relocate_config(path)
        staging.chmod(0o755)
        staging.rename(root)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _relocate_config(path: Path) -> None:
    """Let a file such as tclConfig.sh, which shells read, name the folders where the root is mounted."""
    if path.is_symlink():
        return
    text = path.read_text("utf-8", "surrogateescape")
    lines = [
        _TCL_SPEC.sub("'\"${PKG_CONFIG_SYSROOT_DIR}\"'/usr/", line) if re.match(r"\w+='[^']*'$", line) else line
        for line in text.split("\n")
    ]
    path.write_text("\n".join(lines), "utf-8", "surrogateescape")


def _fill_in(folder: Path, arch: Arch) -> None:
    """Add links to the cross compiler's own run-time libraries (libatomic, libgomp …) that no package brought."""
    if not arch.sysroot:
        return
    with contextlib.suppress(FileNotFoundError), os.scandir(f"{arch.sysroot}/lib") as cross:
        folder.mkdir(exist_ok=True)
        for entry in cross:
            if re.search(r"\.so\.\d", entry.name) and not os.path.lexists(folder / entry.name):
                with contextlib.suppress(FileExistsError):
                    (folder / entry.name).symlink_to(entry.path)


def _read(pointer: Path, arch: Arch) -> Sysroot | None:
    try:
        record = json.loads(pointer.read_text(encoding="utf-8"))
        root = pointer.with_name(record["root"])
        versions, loader = dict(record["packages"]), Path(arch.loader).name
        found = Sysroot(root, arch.multiarch, loader, record["suite"], versions, record["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if root.is_dir() else None


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextlib.contextmanager
def _our_disk(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = cache if no_room(error) else error.filename or cache
        raise Unwritable(path=where, detail=error.strerror or str(error)) from error
