"""Unpacking: what good archives come to, and that hostile ones leave nothing anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifiers.archive import ArchiveError, extract
from verifiers.errors import Unwritable
from verifiers.results import Reason

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mtime = 1_000_000_000
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def link(name: str, target: str) -> Member:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Member:
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def folder(name: str) -> Member:
    return member(name, type=tarfile.DIRTYPE, mode=0o755)


def tar(*members: Member, form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[..., Path]:
    """Unpack members, or an archive's bytes, into <tmp_path>/a/b/into."""

    def run(*members: Member | bytes, limit: int | None = None) -> Path:
        data = members[0] if isinstance(members[0], bytes) else tar(*members)  # type: ignore[arg-type]
        (tmp_path / "x.tar").write_bytes(data)
        return extract(tmp_path / "x.tar", tmp_path / "a/b/into", limit=limit)

    return run


@pytest.fixture
def refuse(unpack: Callable[..., Path], tmp_path: Path) -> Callable[..., str]:
    """Unpack what must be refused; return the message, having looked that nothing at all was left behind."""

    def run(*members: Member | bytes, limit: int | None = None) -> str:
        with pytest.raises(ArchiveError) as caught:
            unpack(*members, limit=limit)
        assert caught.value.reason == Reason.ARCHIVE
        assert listing(tmp_path) == ["a", "a/b", "a/b/into", "x.tar"]
        return str(caught.value)

    return run


PACKS = pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["tar", "gz", "bz2", "xz"]
)
GOOD = (folder("p-1"), member("p-1/configure", b"#!/bin/sh\n", mode=0o755), member("p-1/src/a.c", b"int a;\n"))


