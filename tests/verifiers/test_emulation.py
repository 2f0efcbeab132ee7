"""Another machine's programs run here: real cross compilers, the real emulator."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from compiler.arches import arch
from verifiers.emulation import NATIVE, CannotRun, Foreign, foreign, registration, wrap
from verifiers.ldcache import own_libraries
from verifiers.limits import Limits
from verifiers.process import SandboxFailed
from verifiers.sandbox import sandbox_for

HELLO = """
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char *next[] = {"inner name", NULL};
    printf("%s %d %s\\n", argv[0], (int)sizeof(long), argc > 1 ? argv[1] : "-");
    fflush(stdout);
    return argc > 1 ? (execv(argv[1], next), 1) : 0;
}
"""
CROSS = ("aarch64", "i686", "riscv64")


def build(name: str, folder: Path) -> None:
    (folder / "hello.c").write_text(HELLO)
    compiler = shutil.which(arch(name).oracle[0])
    if not compiler:
        pytest.skip(f"no cross compiler for {name}; `verify doctor --install --for-tests` brings it")
    subprocess.run([compiler, "-o", "hello", "hello.c"], cwd=folder, check=True)


class Try:
    """Runs commands in fresh sandboxes over one folder."""

    def __init__(self, folder: Path, name: str = "bubblewrap") -> None:
        self.folder, self.name, self.said = folder, name, b""

    def __call__(self, way: Foreign, command: Sequence[str]) -> bool:
        sandbox = sandbox_for(self.name, self.folder / "cell", way)
        with (self.folder / "log").open("wb") as log:
            try:
                done = sandbox.run(command, cwd=sandbox.inside, env={}, log=log, limits=Limits(seconds=60))
            except SandboxFailed:
                return False
        self.said = (self.folder / "log").read_bytes()
        return done.ok


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    for path in (tmp_path, *tmp_path.parents[:3]):
        path.chmod(path.stat().st_mode | 0o011)
    return Try(tmp_path)


class TestForeign:
    def test_own_programs_need_nothing(self, attempt: Try) -> None:
        """This machine's arch is not tried at all."""
        assert foreign(arch("x86_64"), "bubblewrap", lambda way, command: False) == NATIVE

    @pytest.mark.parametrize("name", CROSS)
    def test_programs_start_programs(self, name: str, attempt: Try) -> None:
        """A target program by its path, which starts another one under an argv[0] of its own choice."""
        way = foreign(arch(name), "bubblewrap", attempt)
        work = Path(sandbox_for("bubblewrap", attempt.folder / "cell").inside)
        build(name, attempt.folder / "cell")
        assert attempt(way, ["sh", "-c", f"{work}/hello {work}/hello"]), attempt.said
        size = arch(name).bits // 8
        assert attempt.said.decode() == f"{work}/hello {size} {work}/hello\ninner name {size} -\n"

    @pytest.mark.parametrize("name", CROSS)
    def test_libraries_are_of_one_build(self, name: str, attempt: Try) -> None:
        """Also where the machine has a libc for that arch of its own: with another loader's, programs hang."""
        way = foreign(arch(name), "bubblewrap", attempt, own_libraries(attempt.folder / "cache"))
        work = Path(sandbox_for("bubblewrap", attempt.folder / "cell").inside)
        build(name, attempt.folder / "cell")
        assert attempt(way, [f"{arch(name).sysroot}/lib/{Path(arch(name).loader).name}", "--list", f"{work}/hello"])
        found = re.findall(r"libc\.so\.6 => (\S+)", attempt.said.decode())
        assert found == [f"/lib/{arch(name).multiarch}/libc.so.6"]

    def test_nothing_is_left_on_the_host(self, attempt: Try) -> None:
        """The registration is known inside the run and nowhere else."""
        before = Path("/proc/mounts").read_text()
        way = foreign(arch("aarch64"), "bubblewrap", attempt)
        if not way.binfmt:
            pytest.skip("this kernel has no binfmt_misc for a user namespace (Linux 6.7)")
        assert attempt(way, ["cat", "/proc/sys/fs/binfmt_misc/ccverify-aarch64"])
        assert b"interpreter" in attempt.said
        assert not list(Path("/proc/sys/fs/binfmt_misc").glob("ccverify*"))
        assert Path("/proc/mounts").read_text() == before

    def test_still_an_ordinary_user(self, attempt: Try) -> None:
        """PostgreSQL refuses root, and root of a namespace could undo what was mounted."""
        way = foreign(arch("aarch64"), "bubblewrap", attempt)
        assert attempt(
            way, ["sh", "-c", "id -u; grep CapEff /proc/self/status; umount /proc/sys/fs/binfmt_misc || echo no"]
        )
        said = attempt.said.decode()
        assert re.search(r"^64801$", said, re.MULTILINE)
        assert re.search(r"^CapEff:\s0+$", said, re.MULTILINE)
        assert said.endswith("no\n")

    def test_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without an emulator there is no way."""
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(CannotRun, match=r"qemu-aarch64 is missing|ld-linux-aarch64.so.1 is missing"):
            foreign(arch("aarch64"), "bubblewrap", lambda way, command: False)


class TestWrap:
    @pytest.mark.parametrize("name", CROSS)
    def test_scripts_stand_in(self, name: str, attempt: Try) -> None:
        """Where the kernel cannot be told: also for what such a program starts, and for a copy of the script."""
        ways: list[Foreign] = []

        def wrappers_only(way: Foreign, command: Sequence[str]) -> bool:
            ways.append(way)
            return bool(way.wrapper) and attempt(way, command)

        way = foreign(arch(name), "bubblewrap", wrappers_only)
        work = attempt.folder / "cell"
        build(name, work)
        inside = sandbox_for("bubblewrap", work).inside
        assert wrap(work, inside, arch(name), way.wrapper) == 1
        assert wrap(work, inside, arch(name), way.wrapper) == 0, "a wrapped program is not wrapped again"
        shutil.copy(work / "hello", work / "home" / "copied")
        assert attempt(way, ["sh", "-c", f"{inside}/home/copied {inside}/hello"]), attempt.said
        assert attempt.said.decode().splitlines()[1].endswith(f" {arch(name).bits // 8} -")

    def test_leaves_other_files_alone(self, tmp_path: Path) -> None:
        """This machine's programs, libraries, scripts and links stay what they are."""
        shutil.copy("/bin/true", tmp_path / "true")
        (tmp_path / "script").write_text("#!/bin/sh\n")
        (tmp_path / "script").chmod(0o755)
        (tmp_path / "link").symlink_to("/bin/true")
        assert wrap(tmp_path, "/cell", arch("aarch64"), ("qemu-aarch64",)) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "script", "true"]


class TestRegistration:
    def test_is_what_debian_registers(self) -> None:
        """Magic and mask for each arch, against the package's own files."""
        for name in ("aarch64", "riscv64"):
            found = Path(f"/usr/lib/binfmt.d/qemu-{name}.conf")
            if not found.exists():
                pytest.skip("qemu-user-binfmt is not installed")
            theirs = found.read_text().split(":")
            ours = registration(arch(name), "/usr/bin/qemu").split(":")
            assert [each.encode().decode("unicode_escape") for each in ours[4:6]] == [
                each.encode().decode("unicode_escape") for each in theirs[4:6]
            ]
