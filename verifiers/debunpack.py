"""Unpacks Debian packages of another architecture into a root that works wherever it is mounted.

No maintainer script runs. The root has a merged /usr as every Debian system has; absolute links are made relative;
nothing is set-uid, whoever unpacks; linker scripts name their libraries without a folder, so the linker finds them
beside the script.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Final

from verifiers.errors import InfrastructureError
from verifiers.results import Reason

_MERGED: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_LEFT_OUT: Final = tuple(
    f"usr/share/{name}/" for name in ("bug", "doc", "doc-base", "gtk-doc", "info", "lintian", "locale", "man")
)
_SCRIPT: Final = re.compile(rb"\A(?:/\*.*?\*/\s*)*(?:OUTPUT_FORMAT|GROUP|INPUT)\b", re.S)
_SCRIPT_SIZE: Final = 4096
_IN_SCRIPT: Final = re.compile(rb"(?<=[\s(])/(?:usr/)?lib[^\s()]*/(?=[^\s()/]+)")


class DamagedPackage(InfrastructureError):
    """A package cannot be unpacked."""

    reason = Reason.ARCHIVE
    msg = "{deb}: {detail}; not unpacked"


def lay_out(root: Path) -> None:
    """Make an empty root with a merged /usr."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def unpack(deb: Path, root: Path) -> None:
    """Unpack one package into a root that was laid out. Raises DamagedPackage and OSError."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                unpacking = _Unpacking(root.resolve(), tar)
                for member in tar:
                    unpacking.member(member)
        except (tarfile.TarError, ValueError, EOFError) as error:
            process.kill()
            said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise DamagedPackage(deb=deb.name, detail=(said or [str(error)])[0]) from error
        except BaseException:
            process.kill()
            raise
        process.stdout.read()  # tar's padding
    if process.returncode:
        raise DamagedPackage(deb=deb.name, detail=f"dpkg-deb ended with {process.returncode}")


class _Unpacking:
    def __init__(self, root: Path, tar: tarfile.TarFile) -> None:
        self._root, self._tar = root, tar
        self._known: set[Path] = set()

    def member(self, member: tarfile.TarInfo) -> None:
        name = _merged(member.name)
        if not name or f"{name}/".startswith(_LEFT_OUT):
            return
        path = self._root / name
        if member.isdir():
            self._folder(path)
            return
        self._folder(path.parent)
        path.unlink(missing_ok=True)
        if member.issym():
            path.symlink_to(_relative(member.linkname, name))
        elif member.islnk():
            os.link(self._root / _merged(member.linkname), path, follow_symlinks=False)
        elif member.isreg():
            source = self._tar.extractfile(member)
            assert source
            self._file(path, source, member)
        # No device or pipe is of use in a root that nobody boots.

    def _folder(self, path: Path) -> None:
        if path not in self._known:
            path.mkdir(parents=True, exist_ok=True)
            if not path.resolve().is_relative_to(self._root):
                raise ValueError(f"{path.name} leads out of the package")
            self._known.add(path)

    @staticmethod
    def _file(path: Path, source: IO[bytes], member: tarfile.TarInfo) -> None:
        with path.open("xb") as file:
            if member.size <= _SCRIPT_SIZE and path.suffix in (".so", ".a"):
                file.write(_relocated(source.read()))
            else:
                shutil.copyfileobj(source, file, 1 << 20)
        path.chmod(0o755 if member.mode & 0o111 else 0o644)
        os.utime(path, (member.mtime, member.mtime))


def _merged(name: str) -> str:
    """A member's place in a root with a merged /usr; "" for the top."""
    clean = posixpath.normpath(f"/{name}").lstrip("/")
    return f"usr/{clean}" if clean.split("/")[0] in _MERGED and clean not in _MERGED else clean * (clean not in _MERGED)


def _relative(target: str, name: str) -> str:
    """A link's target from its own place, and never out of the root."""
    folder = posixpath.dirname(name)
    if target.startswith("/"):
        return posixpath.relpath(_merged(target) or ".", folder or ".")
    if posixpath.normpath(posixpath.join(folder, target)).startswith(".."):
        raise ValueError(f"{name} is a link that leads out of the package")
    return target


def _relocated(content: bytes) -> bytes:
    """A linker script that names its files without their folder: ld looks beside the script (ld, "File Commands")."""
    return _IN_SCRIPT.sub(b"", content) if _SCRIPT.match(content) else content
