"""Where the driver sends units: candidate, oracle or stored object; and calls that must be taken apart for it."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path

import pytest

from compiler.driver import DriverMix, Route, faults, provenance, share
from tests.compiler.driver_rig import GCC, MAIN, X86_64, Rig
from verifiers.results import Reason

ONLY_A = (Route(pattern="*a.c", target="candidate"), Route(pattern="*", target="oracle"))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Its candidate is gcc with a mark in what it compiles."""
    rig = Rig(tmp_path)
    rig.configure(candidate=(GCC, "-DWHO=1"), routes=ONLY_A)
    return rig


def who(rig: Rig) -> dict[str, str]:
    return {call.unit: call.compiler for call in rig.calls() if call.kind in ("compile", "assemble")}


class TestRoutes:
    def test_first_match_wins(self, rig: Rig) -> None:
        """By name below the root, stars crossing folders."""
        for name in ("src/a.c", "src/b.c"):
            rig.write(name)
            rig.run("-c", name)
        assert who(rig) == {"src/a.c": "candidate", "src/b.c": "oracle"}

    @pytest.mark.parametrize(
        ("pattern", "unit"),
        [
            ("*.c", "a/b.c"),
            ("a?b.c", "a/b.c"),
            ("[ab].c", "b.c"),
            ("[!ab].c", "b.c"),
            ("a.c", "src/a.c"),
            ("*é.c", "é.c"),
        ],
    )
    def test_patterns_are_python_s(self, rig: Rig, pattern: str, unit: str) -> None:
        """What the framework previews with fnmatch is what the driver does."""
        rig.configure(routes=[Route(pattern=pattern, target="oracle")])
        rig.write(unit)
        rig.run("-c", unit)
        assert rig.call().compiler == ("oracle" if fnmatch.fnmatchcase(unit, pattern) else "candidate")

    def test_default(self, rig: Rig) -> None:
        """What nothing matches goes where the configuration says."""
        rig.configure(routes=[Route(pattern="a.c", target="candidate")], default="oracle")
        for name in ("a.c", "b.c"):
            rig.write(name)
            rig.run("-c", name)
        assert who(rig) == {"a.c": "candidate", "b.c": "oracle"}

    def test_questions_go_to_the_candidate_and_links_to_the_oracle(self, rig: Rig) -> None:
        """Probes, preprocessing and --version are not units."""
        rig.write("conftest.c"), rig.write("b.c")
        rig.run("-c", "conftest.c")
        rig.run("-E", "b.c")
        rig.run("--version")
        rig.run("-c", "b.c")
        rig.run("b.o", "-o", "b")
        assert [call.compiler for call in rig.calls()] == ["candidate"] * 3 + ["oracle"] * 2


class TestMix:
    def test_share_is_the_same_in_c_and_python(self, rig: Rig) -> None:
        """And about as large as asked for."""
        rig.configure(mix=DriverMix(percent=30, seed=7))
        rig.configure(mix=DriverMix(percent=30, seed=7), candidate=("/bin/true",), oracle=("/bin/true",))
        names = [f"src/file{n}.c" for n in range(120)]
        for name in names:
            rig.run("-c", name, "-o", "/dev/null")
        chosen = {call.unit for call in rig.calls() if call.compiler == "candidate"}
        assert chosen == {name for name in names if share(7, name) < 30}
        assert 18 <= len(chosen) <= 54

    def test_seeds_differ_and_shares_nest(self) -> None:
        """Another seed is another choice; a larger share holds the smaller one."""
        names = [f"a{n}.c" for n in range(4000)]
        picks = [{name for name in names if share(seed, name) < 10} for seed in (1, 2)]
        assert 300 < len(picks[0]) < 500 and len(picks[0] & picks[1]) < 100

    def test_questions_are_the_oracle_s(self, rig: Rig) -> None:
        """A mixed build is configured for the compiler that makes most of it, whether by share or by list."""
        rig.write("conftest.c"), rig.write("b.c")
        for way in ({"mix": DriverMix(percent=99)}, {"default": "oracle", "routes": (ONLY_A[0],)}):
            rig.configure(candidate=("/bin/false",), **way)
            assert [rig.run(*argv).returncode for argv in (("-c", "conftest.c"), ("-E", "b.c"), ("--version",))] == [
                0
            ] * 3
        assert {call.compiler for call in rig.calls()} == {"oracle"}

    @pytest.mark.parametrize(("percent", "compiler"), [(0, "oracle"), (100, "candidate")])
    def test_ends(self, rig: Rig, percent: float, compiler: str) -> None:
        """None and all."""
        rig.configure(mix=DriverMix(percent=percent))
        rig.write("a.c")
        rig.run("-c", "a.c")
        assert rig.call().compiler == compiler


