"""Sysroots from an archive of our own on loopback, made by dpkg-deb and read by the real apt; and from Debian's."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest

from compiler.arches import Arch, arches
from compiler.elf import read_elf
from tests.verifiers.loopback import Handler, Server, serving
from verifiers import aptsources
from verifiers import sysroot as module
from verifiers.aptget import NoPackages, NotAuthentic, NotCached
from verifiers.aptsources import Entry, entries
from verifiers.debunpack import DamagedPackage
from verifiers.errors import CcverifyError, Unwritable
from verifiers.results import Reason
from verifiers.sysroot import Sysroot, sysroot

TOOLS = ("apt-get", "dpkg-deb")
pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs apt-get and dpkg-deb")

LINKER_SCRIPT = """\
/* GNU ld script
   Use the shared library, but some functions are only in
   the static library, so try that secondarily.  */
OUTPUT_FORMAT(elf64-littleaarch64)
GROUP ( /lib/aarch64-linux-gnu/libc.so.6 /usr/lib/aarch64-linux-gnu/libc_nonshared.a  AS_NEEDED ( /lib/ld-linux-aarch64.so.1 ) )
"""  # noqa: E501
TCL_CONFIG = """\
# a comment's -I/usr/include
TCL_PREFIX='/usr'
TCL_LIB_SPEC='-L/usr/lib/aarch64-linux-gnu -ltcl8.6'
TCL_INCLUDE_SPEC='-I/usr/include/tcl8.6'
"""
LIB = "usr/lib/aarch64-linux-gnu"


@dataclass
class Archive:
    """A Debian archive in the making. A file's content is text, ``-> target`` makes it a link."""

    folder: Path
    stanzas: list[str] = field(default_factory=list)

    def add(self, name: str, files: dict[str, str], version: str = "1", arch: str = "arm64", **fields: str) -> Path:
        tree = self.folder / "trees" / f"{name}-{version}"
        for path, text in files.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                place.symlink_to(text[3:])
            else:
                place.write_text(text)
                if place.parent.name == "bin":
                    place.chmod(0o6755)
        (tree / "DEBIAN").mkdir(parents=True)
        more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: nobody\n{more}Description: x\n"
        )
        (tree / "DEBIAN/control").write_text(control)
        script = tree / "DEBIAN/preinst"
        script.write_text(f"#!/bin/sh\ntouch {self.folder}/a-script-ran\n")
        script.chmod(0o755)
        deb = self.folder / f"pool/{name}_{version.replace(':', '%3a')}_{arch}.deb"
        deb.parent.mkdir(exist_ok=True)
        command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", str(tree), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        self.list(control, deb)
        return deb

    def list(self, control: str, deb: Path) -> None:
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        place = f"Filename: pool/{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
        self.stanzas.append(control + place)

    def publish(self, suite: str, *architectures: str) -> None:
        plain = "\n".join(self.stanzas).encode()
        body = gzip.compress(plain)
        sums = ""
        for name in architectures:
            place = f"main/binary-{name}/Packages.gz"
            path = self.folder / "dists" / suite / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            for data, listed in ((body, place), (plain, place.removesuffix(".gz"))):
                sums += f" {hashlib.sha256(data).hexdigest()} {len(data)} {listed}\n"
        release = self.folder / "dists" / suite / "Release"
        release.parent.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime())
        release.write_text(
            f"Origin: test\nSuite: {suite}\nCodename: {suite}\nDate: {stamp}\n"
            f"Architectures: {' '.join(architectures)}\nComponents: main\nSHA256:\n{sums}"
        )

    def answer(self, handler: Handler) -> None:
        path = self.folder / unquote(handler.path).lstrip("/")
        if path.is_file():
            handler.give(path.read_bytes())
        else:
            handler.give(b"", status=404)


