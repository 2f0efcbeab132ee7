"""The QEMU plugin: the guests' answers, on this machine and on emulators that work, and what it makes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from compiler.arches import arch
from plugins import qemu
from plugins.qemu import guests
from plugins.qemu.guests import GUESTS
from verifiers.emulation import wrap
from verifiers.results import CaseOutcome, Depth, Reason

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

FOLDER = Path(qemu.__file__).parent
CONSOLE = (FOLDER / "recorded" / "guest-x86_64.log").read_bytes().splitlines(keepends=True)
ANSWERS = GUESTS["x86_64"].answers()
NEEDED = {"avx2", "fma", "bmi1", "bmi2", "adx", "aes", "pclmulqdq", "sse4_2", "f16c"}


def outcomes(lines: list[bytes]) -> dict[str, CaseOutcome]:
    return {case.name: case.outcome for case in guests.parser(ANSWERS)(lines)}


def flags() -> set[str]:
    lines = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    return set(next(lines, "").split())


class TestAnswers:
    @pytest.mark.skipif(not flags() >= NEEDED, reason="the processor lacks some of the instructions")
    def test_a_processor_gives_the_same(self, tmp_path: Path) -> None:
        """The answers are this machine's, not an emulator's: the same cases as an ordinary program."""
        sources = ("hosted", "console", "integer", "float", "vector", "algorithm", "insns-x86_64")
        program = tmp_path / "hosted"
        own = ("-O0", "-ffp-contract=off", "-fno-builtin", "-w", "-mno-red-zone", "-mavx2", "-mfma")
        files = [str(FOLDER / "guest" / f"{name}.c") for name in sources]
        subprocess.run(["gcc", *own, "-o", str(program), *files], check=True)
        said = subprocess.run([program], capture_output=True, check=True).stdout.splitlines(keepends=True)
        found = outcomes(said)
        assert set(found.values()) == {CaseOutcome.PASS}
        assert len(found) == 681

    @pytest.mark.parametrize(("name", "count"), [("x86_64", 714), ("aarch64", 267), ("riscv64", 263)])
    def test_an_emulator_that_works_gives_the_same(self, tmp_path: Path, name: str, count: int) -> None:
        """Debian's QEMU, which gcc made."""
        guest, target = GUESTS[name], arch(name)
        emulator = shutil.which(guest.emulator)
        compiler = next(filter(None, map(shutil.which, target.oracle)), None)
        if not emulator or not compiler:
            pytest.skip(f"needs {guest.emulator} and a gcc for {name}")
        program = tmp_path / "guest"
        command = [compiler, *guest.compile(str(FOLDER / "guest")), "-o", str(program)]
        subprocess.run(command, check=True, capture_output=True)
        done = subprocess.run(guest.command(emulator, str(program)), capture_output=True, timeout=300, check=True)
        cases = list(guests.parser(guest.answers())(done.stdout.splitlines(keepends=True)))
        assert [case for case in cases if case.outcome is not CaseOutcome.PASS] == []
        assert len(cases) == count + 1 == len(guest.answers()) + 1

    def test_files_are_what_is_compiled(self) -> None:
        """All that the compiler is given, and what that includes, is laid into the build folder."""
        for guest in GUESTS.values():
            compiled = {Path(word).name for word in guest.compile("x") if word.startswith("x/")}
            assert compiled == guest.files().keys() - {"guest.h", f"{guest.arch}.ld"}

    def test_no_answer_is_given_twice(self) -> None:
        """A case is in the common answers or in an arch's own."""
        for name in GUESTS:
            words = [
                line.split()[0] for each in ("common", name) for line in (FOLDER / f"answers/{each}.txt").open("r")
            ]
            assert len(words) == len(set(words))


class TestParser:
    def test_a_good_boot(self) -> None:
        """A case for each answer, and one that says that it came to its end."""
        found = outcomes(CONSOLE)
        assert len(found) == 715
        assert set(found.values()) == {CaseOutcome.PASS}

    def test_a_wrong_answer(self) -> None:
        """It alone fails, with both values."""
        lines = [b"guest paddb = 0123456789abcdef\n" if b" paddb " in line else line for line in CONSOLE]
        (wrong,) = [case for case in guests.parser(ANSWERS)(lines) if case.outcome is not CaseOutcome.PASS]
        assert (wrong.name, wrong.outcome) == ("paddb", CaseOutcome.FAIL)
        assert wrong.message == f"0123456789abcdef, not {ANSWERS['paddb']}"

    def test_a_case_that_nobody_knows(self) -> None:
        """A name that is garbled is not passed over."""
        assert outcomes([b"guest paddc = 0123456789abcdef\n"])["paddc"] is CaseOutcome.FAIL

    def test_a_guest_that_stops(self) -> None:
        """A boot failure, with the console's last lines."""
        lines = [*CONSOLE[:700], b"guest panic: vector 000000000000000d at 0000000000101234\n"]
        last = list(guests.parser(ANSWERS)(lines))[-1]
        assert (last.name, last.outcome, last.reason) == ("end", CaseOutcome.CRASH, Reason.BOOT_FAILURE)
        assert last.message.startswith("it stopped after 700 cases\n")
        assert last.message.endswith("vector 000000000000000d at 0000000000101234")

    @pytest.mark.parametrize("lines", [[], [b"qemu-system-x86_64: cannot set up guest memory\n"], [b"guest end 0\n"]])
    def test_one_that_says_nothing(self, lines: list[bytes]) -> None:
        """No end without a case."""
        assert outcomes(lines) == {"end": CaseOutcome.CRASH}

    def test_lines_that_are_lost(self) -> None:
        """The guest's own count is held against what was seen."""
        assert outcomes(CONSOLE[1:])["end"] is CaseOutcome.CRASH


