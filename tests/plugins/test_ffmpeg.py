"""The FFmpeg plugin: its data, the commands that it makes and its scripts; real builds are in tests/e2e."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from plugins import ffmpeg
from plugins.ffmpeg.smoke import SMOKE
from verifiers.results import CaseOutcome, Depth
from verifiers.testformats import checkasm, fate

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.recipes.base import Suite
    from verifiers.workspace import Workspace

FOLDER = Path(ffmpeg.__file__).parent
NAMES = "adler32 checkasm-h264dsp checkasm-vf_eq filter-unsharp filter-minterpolate-up source"


def workspace(root: Path, depth: Depth = Depth.SMOKE, cross: bool = False) -> tuple[list[tuple[str, ...]], Workspace]:
    """The commands that are run, and what the recipe's steps use of a workspace; its fate-list is there."""
    ran: list[tuple[str, ...]] = []
    (root / "build").mkdir()
    (root / "build" / "fate-list").write_text(NAMES.replace(" ", "\n"))
    facts: dict[str, Any] = {
        **{"src": "/src", "build": "/build", "cc": "/bin/cc", "host_cc": "/bin/host-cc", "depth": depth},
        **{"cross": cross, "emulated": cross, "accommodations": ()},
        "arch": SimpleNamespace(triple="aarch64-linux-gnu", machine="aarch64"),
        "run": lambda *argv, **more: ran.append(argv),
        "host_path": lambda inside: root / inside.lstrip("/"),
    }
    return ran, cast("Workspace", SimpleNamespace(**facts))


def suites(root: Path, depth: Depth, cross: bool = False) -> dict[str, Suite]:
    return {suite.name: suite for suite in ffmpeg.Ffmpeg().suites(workspace(root, depth, cross)[1])}


class TestSources:
    def test_two_versions_and_the_default(self) -> None:
        """5.1.9 is what is tested unless 7.1.5 is asked for; each has a place in Debian's archive."""
        assert [source.version for source in ffmpeg.Ffmpeg.sources] == ["5.1.9", "7.1.5"]
        for source in ffmpeg.Ffmpeg.sources:
            assert source.pool == f"pool/main/f/ffmpeg/{source.filename}"
            assert source.version in source.filename


class TestConfigure:
    def arguments(self, root: Path, recipe: ffmpeg.Ffmpeg, depth: Depth, cross: bool = False) -> tuple[str, ...]:
        ran, work = workspace(root, depth, cross)
        recipe.configure(work)
        return ran[0]

    def test_compilers(self, tmp_path: Path) -> None:
        """Its own options name both; nothing says which optimisation."""
        argv = self.arguments(tmp_path, ffmpeg.Ffmpeg(), Depth.STANDARD)
        assert argv[:4] == ("/src/configure", "--cc=/bin/cc", "--host-cc=/bin/host-cc", "--disable-x86asm")
        assert not [word for word in argv if "opt" in word or "cross" in word or "everything" in word]

    def test_cross(self, tmp_path: Path) -> None:
        """The target's machine, and where its tools are."""
        argv = self.arguments(tmp_path, ffmpeg.Ffmpeg(), Depth.STANDARD, cross=True)
        assert {"--enable-cross-compile", "--arch=aarch64", "--cross-prefix=aarch64-linux-gnu-"} < set(argv)

    def test_smoke_is_a_part(self, tmp_path: Path) -> None:
        """All is off but what its file names."""
        argv = self.arguments(tmp_path, ffmpeg.Ffmpeg(), Depth.SMOKE)
        assert "--disable-everything" in argv
        assert "--enable-protocol=file,md5,pipe" in argv

    def test_assembly(self, tmp_path: Path) -> None:
        """A project of its own, for x86 alone, with nasm."""
        recipe = ffmpeg.FfmpegAsm()
        argv = self.arguments(tmp_path, recipe, Depth.STANDARD)
        assert "--enable-x86asm" in argv
        assert "--disable-x86asm" not in argv
        assert "nasm" in recipe.packages
        aarch64 = cast("Arch", SimpleNamespace(name="aarch64"))
        assert "no recipe for aarch64" in recipe.skip(aarch64, Depth.SMOKE, "5.1.9")


class TestSuites:
    def test_standard_is_all_that_tells_something(self, tmp_path: Path) -> None:
        """All of FATE but its comparison of a file with itself; checkasm's tests have a suite of their own."""
        found = suites(tmp_path, Depth.STANDARD)
        assert found["fate"].parts == ("adler32", "filter-unsharp", "filter-minterpolate-up")
        assert found["checkasm"].parts == ("h264dsp", "vf_eq")

    def test_smoke_is_what_its_file_names(self, tmp_path: Path) -> None:
        """The rest is left out, also where the build has it."""
        assert suites(tmp_path, Depth.SMOKE)["fate"].parts == ("adler32", "filter-unsharp")

    def test_some_are_run_alone(self, tmp_path: Path) -> None:
        """For samples, and for a red cell's second run."""
        suite = suites(tmp_path, Depth.SMOKE)["fate"]
        assert suite.only is not None
        assert suite.only(["adler32"]) == ("sh", "/src/ccverify/fate.sh", "300", "adler32")

    def test_emulated_programs_have_more_time(self, tmp_path: Path) -> None:
        """As much as any step has."""
        assert suites(tmp_path, Depth.SMOKE, cross=True)["checkasm"].argv[2] == "4500"


