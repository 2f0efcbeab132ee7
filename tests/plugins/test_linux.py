"""The Linux plugin: its data, the commands that it makes and its first program; a real build is in tests/e2e."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from compiler.arches import arch, arches
from plugins import linux
from verifiers import requirements
from verifiers.results import CaseOutcome, Depth, Reason

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

FOLDER = Path(linux.__file__).parent
ARCHES = ("x86_64", "i686", "aarch64", "riscv64")
VERSIONS = ("6.12.107", "6.1.176", "6.9")


def workspace(
    tmp_path: Path, name: str = "x86_64", depth: Depth = Depth.SMOKE, version: str = VERSIONS[0]
) -> Workspace:
    """The few parts of a workspace that the recipe uses, keeping what it runs and writes."""
    ran: list[tuple[str, ...]] = []
    written: dict[str, str] = {}
    work = SimpleNamespace(
        **{"src": "/cell/src", "build": "/cell/build", "cc": "cc", "host_cc": "hostcc", "oracle_cc": "oracle-cc"},
        **{"arch": arch(name), "depth": depth, "cross": name != "x86_64", "source": SimpleNamespace(version=version)},
        root=tmp_path / "0123456789ab" / "cell",
        host_path=lambda inside: tmp_path / inside.removeprefix("/cell/"),
        run=lambda *argv: ran.append(argv),
        write=written.__setitem__,
        ran=ran,
        written=written,
    )
    return cast("Workspace", work)


class TestConfiguration:
    @pytest.mark.parametrize("name", ARCHES)
    @pytest.mark.parametrize("depth", Depth)
    def test_fragments(self, tmp_path: Path, name: str, depth: Depth) -> None:
        """A console for each arch; what a depth's checks need; settings have one value each."""
        lines = linux.Linux().wanted(workspace(tmp_path, name, depth)).splitlines()
        names = re.findall(r"CONFIG_\w+", "\n".join(line for line in lines if not line.startswith("# W")))
        assert len(names) == len(set(names)), names
        assert any(re.fullmatch(r"CONFIG_SERIAL_\w+_CONSOLE=y", line) for line in lines)
        assert ("CONFIG_EXT4_FS=y" in lines) == (depth is not Depth.SMOKE)
        assert ("CONFIG_KUNIT=y" in lines) == (depth is Depth.STANDARD)

    def test_what_a_version_lacks(self, tmp_path: Path) -> None:
        """6.1 has no RISCV_ISA_FALLBACK: wanted, it would be dropped."""
        texts = [linux.Linux().wanted(workspace(tmp_path, "riscv64", version=each)) for each in VERSIONS]
        assert ["CONFIG_RISCV_ISA_FALLBACK=y" in text for text in texts] == [True, False, True]

    def test_begins_with_the_kernel_s_own(self, tmp_path: Path) -> None:
        """The tiny configuration of all, and of the arch where it has one."""
        place = tmp_path / "src" / "kernel" / "configs"
        place.mkdir(parents=True)
        (place / "tiny.config").write_text("CONFIG_SLUB=y\n")
        assert linux.Linux().base(workspace(tmp_path, "riscv64")) == "CONFIG_SLUB=y\n"
        assert linux.Linux().base(workspace(tmp_path, depth=Depth.FULL)) == ""

    def test_full_is_the_arch_s_default(self, tmp_path: Path) -> None:
        """By a name that does not depend on the build machine."""
        made = [linux.Linux().default(workspace(tmp_path, each, Depth.FULL)) for each in ARCHES]
        assert made == ["x86_64_defconfig", "i386_defconfig", "defconfig", "defconfig"]


class TestBuild:
    def test_is_told_its_compilers(self, tmp_path: Path) -> None:
        """And no number of jobs, which the jobserver gives."""
        work = workspace(tmp_path, "riscv64")
        linux.Linux().build(work)
        make, oracle, _ = work.ran  # type: ignore[attr-defined]
        assert {"CC=cc", "HOSTCC=hostcc", "CROSS_COMPILE=riscv64-linux-gnu-", "ARCH=riscv", "Image"} < set(make)
        assert not any(word.startswith("-j") for word in make)
        assert oracle[0] == "oracle-cc" and "-static" in oracle

    @pytest.mark.parametrize("depth", Depth)
    def test_what_it_starts_with(self, tmp_path: Path, depth: Depth) -> None:
        """The first program, and what its checks read."""
        work = workspace(tmp_path, depth=depth)
        linux.Linux().build(work)
        files = re.findall(r"^file (\S+)", work.written["ccverify/files"], re.MULTILINE)
        further = {Depth.SMOKE: [], Depth.STANDARD: ["/ext4.img", "/test_module.ko"], Depth.FULL: ["/ext4.img"]}
        assert files == ["/init", *further[depth]]