def usual(folder: Path) -> Archive:
    """libc, and a library whose development package drags a program along."""
    archive = Archive(folder)
    archive.add(
        "libc6",
        {
            "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1": "loader",
            "lib/aarch64-linux-gnu/libc.so.6": "libc",
            "lib/ld-linux-aarch64.so.1": "-> aarch64-linux-gnu/ld-linux-aarch64.so.1",
            "usr/share/doc/libc6/copyright": "free",
            "usr/share/locale/de/x.mo": "hallo",
            "usr/bin/ldd": "a program",
        },
    )
    archive.add("libc6-dev", {f"{LIB}/libc.so": LINKER_SCRIPT, "usr/include/stdio.h": "x"}, Depends="libc6 (= 1)")
    archive.add("libthing1", {f"{LIB}/libthing.so.1": "thing"}, Depends="libc6", version="1:2.0")
    archive.add(
        "libthing-dev",
        {
            f"{LIB}/libthing.so": "-> /lib/aarch64-linux-gnu/libthing.so.1",
            f"{LIB}/libup.so": "-> ../../include/thing.h",
            f"{LIB}/tcl8.6/tclConfig.sh": TCL_CONFIG,
            f"{LIB}/pkgconfig/thing.pc": "prefix=/usr\nName: thing\nDescription: x\nVersion: 2\n"
            "Cflags: -I${prefix}/include/thing\nLibs: -L${prefix}/lib/aarch64-linux-gnu -lthing\n",
            "usr/include/thing.h": "int thing;\n",
        },
        Depends="libthing1 (= 1:2.0), perl (>= 5), dpkg-dev",
    )
    archive.add("perl", {"usr/bin/perl": "big"}, version="5.36", Depends="libc6")
    archive.add("dpkg-dev", {"usr/bin/dpkg-x": "big"}, arch="all", Depends="perl, tar")
    archive.add("libbad-dev", {"usr/include/bad.h": "x"}, Depends="libgone (>= 3)")
    archive.publish("first", "arm64", "all")
    return archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    folder = tmp_path / "archive"
    folder.mkdir()
    return usual(folder)


