"""Reading apt's configuration: both forms, real machines' habits."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifiers.apt import Archive, archive, pool_path, read

DEB822 = """\
# Types: deb
Types: deb deb-src
# a comment in the middle
URIs: http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/x.gpg

Types: deb
URIs: http://mirror.example/debian-security/
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

ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://mirror.example/debian/ bookworm main contrib # ours
deb-src https://mirror.example/debian bookworm main
deb https://third.example/apt tool-bookworm main
deb https://third.example/pg bookworm-pgdg main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb http://old.example/security bookworm/updates main
broken
"""


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    (tmp_path / "debian.sources").write_text(DEB822)
    (tmp_path / "debian.list").write_text(ONE_LINE)
    return [tmp_path / "debian.sources", tmp_path / "debian.list"]


class TestRead:
    def test_deb822(self, sources: list[Path]) -> None:
        """A .sources file: continued lines, comments, disabled stanzas; third parties' archives are left out."""
        assert read(sources[:1], "bookworm") == Archive(
            bases=("http://mirror.example/debian",), security=("http://mirror.example/debian-security",)
        )

    def test_one_line(self, sources: list[Path]) -> None:
        """A .list file: options, comments, source lines, the older name of the security suite; no CD-ROMs."""
        assert read(sources[1:], "bookworm") == Archive(
            bases=("https://mirror.example/debian",), security=("http://old.example/security",)
        )

    def test_unknown_suites(self, sources: list[Path], tmp_path: Path) -> None:
        """Where no suite is the distribution's own (a derivative, a snapshot), every archive with main is tried."""
        (tmp_path / "x.list").write_text("deb http://derivative.example/d horse main\n")
        assert read([tmp_path / "x.list"], "bookworm").bases == ("http://derivative.example/d",)

    def test_security_pocket_in_the_archive(self, tmp_path: Path) -> None:
        """A security pocket that lies in the main archive does not make that archive a security archive."""
        (tmp_path / "x.list").write_text(
            "deb http://archive.example/ubuntu noble main\ndeb http://archive.example/ubuntu noble-security main\n"
        )
        assert read([tmp_path / "x.list"], "noble") == Archive(bases=("http://archive.example/ubuntu",))

    def test_missing_and_unreadable(self, tmp_path: Path) -> None:
        """Files that are not there, or are no text, hold no archives."""
        (tmp_path / "x.list").write_bytes(bytes(range(256)))
        assert read([tmp_path / "none.list", tmp_path / "x.list"]) == Archive()


class TestArchive:
    def test_places(self) -> None:
        """A pool file is looked for in each archive, and in a security archive below pool/updates."""
        found = Archive(bases=("http://a.example/debian",), security=("http://s.example/sec",))
        assert found.places("q/qemu/qemu_7.2%2bdfsg.orig.tar.xz") == (
            "http://a.example/debian/pool/main/q/qemu/qemu_7.2%2bdfsg.orig.tar.xz",
            "http://s.example/sec/pool/updates/main/q/qemu/qemu_7.2%2bdfsg.orig.tar.xz",
        )

    def test_pool_path(self) -> None:
        """Both ways to write a pool path mean the same."""
        assert pool_path("s/x/x.tar.gz") == pool_path("pool/main/s/x/x.tar.gz") == pool_path("/pool/main/s/x/x.tar.gz")

    def test_without_apt(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A machine without apt has no archive, and that is no error."""
        monkeypatch.setenv("PATH", str(tmp_path))
        assert archive() == Archive()

    def test_apts_own_words(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sources: list[Path]) -> None:
        """Where apt is told to read its sources elsewhere, or to use a proxy, so do we."""
        config = tmp_path / "apt.conf"
        config.write_text(
            f'Dir::Etc::sourcelist "{tmp_path}/none.list";\nDir::Etc::sourceparts "{tmp_path}";\n'
            'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::https::Proxy "DIRECT";\n'
        )
        monkeypatch.setenv("APT_CONFIG", str(config))
        found = archive()
        if found == Archive():
            pytest.skip("no apt here")
        assert set(found.bases) >= {"http://mirror.example/debian", "https://mirror.example/debian"}
        assert found.proxies == {"http": "http://proxy.example:3128"}