class TestBoot:
    @pytest.mark.parametrize("name", ARCHES)
    def test_command(self, tmp_path: Path, name: str) -> None:
        """The target's emulator, its image and its console; never KVM."""
        (suite,) = linux.Linux().suites(workspace(tmp_path, name))
        words = suite.argv
        assert words[0] == arch(name).system_emulator and "-no-reboot" in words
        assert {"tcg", "shift=3,sleep=off"} < set(words)  # neither KVM nor the host's clock
        image = words[words.index("-kernel") + 1]
        assert image == f"/cell/build/arch/{arch(name).kernel}/boot/{arch(name).kernel_image}"
        assert words[-1] == f"console={arch(name).system_console} panic=-1 reboot=t"
        assert suite.emulates

    def test_further_checks_are_the_program_s(self, tmp_path: Path) -> None:
        """By the names that it knows them by, and all of them at standard."""
        (suite,) = linux.Linux().suites(workspace(tmp_path, depth=Depth.STANDARD))
        asked = suite.argv[-1].partition(" -- ")[2].split()
        known = re.findall(r'\{"([\w-]+)", \w+, (true|false)\}', (FOLDER / "init.c").read_text())
        assert asked == [name for name, always in known if always == "false"]
        assert len(known) == 25

    def test_only_this_run_s_image_passes(self, tmp_path: Path) -> None:
        """Another work folder's says so in its banner."""
        work = workspace(tmp_path)
        (suite,) = linux.Linux().suites(work)
        arguments = linux.Linux().make_arguments(work)
        assert {"KBUILD_BUILD_USER=ccverify", "KBUILD_BUILD_HOST=0123456789ab"} < set(arguments)
        banner = "Linux version 6.12.107 (ccverify@{}) (gcc) #1 Sun Nov 22\r\n"
        for builder, outcome in (("0123456789ab", CaseOutcome.PASS), ("ba9876543210", CaseOutcome.FAIL)):
            found = {case.name: case for case in suite.parse([banner.format(builder).encode()])}
            assert found["banner"].outcome is outcome
            assert found["kernel"].reason is Reason.BOOT_FAILURE

    def test_both_formats_are_read_at_standard(self, tmp_path: Path) -> None:
        """KUnit's tests are cases beside the checks."""
        (suite,) = linux.Linux().suites(workspace(tmp_path, depth=Depth.STANDARD))
        lines = [b"KTAP version 1\n", b"1..1\n", b"    # Subtest: s\n", b"    1..1\n", b"    ok 1 t\n", b"ok 1 s\n"]
        assert [case.name for case in suite.parse([*lines, b"ccverify-init: ok files\n"])][:1] == ["files"]
        assert "kunit/s/t" in {case.name for case in suite.parse(lines)}


class TestFirstProgram:
    @pytest.mark.parametrize("name", ARCHES)
    def test_is_built_without_a_warning(self, tmp_path: Path, name: str) -> None:
        """By the arch's oracle, statically."""
        compiler = next((each for each in arch(name).oracle if shutil.which(each)), "")
        if not compiler:
            pytest.skip(f"no oracle for {name}")
        flags = ("-O1", "-Wall", "-Wextra", "-Werror", "-static")
        subprocess.run([compiler, *flags, "-o", tmp_path / "init", FOLDER / "init.c"], check=True)

    def test_refuses_to_be_an_ordinary_program(self, tmp_path: Path) -> None:
        """It restarts the machine."""
        if not shutil.which("gcc"):
            pytest.skip("no gcc")
        subprocess.run(["gcc", "-O1", "-o", tmp_path / "init", FOLDER / "init.c"], check=True)
        done = subprocess.run([tmp_path / "init"], capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b"")


def test_packages() -> None:
    """The emulator is the target's own."""
    recipe = linux.Linux()
    for each in arches().values():
        names = requirements.of_run([(recipe, each)], Depth.SMOKE, "none")
        assert set(each.system_emulator_packages) <= set(names) and "xz-utils" in names