@pytest.fixture
def server(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(archive.answer) as server:
        trusted = Entry(server.url, "main", fields=(("Trusted", "yes"),))
        monkeypatch.setattr(module, "entries", lambda debian: (trusted,))
        monkeypatch.setattr(module, "codename", lambda: "first")
        yield server


@pytest.fixture
def arch(tmp_path: Path) -> Arch:
    """aarch64 with a cross compiler that has a few libraries."""
    cross = tmp_path / "cross/lib"
    cross.mkdir(parents=True)
    for name in ("libatomic.so.1", "libc.so.6", "libonly.so"):
        (cross / name).write_text("cross")
    return arches()["aarch64"].model_copy(update={"sysroot": str(cross.parent), "suite": ""})


Make = Callable[..., Sysroot]


@pytest.fixture
def make(server: Server, arch: Arch, tmp_path: Path) -> Make:
    def make(*packages: str, **options: object) -> Sysroot:
        chosen = options.pop("arch", arch)
        return sysroot(chosen, packages, tmp_path / "cache", **options)  # type: ignore[arg-type]

    return make


def one_line(error: pytest.ExceptionInfo[CcverifyError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def debs_asked(server: Server) -> list[str]:
    return [path for path, _ in server.asked if path.endswith(".deb")]


class TestTheRoot:
    def test_the_closure_is_unpacked(self, make: Make) -> None:
        """What was asked for, what it depends on, and libc; but no programs of another architecture."""
        made = make("libthing-dev")
        assert made.packages == {"libc6": "1", "libc6-dev": "1", "libthing-dev": "1", "libthing1": "1:2.0"}
        assert (made.root / "usr/include/thing.h").read_text() == "int thing;\n"
        assert not (made.root / "usr/bin/perl").exists()
        assert made.suite == "first"

    def test_a_program_that_is_asked_for_comes(self, make: Make) -> None:
        made = make("perl")
        assert (made.root / "usr/bin/perl").exists()

    def test_merged_usr(self, make: Make) -> None:
        """/lib and /usr/lib are one, whichever the package used."""
        made = make()
        assert (made.root / "lib").is_symlink()
        assert (made.root / "lib/aarch64-linux-gnu/libc.so.6").read_text() == "libc"
        assert made.loader.read_text() == "loader"
        assert made.loader == made.library_folder / "ld-linux-aarch64.so.1"
        assert (made.root / "lib/ld-linux-aarch64.so.1").resolve() == made.loader.resolve()

    def test_links_stay_inside(self, make: Make, tmp_path: Path) -> None:
        """Absolute links lead to the root's own files, also after the root was moved."""
        made = make("libthing-dev")
        moved = made.root.rename(tmp_path / "elsewhere")
        for link in (path for path in moved.rglob("*") if path.is_symlink() and path.name != "libatomic.so.1"):
            assert not os.readlink(link).startswith("/")
            assert link.resolve().is_relative_to(moved)
        assert (moved / LIB / "libthing.so").read_text() == "thing"

    def test_nothing_is_set_uid_and_all_may_read(self, make: Make) -> None:
        for path in [*make("libthing-dev").root.rglob("*")]:
            if not path.is_symlink():
                assert path.stat().st_mode & 0o7777 in ((0o755,) if path.is_dir() else (0o644, 0o755)), path
        assert (make().root / "usr/bin/ldd").stat().st_mode & 0o7777 == 0o755

    def test_no_script_ran(self, make: Make, archive: Archive) -> None:
        make("libthing-dev")
        assert not (archive.folder / "a-script-ran").exists()

    def test_documentation_is_left_out(self, make: Make) -> None:
        root = make().root
        assert not any((root / "usr/share").rglob("*.mo"))
        assert not (root / "usr/share/doc").exists()

    def test_linker_scripts_name_their_neighbours(self, make: Make) -> None:
        text = (make().root / LIB / "libc.so").read_text()
        assert "GROUP ( libc.so.6 libc_nonshared.a  AS_NEEDED ( ld-linux-aarch64.so.1 ) )" in text
        assert "static library, so try that" in text

    def test_tcl_config(self, make: Make) -> None:
        """The shell that sources it gets folders of wherever the root is; and the plain ones when not told."""
        made = make("libthing-dev")
        say = f". {made.root}/{LIB}/tcl8.6/tclConfig.sh; echo $TCL_INCLUDE_SPEC $TCL_LIB_SPEC $TCL_PREFIX"
        for env, prefix in ((made.environment("/in side"), "/in side"), ({}, "")):
            done = subprocess.run(["sh", "-c", say], env=env, capture_output=True, text=True, check=True)
            include, library = f"-I{prefix}/usr/include/tcl8.6", f"-L{prefix}/usr/lib/aarch64-linux-gnu"
            assert done.stdout == f"{include} {library} -ltcl8.6 /usr\n"

    def test_the_cross_compilers_libraries_fill_in(self, make: Make, arch: Arch) -> None:
        """libatomic comes from the cross compiler, libc does not; also one that was installed later."""
        folder = make().library_folder
        assert (folder / "libatomic.so.1").read_text() == "cross"
        assert (folder / "libc.so.6").read_text() == "libc"
        assert not (folder / "libonly.so").exists()  # nothing that the linker would find
        (Path(arch.sysroot) / "lib/libgomp.so.1").write_text("cross")
        assert (make().library_folder / "libgomp.so.1").read_text() == "cross"

    @pytest.mark.skipif(not shutil.which("pkg-config"), reason="needs pkg-config")
    def test_pkg_config(self, make: Make) -> None:
        made = make("libthing-dev")
        env = {"PATH": os.environ["PATH"], **made.environment(str(made.root))}
        done = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "thing"], env=env, capture_output=True, text=True, check=True
        )
        root = made.root
        assert done.stdout.split() == [f"-I{root}/usr/include/thing", f"-L{root}/{LIB}", "-lthing"]

    def test_a_link_that_leads_out(self, make: Make, archive: Archive) -> None:
        archive.add("libout", {f"{LIB}/out": "-> ../../../../etc/passwd"})
        archive.publish("first", "arm64")
        with pytest.raises(DamagedPackage, match="leads out") as error:
            make("libout")
        assert error.value.reason == Reason.ARCHIVE

    def test_a_damaged_package(self, make: Make, archive: Archive, tmp_path: Path) -> None:
        """The archive lists it, and yet it is none: one line, and nothing is left that looks like a root."""
        deb = archive.add("libtorn", {f"{LIB}/libtorn.so.1": "x" * 100_000})
        deb.write_bytes(deb.read_bytes()[:-60])
        archive.list(archive.stanzas.pop().partition("Filename:")[0], deb)
        archive.publish("first", "arm64")
        with pytest.raises(DamagedPackage, match=r"libtorn_1_arm64\.deb: ") as error:
            make("libtorn")
        one_line(error)
        assert not [path for path in (tmp_path / "cache/roots").iterdir() if path.is_dir()]


class TestCaching:
    def test_second_time_asks_nobody(self, make: Make, server: Server) -> None:
        first = make("libthing-dev")
        server.asked.clear()
        assert make("libthing-dev") == first
        assert make("libthing-dev", "libc6-dev", offline=True) == first  # libc is always of it
        assert server.asked == []

    def test_order_does_not_matter(self, make: Make) -> None:
        assert make("libthing-dev", "perl").root == make("perl", "libthing-dev", "perl").root

    def test_another_set_fetches_what_is_new(self, make: Make, server: Server) -> None:
        first = make()
        server.asked.clear()
        second = make("libthing1")
        assert debs_asked(server) == ["/pool/libthing1_1%253a2.0_arm64.deb"]
        assert first.fingerprint != second.fingerprint
        assert first.root != second.root

    def test_a_new_version_only_when_asked_for(self, make: Make, archive: Archive) -> None:
        """The old root stays: somebody may be using it."""
        first = make("libthing1")
        archive.add("libthing1", {f"{LIB}/libthing.so.1": "newer"}, Depends="libc6", version="1:2.1")
        archive.publish("first", "arm64")
        assert make("libthing1") == first
        second = make("libthing1", refresh=True)
        assert second.packages["libthing1"] == "1:2.1"
        assert second.fingerprint != first.fingerprint
        assert (first.root / LIB / "libthing.so.1").read_text() == "thing"
        assert (second.root / LIB / "libthing.so.1").read_text() == "newer"
        assert make("libthing1") == second

    def test_refresh_without_news(self, make: Make) -> None:
        first = make()
        assert make(refresh=True) == first

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"root": "gone", "suite": "", "packages": {}, "fingerprint": ""}']
    )
    def test_a_torn_record(self, make: Make, tmp_path: Path, text: str) -> None:
        first = make()
        (record,) = (tmp_path / "cache/roots").glob("*.json")
        record.write_text(text)
        assert make() == first

    def test_offline_with_nothing(self, make: Make, server: Server) -> None:
        with pytest.raises(NotCached, match="--offline") as error:
            make("libthing-dev", offline=True)
        assert "arm64" in one_line(error)
        assert error.value.reason == Reason.DOWNLOAD
        assert server.asked == []

    def test_offline_from_what_is_there(self, make: Make, server: Server) -> None:
        """A new set of known packages needs no network; one with an unknown file names it."""
        make("libthing-dev")
        server.asked.clear()
        assert "libthing1" in make("libthing1", offline=True).packages
        with pytest.raises(NotCached, match=r"perl_5.36_arm64.deb for arm64 .*--offline"):
            make("perl", offline=True)
        assert server.asked == []

    def test_corrupted_in_the_cache(self, make: Make, tmp_path: Path) -> None:
        """A kept package of the right size and the wrong bytes, which apt itself would take, is fetched again."""
        make()
        (kept,) = (tmp_path / "cache/apt").rglob("libc6_1_arm64.deb")
        kept.write_bytes(bytes(kept.stat().st_size))
        assert make("libthing1").packages["libc6"] == "1"
        assert kept.read_bytes() != bytes(kept.stat().st_size)

    def test_the_machines_apt_is_left_alone(self, make: Make, tmp_path: Path) -> None:
        """Its hooks are not run, its folders not used; and nobody else may read our copy of its proxies."""
        make()
        (conf,) = (tmp_path / "cache/apt").rglob("apt.conf")
        env = os.environ | {"APT_CONFIG": str(conf)}
        known = subprocess.run(["apt-config", "dump"], env=env, capture_output=True, text=True, check=True).stdout
        assert "-Invoke::" not in known
        assert "Pre-Install-Pkgs::" not in known
        for name in ("State", "State::lists", "State::status", "Cache", "Cache::archives", "Etc::sourcelist", "Log"):
            assert f'\nDir::{name} "{tmp_path}/cache/apt/arm64-first' in f"\n{known}"
        assert re.findall(r'^APT::Architectures:: "(.*)";', known, re.M) == ["arm64"]
        assert conf.stat().st_mode & 0o077 == 0