class TestSplit:
    def test_compile_and_link_of_several_sources(self, rig: Rig) -> None:
        """Each source by its route, the oracle links, and the program works with each part where it belongs."""
        rig.write("a.c", "#ifdef WHO\nint a(void) { return 40; }\n#endif\n")
        rig.write("b.c", "#ifndef WHO\nint b(void) { return 2; }\n#endif\n")
        rig.write("m.c", "int a(void), b(void), c(void); int main(void) { return a() + b() + c() - 42; }\n")
        rig.write("c.s", ".text\n.globl c\nc: xor %eax, %eax\nret\n.section .note.GNU-stack\n")
        rig.run("-c", "m.c")
        done = rig.run(
            "-o", "prog", "-O1", "a.c", "m.o", "-x", "c", "b.c", "-x", "none", "c.s", "-lm", "-Wl,--as-needed"
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert subprocess.run([rig.work / "prog"]).returncode == 0
        first, *parts, link = rig.calls()
        assert [(part.unit, part.compiler, part.links) for part in parts] == [
            ("a.c", "candidate", False),
            ("b.c", "oracle", False),
            ("c.s", "oracle", False),
        ]
        assert (link.kind, link.compiler, link.unit) == ("link", "oracle", "prog")
        assert first.parent == "" and len({call.parent for call in (*parts, link)}) == 1 and link.parent
        assert not list(Path("/tmp").glob("ccverify-*.o"))

    def test_sources_in_a_response_file(self, rig: Rig) -> None:
        """They are found there too."""
        rig.write("a.c"), rig.write("args", "-o prog a.c")
        assert rig.run("@args").returncode == 0
        assert [call.kind for call in rig.calls()] == ["compile", "link"]

    def test_objects_of_several_sources(self, rig: Rig) -> None:
        """cc -c a.c b.c makes both, each its own way."""
        rig.write("a.c"), rig.write("b.c")
        assert rig.run("-c", "a.c", "b.c").returncode == 0
        assert who(rig) == {"a.c": "candidate", "b.c": "oracle"}
        assert (rig.work / "a.o").exists() and (rig.work / "b.o").exists()

    def test_one_source_that_fails(self, rig: Rig) -> None:
        """The others are compiled, nothing is linked, nothing stays behind."""
        rig.write("a.c", "int a = ;\n"), rig.write("b.c")
        assert rig.run("a.c", "b.c", "-o", "prog").returncode == 1
        assert [(call.unit, call.exit) for call in rig.calls()] == [("a.c", 1), ("b.c", 0)]
        assert not (rig.work / "prog").exists() and not list(Path("/tmp").glob("ccverify-*.o"))

    def test_dependencies_do_not_follow_the_temporary_object(self, rig: Rig) -> None:
        """-MD of a compile-and-link writes beside the program."""
        rig.write("a.c")
        assert rig.run("-MD", "a.c", "-o", "prog").returncode == 0
        assert (rig.work / "prog-a.d").exists()

    def test_undefined_symbol_of_the_oracle_s_link(self, rig: Rig) -> None:
        """What a candidate's object lacks is the candidate's fault, though another linked it."""
        rig.write("a.c", "int gone(void); int main(void) { return gone(); }\n")
        assert rig.run("a.c", "-o", "prog").returncode == 1
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.unit) == (Reason.UNDEFINED_SYMBOL, "prog") and "gone" in fault.message


class TestStored:
    def stored(self, rig: Rig) -> None:
        rig.write("stored.c", "int main(void) { return 5; }\n")
        subprocess.run([GCC, "-c", "stored.c", "-o", "kept.obj"], cwd=rig.work, check=True)
        rig.configure(routes=[Route(pattern="a.c", target="stored:kept.obj")])
        rig.write("a.c", '#include "a.h"\n' + MAIN), rig.write("a.h", "")

    def test_takes_the_stored_object(self, rig: Rig) -> None:
        """Whatever the source says by now."""
        self.stored(rig)
        assert rig.run("-c", "a.c", "-o", "out.o").returncode == 0
        assert rig.call().compiler == "stored"
        assert (rig.work / "out.o").read_bytes() == (rig.work / "kept.obj").read_bytes()

    def test_writes_the_dependencies_that_were_asked_for(self, rig: Rig) -> None:
        """kbuild fails without them."""
        self.stored(rig)
        assert rig.run("-MMD", "-MF", "a.d", "-c", "a.c", "-o", "a.o").returncode == 0
        assert (rig.work / "a.d").read_text() == "a.o: a.c a.h\n"
        assert (rig.work / "a.o").read_bytes() == (rig.work / "kept.obj").read_bytes()

    def test_in_a_call_that_links(self, rig: Rig) -> None:
        """The program has the stored part."""
        self.stored(rig)
        assert rig.run("a.c", "-o", "prog").returncode == 0
        assert subprocess.run([rig.work / "prog"]).returncode == 5
        assert provenance(rig.calls()).notes == ("took a stored object (1 times)",)

    def test_stored_object_that_is_gone(self, rig: Rig) -> None:
        """The driver's own failure, with the path."""
        self.stored(rig)
        (rig.work / "kept.obj").unlink()
        done = rig.run("-c", "a.c")
        assert done.returncode == 125 and b"kept.obj" in done.stderr


class TestOracleLinks:
    """For a compiler that makes objects only."""

    def rig(self, rig: Rig) -> None:
        only = rig.saboteur(f'case "$*" in *-c*|*-E*) exec {GCC} "$@";; esac; echo no linker >&2; exit 1')
        rig.configure(candidate=only, linker="oracle", step="configure")
        rig.write("conftest.c")

    def test_questions_that_link(self, rig: Rig) -> None:
        """configure's first program: the candidate compiles it, the oracle links it."""
        self.rig(rig)
        assert rig.run("-MD", "conftest.c", "-o", "conftest", "-lm").returncode == 0
        assert subprocess.run([rig.work / "conftest"]).returncode == 0
        assert [(call.kind, call.compiler, call.links) for call in rig.calls()] == [
            ("probe", "candidate", False),
            ("probe", "oracle", True),
        ]

    def test_questions_that_do_not(self, rig: Rig) -> None:
        """They are the candidate's alone."""
        self.rig(rig)
        rig.run("-c", "conftest.c"), rig.run("-E", "conftest.c"), rig.run("--version")
        assert [call.compiler for call in rig.calls()] == ["candidate"] * 3

    def test_objects_of_a_question(self, rig: Rig) -> None:
        """Compiled before, linked now."""
        self.rig(rig)
        rig.run("-c", "conftest.c")
        assert rig.run("conftest.o", "-o", "conftest").returncode == 0
        assert rig.calls()[-1].compiler == "oracle"