class TestSmoke:
    def test_patterns_are_sorted_into_kinds_once(self) -> None:
        """No pattern stands twice."""
        assert len(set(SMOKE.tests)) == len(SMOKE.tests)


MAKEFILE = """
fate-good: ; @echo "good:0::" > tests/data/fate/good.rep
fate-bad: ; @echo "bad:1:$$(printf -- '--- a\\n+++ b\\n-1\\n+2\\n' | base64 -w0):" > tests/data/fate/bad.rep; exit 1
fate-after: fate-bad ; @echo "after:0::" > tests/data/fate/after.rep
fate-slow: PROGRAM = sleep 60
fate-busy: PROGRAM = sh -c 'while :; do :; done'
fate-slow fate-busy:
	@$(TARGET_EXEC) $(PROGRAM) 2>$@.err; s=$$?; [ $$s -le 128 ] || s=$$(kill -l $$s); \
	echo "$(@:fate-%=%):$$s::$$(base64 -w0 $@.err)" > tests/data/fate/$(@:fate-%=%).rep; exit 1
"""


class TestScripts:
    """fate.sh and checkasm.sh, run by a real make and on real programs."""

    @pytest.fixture
    def build(self, tmp_path: Path) -> Path:
        (tmp_path / "Makefile").write_text(MAKEFILE)
        (tmp_path / "tests/data/fate").mkdir(parents=True)
        (tmp_path / "tests/checkasm").mkdir()
        return tmp_path

    def run(self, build: Path, script: str, *arguments: str) -> list[bytes]:
        done = subprocess.run(["sh", str(FOLDER / script), *arguments], cwd=build, capture_output=True, check=True)
        return done.stdout.splitlines(keepends=True)

    def test_each_test_is_reported(self, build: Path) -> None:
        """Whether it passes, fails, cannot run for what another made, or hangs; also one that was run before."""
        (build / "tests/data/fate/after.rep").write_text("after:0::\n")
        output = self.run(build, "fate.sh", "1", "good", "bad", "after", "slow", "busy")
        found = {case.name: (case.outcome, case.message) for case in fate.parse(output)}
        assert found["good"] == (CaseOutcome.PASS, "")
        assert found["bad"] == (CaseOutcome.FAIL, "exit status 1\n-1\n+2")
        assert found["after"] == (CaseOutcome.FAIL, "not run: what it needs has failed")
        assert found["slow"][0] is found["busy"][0] is CaseOutcome.TIMEOUT

    def test_many(self, build: Path) -> None:
        """More than one make has."""
        names = [f"t{number}" for number in range(700)]
        rules = "".join(f'fate-{name}: ; @echo "{name}:0::" > tests/data/fate/{name}.rep\n' for name in names)
        (build / "Makefile").write_text(rules)
        assert [case.name for case in fate.parse(self.run(build, "fate.sh", "9", *names))] == names

    @pytest.mark.parametrize(
        ("body", "outcome"),
        [
            ("echo 'FUNCTION f c:ok sse2:ok'; echo 'checkasm: all 1 tests passed'", CaseOutcome.PASS),
            ("echo 'checkasm: all 0 tests passed'", CaseOutcome.SKIP),
            ("exit 0", CaseOutcome.FAIL),
            ("kill -SEGV $$", CaseOutcome.CRASH),
            ("exec sleep 60", CaseOutcome.TIMEOUT),
            ("while :; do :; done", CaseOutcome.TIMEOUT),
        ],
    )
    def test_how_checkasm_ends(self, build: Path, body: str, outcome: CaseOutcome) -> None:
        """Each way is told apart, and the test that follows is run."""
        program = build / "tests/checkasm/checkasm"
        program.write_text(f'#!/bin/sh\n[ "$1 $2" = "--test=next 1" ] || {{ {body}; }}\n')
        program.chmod(0o755)
        found = list(checkasm.parse(self.run(build, "checkasm.sh", "1", "first", "next")))
        assert (found[0].name, found[0].outcome) == ("first", outcome)
        assert found[1 + (outcome is CaseOutcome.PASS)].name == "next"


def test_what_depends_on_the_compiler() -> None:
    """Functions with a version in assembler; that there are any at all does not, where nasm makes them."""
    without, with_asm = ffmpeg.ccverify_projects()
    for recipe in (without, with_asm):
        assert recipe.may_miss("checkasm/sw_rgb/interleave_bytes")
        assert not recipe.may_miss("checkasm/sw_rgb")
    assert without.may_miss("checkasm/versions")
    assert not with_asm.may_miss("checkasm/versions")