class TestGood:
    @PACKS
    def test_compressions(self, unpack: Callable[..., Path], pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
        """Each compression is recognised by its first bytes, not its name."""
        top = unpack(pack(tar(*GOOD)))
        assert top == tmp_path / "a/b/into/p-1"
        assert listing(top) == ["configure", "src", "src/a.c"]
        assert (top / "src/a.c").read_bytes() == b"int a;\n"

    def test_zstd(self, unpack: Callable[..., Path]) -> None:
        """zstd, where its program is there."""
        try:
            data = subprocess.run(["zstd", "-qc"], input=tar(*GOOD), capture_output=True, check=True).stdout
        except OSError:
            pytest.skip("no zstd here")
        assert unpack(data).name == "p-1"

    def test_several_tops(self, unpack: Callable[..., Path], tmp_path: Path) -> None:
        """An archive without a single folder at its top unpacks to the folder given."""
        assert unpack(member("a.c", b"1"), member("b.c", b"2")) == tmp_path / "a/b/into"
        assert listing(tmp_path / "a/b/into") == ["a.c", "b.c"]

    def test_modes_and_times(self, unpack: Callable[..., Path]) -> None:
        """Files are 0644 or 0755, setuid and setgid are gone, and times are kept, for make goes by them."""
        mask = os.umask(0o077)
        try:
            top = unpack(member("p/a", mode=0o4777), member("p/b", mode=0o2600), member("p/c", mode=0o666))
        finally:
            os.umask(mask)
        assert [stat.S_IMODE((top / name).stat().st_mode) for name in "abc"] == [0o755, 0o644, 0o644]
        assert (top / "a").stat().st_mtime == 1_000_000_000

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_long_and_foreign_names(self, unpack: Callable[..., Path], form: int) -> None:
        """Names beyond ustar's 100 bytes, and in any script, in both long forms; also of links."""
        long = "p/" + "/".join(["d" * 90] * 4) + "/ärger 🙂.c"
        top = unpack(tar(member(long, b"x"), hard("p/h", long), link("p/" + "l" * 150, long[2:]), form=form))
        assert (top.parent / long).read_bytes() == b"x"
        assert (top / "h").read_bytes() == (top / ("l" * 150)).read_bytes() == b"x"

    def test_links_inside(self, unpack: Callable[..., Path]) -> None:
        """Relative links within the archive are kept, also upwards, dangling, or to links; hard links are."""
        top = unpack(
            member("p/inc/a.h", b"h"),
            link("p/arch/x/inc", "../../inc"),
            link("p/again", "arch/x/inc/a.h"),
            link("p/dangling", "not/there"),
            hard("p/hard.h", "p/inc/a.h"),
        )
        assert (top / "again").read_bytes() == b"h"
        assert os.readlink(top / "dangling") == "not/there"
        assert (top / "hard.h").samefile(top / "inc/a.h")

    @pytest.mark.parametrize("when", ["nan", "inf", "1e300", "-1e300"])
    def test_times_that_are_none(self, unpack: Callable[..., Path], when: str) -> None:
        """A modification time that no file system takes is left out."""
        packed = tar(member("p/a", b"x", pax_headers={"mtime": when}), form=tarfile.PAX_FORMAT)
        assert (unpack(packed) / "a").read_bytes() == b"x"

    def test_later_member_replaces(self, unpack: Callable[..., Path]) -> None:
        """Of two files of one name the later one counts, as with tar, and its hard links are not written through."""
        top = unpack(member("p/a", b"old"), hard("p/b", "p/a"), member("p/a", b"new"))
        assert ((top / "a").read_bytes(), (top / "b").read_bytes()) == (b"new", b"old")

    def test_global_pax_header(self, unpack: Callable[..., Path]) -> None:
        """git archive's comment is no file."""
        out = io.BytesIO()
        with tarfile.open(
            fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0123abcd"}
        ) as file:
            file.addfile(*[member("p/a")[0], io.BytesIO()])
        assert listing(unpack(out.getvalue())) == ["a"]

    def test_like_the_systems_tar(self, tmp_path: Path) -> None:
        """What GNU tar packs unpacks to the same tree."""
        source = tmp_path / "tree-1"
        (source / "deep" / ("n" * 120)).mkdir(parents=True)
        (source / "deep" / ("n" * 120) / "f").write_bytes(os.urandom(100_001))
        (source / "empty").touch()
        (source / "exact").write_bytes(bytes(1024))
        (source / "l").symlink_to("deep")
        for form in ("gnu", "pax", "ustar", "v7"):
            # v7 and ustar do not take the long name
            extra = ["--exclude=deep"] if form in ("v7", "ustar") else []
            packed = tmp_path / f"{form}.tar"
            subprocess.run(
                ["tar", "-C", str(tmp_path), f"--format={form}", *extra, "-cf", packed, "tree-1"], check=True
            )
            top = extract(packed, tmp_path / form)
            compare = ["diff", "-r", "--no-dereference", *(["-x", "deep"] if extra else []), str(source), str(top)]
            assert subprocess.run(compare, capture_output=True, text=True).stdout == ""

    def test_leftovers_of_a_killed_run(self, unpack: Callable[..., Path], tmp_path: Path) -> None:
        """What a killed extraction left is removed first."""
        stale = tmp_path / "a/b/into/.unpacking/p-1"
        stale.mkdir(parents=True)
        (stale / "half").touch()
        assert listing(unpack(*GOOD)) == ["configure", "src", "src/a.c"]
        assert listing(tmp_path / "a/b/into") == ["p-1", "p-1/configure", "p-1/src", "p-1/src/a.c"]

    def test_nothing_is_overwritten(self, unpack: Callable[..., Path], tmp_path: Path) -> None:
        """A folder that is there already stays as it is."""
        there = tmp_path / "a/b/into/p-1"
        there.mkdir(parents=True)
        with pytest.raises(ArchiveError, match="already there"):
            unpack(*GOOD)
        assert listing(there) == []


class TestHostile:
    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("../evil", "goes up"),
            ("p/../../evil", "goes up"),
            ("p/x/..", "goes up"),
            ("/etc/evil", "absolute"),
            ("//evil", "absolute"),
            ("p/new\nline", "control characters"),
            ("p/esc\x1b[2J", "control characters"),
            ("p/del\x7f", "control characters"),
            ("p/" + "n" * 256, "cannot be a file's name"),
            (".", "a member has the name"),
        ],
    )
    def test_names(self, refuse: Callable[..., str], name: str, said: str) -> None:
        """A name that leaves, or that no source tree has a use for, refuses the archive."""
        assert said in refuse(*GOOD, member(name, b"x"))

    def test_folder_names(self, refuse: Callable[..., str]) -> None:
        """The same for folders."""
        assert "goes up" in refuse(*GOOD, folder("p-1/../../evil"))

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "../..", "a/../../../x", "", "new\nline"])
    def test_links_that_leave(self, refuse: Callable[..., str], target: str) -> None:
        """A symbolic link leads nowhere but into the archive."""
        assert "link" in refuse(*GOOD, link("p-1/l", target))

    def test_links_that_leave_together(self, refuse: Callable[..., str]) -> None:
        """Two links each harmless by its text lead out through one another: seen by where they really end."""
        said = refuse(folder("p/q/r"), link("p/q/r/s", "../../.."), link("l", "p/q/r/s/../x"))
        assert "leaves the archive" in said

    def test_writing_through_a_link(self, refuse: Callable[..., str], tmp_path: Path) -> None:
        """A file below a name that was a link before is refused: nothing is written through links."""
        (tmp_path / "a").mkdir()
        assert "something else" in refuse(link("p/l", "q"), member("p/l/evil", b"x"))

    def test_link_below_a_file(self, refuse: Callable[..., str]) -> None:
        """A file cannot be a folder too, in any order."""
        assert "something else" in refuse(member("p/f", b"x"), member("p/f/g", b"x"))
        assert "something else" in refuse(member("p/f/g", b"x"), member("p/f", b"x"))
        assert "something else" in refuse(member("p/f/g", b"x"), link("p/f", "g"))

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "p-1/missing", "p-1", "p-1/later"])
    def test_hard_links(self, refuse: Callable[..., str], target: str) -> None:
        """A hard link is to a file that came before it in the archive."""
        assert refuse(*GOOD, hard("p-1/h", target), member("p-1/later", b""))

    def test_hard_link_to_a_link_that_leaves(self, refuse: Callable[..., str]) -> None:
        """A hard link to a symbolic link is a copy of it, judged at its own place."""
        assert "leaves" in refuse(folder("p/q"), link("p/q/l", "../.."), hard("l2", "p/q/l"), link("l3", "l2/../../x"))

    @pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z", tarfile.GNUTYPE_SPARSE])
    def test_devices_and_unknown_kinds(self, refuse: Callable[..., str], kind: bytes) -> None:
        """Devices, pipes, sparse files and types nobody knows have no place in a source archive."""
        assert "'p-1/null' is " in refuse(*GOOD, member("p-1/null", type=kind, devmajor=1, devminor=3))

    def test_bomb(self, refuse: Callable[..., str]) -> None:
        """An archive that unpacks to more than the limit is refused before the disk holds it."""
        assert "more than 1,000,000 bytes" in refuse(
            gzip.compress(tar(member("p/zeros", bytes(3_000_000)))), limit=1_000_000
        )

    def test_bomb_of_many_files(self, refuse: Callable[..., str]) -> None:
        """The limit is for all files together."""
        files = [member(f"p/{number}", bytes(100_000)) for number in range(20)]
        assert "more than 1,000,000 bytes" in refuse(*files, limit=1_000_000)

    def test_bomb_of_headers(self, refuse: Callable[..., str]) -> None:
        """A long name of megabytes is not read into memory."""
        info, content = member("x", bytes(5_000_000), type=tarfile.GNUTYPE_LONGNAME)
        assert "header of 5,000,000 bytes" in refuse(tar((info, content), *GOOD))

    def test_bomb_by_default(self, refuse: Callable[..., str]) -> None:
        """Without a limit given, a small archive still cannot announce a file of a terabyte."""
        info, _ = member("p/huge")
        info.size = 1 << 40
        assert "more than" in refuse(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))

    @pytest.mark.parametrize("size", ["-5", "nine", "99999999999999999999"])
    def test_pax_sizes(self, refuse: Callable[..., str], size: str) -> None:
        """A pax header's size is judged too."""
        assert refuse(tar(member("p/a", b"x", pax_headers={"size": size, "comment": "x"}), form=tarfile.PAX_FORMAT))

    def test_file_twice_as_link(self, unpack: Callable[..., Path]) -> None:
        """A link over a file replaces it; a later file over the link is a file again, not written through."""
        top = unpack(member("p/a", b"1"), link("p/a", "b"), member("p/a", b"2"), member("p/b", b"3"))
        assert not (top / "a").is_symlink()
        assert ((top / "a").read_bytes(), (top / "b").read_bytes()) == (b"2", b"3")