class TestLists:
    SAID = (
        b"QEMU emulator version 7.2.0\nCopyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers\n"
        b"== machine\nSupported machines are:\npc  Standard PC\n== cpu\nx86 qemu64\n"
    )

    def cases(self, said: bytes) -> list[tuple[str, CaseOutcome, bool]]:
        parse = qemu._lists_parser("7.2+dfsg")
        return [(case.name, case.outcome, bool(case.digest)) for case in parse(said.splitlines(keepends=True))]

    def test_each_list_is_held_against_the_oracle_s(self) -> None:
        """By a digest; the version is known."""
        assert self.cases(self.SAID) == [
            ("version", CaseOutcome.PASS, False),
            ("machine", CaseOutcome.PASS, True),
            ("cpu", CaseOutcome.PASS, True),
        ]

    @pytest.mark.parametrize("said", [b"", b"QEMU emulator version 7.20\n", b"QEMU emulator version 8.2.0\n"])
    def test_another_version(self, said: bytes) -> None:
        """Also where it says none."""
        assert self.cases(said) == [("version", CaseOutcome.FAIL, False)]


def work(depth: Depth, cross: bool = False, tools: dict[str, str] | None = None, version: str = "7.2") -> Workspace:
    fields = {
        "cc": "/ccverify/bin/cc",
        "host_cc": "/ccverify/bin/host-cc",
        "depth": depth,
        "cross": cross,
        "emulated": cross,
        "tools": tools or {},
        "arch": arch("aarch64" if cross else "x86_64"),
        "source": SimpleNamespace(version=version),
    }
    return cast("Workspace", SimpleNamespace(**fields))


class TestRecipe:
    def test_no_other_compiler_can_be_found(self) -> None:
        """Those that configure looks for by itself are named, and do not exist."""
        arguments = qemu.Qemu().arguments(work(Depth.SMOKE))
        assert {"--cc=/ccverify/bin/cc", "--cxx=/nonexistent", "--objcc=/nonexistent"} <= set(arguments)
        assert "--target-list=x86_64-softmmu" in arguments
        assert not [word for word in arguments if "cross-prefix" in word]

    def test_since_10_boards_are_default_devices(self) -> None:
        """Which smoke is without, so that the guest's is named; 7.2 has it in any case."""
        named = "--with-devices-x86_64=ccverify"
        assert named in qemu.Qemu().arguments(work(Depth.SMOKE, version="10.0.13+ds"))
        assert named not in qemu.Qemu().arguments(work(Depth.STANDARD, version="10.0.13+ds"))
        assert named not in qemu.Qemu().arguments(work(Depth.SMOKE))

    def test_since_10_no_32_bits(self) -> None:
        """They emulate no machine of 64, and so not the guests'."""
        skip = qemu.Qemu().skip
        assert "64 bits" in skip(arch("i686"), Depth.SMOKE, "10.0.13+ds")
        assert not skip(arch("i686"), Depth.SMOKE, "7.2+dfsg") and not skip(arch("aarch64"), Depth.SMOKE, "10.0.13+ds")

    def test_a_cross_build_uses_the_target_s_libraries(self) -> None:
        """At compile time and at the link."""
        tools = {"CPPFLAGS": "-isystem /root/usr/include", "LDFLAGS": "-L/root/usr/lib"}
        arguments = qemu.Qemu().arguments(work(Depth.STANDARD, cross=True, tools=tools), ("-no-pie",))
        assert "--cross-prefix=aarch64-linux-gnu-" in arguments
        assert "--extra-cflags=-isystem /root/usr/include" in arguments
        assert "--extra-ldflags=-no-pie -L/root/usr/lib" in arguments
        assert "--target-list=x86_64-softmmu,aarch64-softmmu,riscv64-softmmu" in arguments

    def test_guests_are_compiled_by_their_arch_s_gcc(self) -> None:
        """Which the machine is told to have."""
        recipe = qemu.Qemu()
        assert "gcc-riscv64-linux-gnu" not in recipe.packages_for(Depth.SMOKE)
        assert {"gcc-riscv64-linux-gnu", "gcc-aarch64-linux-gnu"} <= set(recipe.packages_for(Depth.STANDARD))

    @pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-gcc"), reason="needs gcc-aarch64-linux-gnu")
    def test_a_guest_of_the_target_s_own_arch_stays_what_it_is(self, tmp_path: Path) -> None:
        """Where scripts stand in the place of the target's programs, none stands in that of what these emulate."""

        def run(program: str, *arguments: str, **more: object) -> None:
            if program != "ninja" and not any("x86_64" in word or "riscv64" in word for word in arguments):
                subprocess.run([program, *arguments], cwd=tmp_path, check=True)

        def write(name: str, text: str) -> None:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)

        place = work(Depth.STANDARD, cross=True)
        vars(place).update(run=run, write=write, oracle_for=lambda name: f"{name}-linux-gnu-gcc")
        qemu.Qemu().build(place)
        assert (tmp_path / "guest-aarch64").read_bytes()[:4] == b"\x7fELF"
        assert wrap(tmp_path, "/cell/build", arch("aarch64"), ("qemu-aarch64", "-0")) == 0