class TestFailures:
    def test_unknown_package(self, make: Make) -> None:
        with pytest.raises(NoPackages, match="Unable to locate package libnothing-dev") as error:
            make("libthing-dev", "libnothing-dev")
        assert error.value.reason == Reason.DOWNLOAD
        one_line(error)

    @pytest.mark.parametrize("name", ["libthing.", "lib.*-dev", "-y", "libthing-dev:arm64", "a b", "x", ""])
    def test_what_apt_would_take_for_something_else(self, make: Make, name: str) -> None:
        """A regular expression or an option is no package."""
        with pytest.raises(NoPackages, match=r"is no package name|Unable to locate|there is no package") as error:
            make(name)
        one_line(error)

    def test_missing_dependency(self, make: Make) -> None:
        with pytest.raises(NoPackages, match=r"libbad-dev : Depends: libgone \(>= 3\)") as error:
            make("libbad-dev")
        one_line(error)

    def test_nobody_answers(self, make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        dead = Entry("http://127.0.0.1:9", "main", fields=(("Trusted", "yes"),))
        monkeypatch.setattr(module, "entries", lambda debian: (dead,))
        with pytest.raises(NoPackages, match=r"(?i)127.0.0.1.*refused") as error:
            make("libthing-dev")
        assert type(error.value) is NoPackages
        assert error.value.reason == Reason.DOWNLOAD
        one_line(error)

    def test_nobody_answers_any_more(self, make: Make, server: Server) -> None:
        """Old lists and packages do: what they say was signed."""
        make("libthing-dev")
        server.behave = lambda handler: handler.give(b"", status=503)
        assert make("libthing1").packages["libthing1"] == "1:2.0"

    def test_wrong_bytes(self, make: Make, archive: Archive) -> None:
        """A package that is not the listed one is a matter of checksums, and is not kept."""
        deb = archive.folder / "pool/libthing1_1%3a2.0_arm64.deb"
        deb.write_bytes(bytes(deb.stat().st_size))
        with pytest.raises(NotAuthentic, match=r"libthing1.*Hash Sum mismatch") as error:
            make("libthing1")
        assert error.value.reason == Reason.CHECKSUM
        one_line(error)

    def test_unsigned(self, make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """An archive without a signature is not believed unless the machine's apt believes it."""
        monkeypatch.setattr(module, "entries", lambda debian: (Entry(server.url, "main"),))
        with pytest.raises(NotAuthentic, match="not signed") as error:
            make("libthing-dev")
        one_line(error)
        assert debs_asked(server) == []

    def test_no_archive(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "entries", lambda debian: ())
        with pytest.raises(NoPackages, match="apt is not configured") as error:
            make("libthing-dev")
        one_line(error)

    def test_no_apt(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(NoPackages, match="apt-get is not installed"):
            make("libthing-dev")

    def test_a_full_disk_while_unpacking(self, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def full(deb: Path, root: Path) -> None:
            raise OSError(28, "No space left on device", str(root / "x"))

        with monkeypatch.context() as patched:
            patched.setattr(module, "unpack", full)
            with pytest.raises(Unwritable, match=r"cannot write to .*/cache: No space left") as error:
                make()
        assert error.value.reason == Reason.DISK_FULL
        assert [path.suffix for path in (tmp_path / "cache/roots").iterdir()] == [".lock"]
        assert make().packages

    @pytest.mark.root
    @pytest.mark.parametrize("size", ["64k", "256k", "1m"])
    def test_a_full_disk(self, server: Server, archive: Archive, arch: Arch, tmp_path: Path, size: str) -> None:
        """Wherever it strikes (apt's lists, its packages, our unpacking), it is one line with the folder."""
        archive.add("libbig", {f"{LIB}/libbig.so.1": os.urandom(600_000).hex()})
        archive.publish("first", "arm64")
        small = tmp_path / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(small)]
        if os.geteuid() or subprocess.run(mount, check=False).returncode:
            pytest.skip("needs root")
        try:
            with pytest.raises(Unwritable, match=r"(?i)cannot write to .*small.*(space|write error)") as error:
                sysroot(arch, ["libbig"], small / "cache")
        finally:
            subprocess.run(["umount", "-l", str(small)], check=True)
        one_line(error)
        assert error.value.reason == Reason.DISK_FULL


class TestOtherRelease:
    def test_where_the_machines_own_has_no_such_architecture(self, make: Make, archive: Archive, arch: Arch) -> None:
        archive.publish("first", "amd64", "all")
        archive.publish("second", "arm64", "all")
        made = make("libthing-dev", arch=arch.model_copy(update={"suite": "second"}))
        assert made.suite == "second"
        assert make("libthing-dev", arch=arch.model_copy(update={"suite": "second"}), offline=True) == made

    def test_the_machines_own_comes_first(self, make: Make, archive: Archive, arch: Arch) -> None:
        archive.publish("second", "arm64", "all")
        assert make("libthing-dev", arch=arch.model_copy(update={"suite": "second"})).suite == "first"

    def test_nowhere(self, make: Make, archive: Archive) -> None:
        archive.publish("first", "amd64", "all")
        with pytest.raises(NoPackages, match="no arm64 packages from Debian's first: not an architecture"):
            make("libthing-dev")


ONE = """\
import sys
from pathlib import Path
from compiler.arches import arches
from verifiers import sysroot as module
from verifiers.aptsources import Entry
url, cache, cross, *packages = sys.argv[1:]
module.entries = lambda debian: (Entry(url, "main", fields=(("Trusted", "yes"),)),)
module.codename = lambda: "first"
arch = arches()["aarch64"].model_copy(update={"sysroot": cross, "suite": ""})
print(module.sysroot(arch, packages, Path(cache)).root)
"""


class TestManyRuns:
    def start(self, server: Server, arch: Arch, cache: Path, *packages: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", ONE, server.url, str(cache), arch.sysroot, *packages]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_at_once(self, server: Server, arch: Arch, tmp_path: Path) -> None:
        """They make one root between them, and each package is fetched once."""
        sets = [("libthing-dev",)] * 4 + [("libthing1",)] * 2
        runs = [self.start(server, arch, tmp_path / "cache", *packages) for packages in sets]
        said = [run.communicate(timeout=300) for run in runs]
        assert [run.returncode for run in runs] == [0] * 6, said
        assert [len({out for out, _ in part}) for part in (said[:4], said[4:])] == [1, 1]
        asked = debs_asked(server)
        assert sorted(set(asked)) == sorted(asked)

    @pytest.mark.slow
    def test_killed_at_any_time(self, server: Server, arch: Arch, archive: Archive, tmp_path: Path) -> None:
        """Whatever a killed run leaves, the next one comes to the right end, and nothing of it goes on."""
        archive.add("libbig", {f"{LIB}/libbig.so.{n}": os.urandom(100_000).hex() for n in range(20)})
        archive.publish("first", "arm64")
        cache = tmp_path / "cache"
        whole = self.start(server, arch, tmp_path / "reference", "libbig")
        start = time.monotonic()
        assert whole.wait(timeout=300) == 0
        lasted = time.monotonic() - start
        for share in (0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.9, 0.95):
            run = self.start(server, arch, cache, "libbig")
            time.sleep(share * lasted)
            run.send_signal(signal.SIGKILL)
            run.communicate()
        final = self.start(server, arch, cache, "libbig")
        out, err = final.communicate(timeout=300)
        assert final.returncode == 0, err
        assert contents(Path(out.strip())) == contents(next((tmp_path / "reference/roots").glob("*/")))
        assert not list((cache / "roots").glob(".*.*"))

    def test_threads(self, make: Make) -> None:
        with ThreadPoolExecutor(4) as pool:
            roots = set(pool.map(lambda _: make("libthing-dev").root, range(4)))
        assert len(roots) == 1


def contents(root: Path) -> dict[str, str]:
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        found[name] = os.readlink(path) if path.is_symlink() else "/" if path.is_dir() else digest(path)
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestEntries:
    def read(self, folder: Path, monkeypatch: pytest.MonkeyPatch, debian: str = "arm64", **files: str) -> list[str]:
        monkeypatch.setattr(aptsources, "codename", lambda: "bookworm")
        paths = []
        for name, text in files.items():
            paths.append(folder / name.replace("_", "."))
            paths[-1].write_text(text)
        return [entry.stanza("trixie") for entry in entries(debian, paths)]

    def test_deb822(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The main archive for another suite, with its keyring; not its pockets, security, or anybody else's."""
        text = """\
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: amd64
Languages: none
# a comment
Signed-By: /usr/share/keyrings/x.gpg
Check-Valid-Until: no

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://third.example/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
        assert self.read(tmp_path, monkeypatch, x_sources=text) == [
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main contrib\n"
            "Signed-By: /usr/share/keyrings/x.gpg\nCheck-Valid-Until: no\n"
        ]

    def test_a_key_within(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
        text = f"Types: deb\nURIs: http://a.example\nSuites: bookworm\nComponents: main\nSigned-By:{key}\n"
        (stanza,) = self.read(tmp_path, monkeypatch, x_sources=text)
        assert stanza.endswith(f"Components: main\nSigned-By: {key}\n")

    def test_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = """\
# deb http://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/a.gpg,/b.gpg trusted=yes] https://mirror.example/debian/ bookworm main contrib # ours
deb https://mirror.example/debian bookworm-updates main
deb-src https://mirror.example/debian bookworm main
"""
        assert self.read(tmp_path, monkeypatch, sources_list=text) == [
            "Types: deb\nURIs: https://mirror.example/debian\nSuites: trixie\nComponents: main contrib\n"
            "Signed-By: /a.gpg /b.gpg\nTrusted: yes\n"
        ]

    def test_made_for_the_architecture(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where ports live elsewhere and the machine knows, that is the place."""
        text = """\
deb [arch=amd64] http://mirror.example/main bookworm main
deb [arch=arm64,riscv64] http://mirror.example/ports bookworm main
"""
        ports = self.read(tmp_path, monkeypatch, sources_list=text)
        assert [stanza.split()[3] for stanza in ports] == ["http://mirror.example/ports"]
        others = self.read(tmp_path, monkeypatch, debian="i386", sources_list=text)
        assert [stanza.split()[3] for stanza in others] == ["http://mirror.example/main", "http://mirror.example/ports"]

    def test_a_mirror_on_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """apt copies from it, for it leaves a file: archive's packages where they are."""
        (stanza,) = self.read(tmp_path, monkeypatch, sources_list="deb file:/srv/debian bookworm main\n")
        assert "URIs: copy:/srv/debian\n" in stanza

    def test_this_machine(self) -> None:
        """No test of ours can know more: whatever apt has here can be read."""
        for entry in entries("arm64"):
            assert re.match(r"\w+:/", entry.uri)


class TestFlags:
    MADE = Sysroot(Path("/cache/root"), "i386-linux-gnu", "ld-linux.so.2", "s", {}, "f")

    def test_compile(self) -> None:
        folders = ("/in/usr/include/i386-linux-gnu", "/in/usr/include")
        assert self.MADE.compile_flags("/in") == ("-isystem", folders[0], "-isystem", folders[1])
        assert self.MADE.compile_flags("/in", "-I") == ("-I", folders[0], "-I", folders[1])

    def test_link(self) -> None:
        folder = "/in/usr/lib/i386-linux-gnu"
        assert self.MADE.link_flags("/in") == (f"-L{folder}", f"-Wl,-rpath-link,{folder}")

    def test_places(self) -> None:
        assert self.MADE.loader == Path("/cache/root/usr/lib/i386-linux-gnu/ld-linux.so.2")


ZLIB = """\
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <stdatomic.h>
#include <gnu/libc-version.h>
#include <zlib.h>
#ifndef PATH_MAX
#error limits.h is half of one
#endif
_Atomic unsigned char small;
int main(void)
{
    char in[] = "hello hello hello hello", out[100], back[100];
    uLongf packed = sizeof out, unpacked = sizeof back;
    atomic_fetch_add(&small, 1);
    if (compress((Bytef *)out, &packed, (Bytef *)in, sizeof in) ||
        uncompress((Bytef *)back, &unpacked, (Bytef *)out, packed) || strcmp(in, back))
        return 1;
    printf("%s %s %s %d.%d\\n", ZLIB_VERSION, zlibVersion(), gnu_get_libc_version(), __GLIBC__, __GLIBC_MINOR__);
    return 0;
}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Arch], Sysroot]:
    cache = tmp_path_factory.mktemp("real")
    guard = threading.Lock()

    def get(arch: Arch) -> Sysroot:
        with guard:
            return sysroot(arch, ["zlib1g-dev"], cache)

    return get


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aarch64", "i686", "riscv64"])
class TestDebian:
    """zlib from the machine's own archive: 10 MB an architecture."""

    @pytest.mark.parametrize("compiler", ["gcc", "clang", "zig"])
    def test_zlib(self, real: Callable[[Arch], Sysroot], tmp_path: Path, name: str, compiler: str) -> None:
        """A program is compiled, linked and run against zlib and libc of the root, and of nothing else."""
        arch = arches()[name]
        made = real(arch)
        libc = made.packages["libc6"].partition("-")[0]
        zig = f"{arch.triple.replace('i686', 'x86')}.{libc}"
        words = {
            "gcc": [f"{arch.triple}-gcc"],
            "clang": ["clang", f"--target={arch.triple}"],
            "zig": ["zig", "cc", "-target", zig],
        }[compiler]
        for program in (words[0], arch.emulator):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        (tmp_path / "z.c").write_text(ZLIB)
        inside = str(made.root)
        flags = [*made.compile_flags(inside), *made.link_flags(inside), "-lz"]
        if compiler == "gcc":
            flags.append("-latomic")  # gcc 12 needs it on riscv64; it comes from the cross compiler's own libraries
        built = [*words, "-Wall", "-Wextra", "-Werror", f"{tmp_path}/z.c", "-o", f"{tmp_path}/z", *flags]
        done = subprocess.run(built, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        elf = read_elf(tmp_path / "z")
        assert elf and arch.makes(elf.machine, elf.bits)
        assert elf.interpreter == arch.loader
        # Only the library folder and the loader, where the sandbox will put them.
        (tmp_path / "prefix/lib").mkdir(parents=True)
        (tmp_path / "prefix/lib" / arch.multiarch).symlink_to(made.library_folder)
        (tmp_path / "prefix" / arch.loader.lstrip("/")).symlink_to(made.loader)
        run = [arch.emulator, "-L", f"{tmp_path}/prefix", f"{tmp_path}/z"]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        words = done.stdout.split()
        assert words[0] == words[1] in made.packages["zlib1g"]
        assert words[2:] == [libc, libc]

    def test_every_library_is_there(self, real: Callable[[Arch], Sysroot], name: str) -> None:
        """No shared library needs one that is not in the library folder, and no link dangles."""
        made = real(arches()[name])
        for path in made.library_folder.glob("*.so*"):
            assert path.exists(), path
            elf = read_elf(path)
            for needed in elf.needed if elf else ():
                assert (made.library_folder / needed).exists(), f"{path.name} needs {needed}"

    def test_record(self, real: Callable[[Arch], Sysroot], name: str) -> None:
        made = real(arches()[name])
        record = json.loads(next(made.root.parent.glob(f"{name}-*.json")).read_text())
        assert record["packages"]["zlib1g-dev"]
        assert {"libc6", "libc6-dev", "libgcc-s1"} <= made.packages.keys()