class TestDamaged:
    @PACKS
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
    def test_truncated(self, refuse: Callable[..., str], pack: Callable[[bytes], bytes], share: float) -> None:
        """An archive cut anywhere before its contents' end is refused, whatever its compression."""
        data = pack(tar(*GOOD, member("p-1/big", os.urandom(100_000))))
        assert refuse(data[: int(len(data) * share)])

    def test_flipped_byte(self, refuse: Callable[..., str]) -> None:
        """A compressed archive with one wrong byte is refused by the compression's own check."""
        data = bytearray(gzip.compress(tar(*GOOD, member("p-1/big", os.urandom(100_000)))))
        data[60_000] ^= 1
        assert "damaged" in refuse(bytes(data))

    @pytest.mark.parametrize("data", [b"", b"hello", b"<html>" + b"x" * 2000, bytes(10240), gzip.compress(b"hello")])
    def test_no_archive(self, refuse: Callable[..., str], data: bytes) -> None:
        """Other files are refused in one line."""
        assert "not a tar archive" in refuse(data) or "empty" in refuse(data)

    def test_missing_file(self, tmp_path: Path) -> None:
        """An archive that is not there is named."""
        with pytest.raises(Unwritable, match=r"gone\.tar"):
            extract(tmp_path / "gone.tar", tmp_path / "into")

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_any_damage_is_one_error(self, data: st.DataObject, tmp_path: Path) -> None:
        """Whatever is overwritten in an archive: it unpacks inside its folder, or is refused; never anything else."""
        content = bytearray(
            tar(*GOOD, link("p-1/l", "src"), member("p-1/" + "n" * 150, b"x"), hard("p-1/h", "p-1/src/a.c"))
        )
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
        (tmp_path / "d.tar").write_bytes(content)
        into = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        try:
            extract(tmp_path / "d.tar", into)
        except ArchiveError:
            assert listing(into) == []


class TestDisk:
    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        path = tmp_path / "small"
        path.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(path)]
        if os.geteuid() != 0 or subprocess.run(mount).returncode:
            pytest.skip("needs root and a mount")
        yield path
        subprocess.run(["umount", str(path)], check=True)

    @pytest.mark.root
    def test_full_disk(self, small_disk: Path, tmp_path: Path) -> None:
        """A full disk is our own side's fault, named so, and what was written is removed again."""
        (tmp_path / "x.tar").write_bytes(tar(*GOOD, member("p-1/big", bytes(1_000_000))))
        with pytest.raises(Unwritable, match="No space left"):
            extract(tmp_path / "x.tar", small_disk / "into")
        assert listing(small_disk / "into") == []
