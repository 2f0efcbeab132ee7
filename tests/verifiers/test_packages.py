"""Debian packages: asking dpkg, and installing through an apt-get that does as told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from verifiers import packages
from verifiers.packages import InstallFailed, PackagesMissing, install, install_line, missing, versions

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="no dpkg here")

DPKG = """#!/bin/sh
shift 3
for name; do [ -e "$STATE/$name" ] && printf '%s\\t%s:amd64\\tinstalled\\t1.0\\n' "$name" "$name"; done
exit 1
"""
APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >>"$STATE/.calls"
case "$*" in
*update*) touch "$STATE/.updated" ;;
*install*)
    if [ -e "$STATE/.stale" ] && [ ! -e "$STATE/.updated" ]; then echo "E: Failed to fetch x 404"; exit 100; fi
    if [ -e "$STATE/.broken" ]; then echo "Reading..."; echo "E: Unable to locate package nope"; exit 100; fi
    while [ "$1" != -- ]; do shift; done; shift
    [ -e "$STATE/.lazy" ] || for name; do touch "$STATE/$name"; done ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose dpkg-query and apt-get are ours, and whose user is root; returns its state folder."""
    state = tmp_path / "state"
    state.mkdir()
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, text in (("dpkg-query", DPKG), ("apt-get", APT)):
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(state))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "_have_lists", lambda: True)
    return state


def calls(state: Path) -> list[str]:
    path = state / ".calls"
    return path.read_text().splitlines() if path.exists() else []


@needs_dpkg
class TestReal:
    def test_versions(self) -> None:
        """Installed packages have versions, also when asked for with an architecture; others are left out."""
        found = versions(["dpkg", "no-such-package-here"])
        assert list(found) == ["dpkg"]
        assert found["dpkg"][0].isdigit()

    def test_missing(self) -> None:
        """What is missing is told in the order asked, each once."""
        assert missing(["zz-none", "dpkg", "aa-none", "zz-none"]) == ["zz-none", "aa-none"]


class TestInstall:
    def test_nothing_to_do(self, machine: Path) -> None:
        """Installed packages cost one question and no word."""
        (machine / "tcl").touch()
        said: list[str] = []
        assert install(["tcl"], said.append) == []
        assert (said, calls(machine)) == ([], [])

    def test_installs_what_is_missing(self, machine: Path) -> None:
        """Only the missing ones are installed, without questions; one line says which."""
        (machine / "tcl").touch()
        said: list[str] = []
        assert install(["tcl", "bubblewrap"], said.append) == ["bubblewrap"]
        assert said == ["installing Debian packages: bubblewrap"]
        (call,) = calls(machine)
        assert call.startswith("noninteractive ")
        assert call.endswith("install -y --no-install-recommends -- bubblewrap")

    def test_stale_lists(self, machine: Path) -> None:
        """An index that names files that are gone is brought up to date, and the installation tried again."""
        (machine / ".stale").touch()
        assert install(["tcl"], print) == ["tcl"]
        assert [call.split()[-1] for call in calls(machine)] == ["tcl", "update", "tcl"]

    def test_no_lists(self, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine without lists (a container) gets them first."""
        monkeypatch.setattr(packages, "_have_lists", lambda: False)
        (machine / ".stale").touch()
        install(["tcl"], print)
        assert [call.split()[-1] for call in calls(machine)] == ["update", "tcl"]

    def test_apt_fails(self, machine: Path) -> None:
        """apt's own reason is in the error, with the line to try by hand."""
        (machine / ".broken").touch()
        with pytest.raises(
            InstallFailed, match=r"Unable to locate package nope; try by hand: apt-get install -y .* nope"
        ):
            install(["nope"], print)

    def test_apt_lies(self, machine: Path) -> None:
        """An apt-get that exits 0 without the package is not believed."""
        (machine / ".lazy").touch()
        with pytest.raises(InstallFailed, match="tcl did not come in"):
            install(["tcl"], print)

    def test_not_root(self, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who may not install is told the exact line, and nothing is tried."""
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(PackagesMissing, match=r"sudo apt-get install -y --no-install-recommends tcl$"):
            install(["tcl"], print)
        assert calls(machine) == []

    def test_no_dpkg(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """On another distribution all are missing, and the error is the same one line."""
        monkeypatch.setenv("PATH", str(tmp_path))
        assert missing(["tcl"]) == ["tcl"]
        with pytest.raises(PackagesMissing):
            install(["tcl"], print)

    def test_line_names_each_once(self) -> None:
        """The line to copy has no doubles."""
        assert install_line(["a", "b", "a"]).endswith(" a b")
