"""The driver's other names: host compiler, a compiler by its own name on PATH, a tripwire over a compiler proper."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.driver import DriverConfig, DriverMix, install, provenance
from tests.compiler.driver_rig import GCC, NAMES, Rig, driver_binary


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    rig.write("a.c")
    return rig


def host_cc(rig: Rig) -> str:
    return str(rig.tree / "bin" / "host-cc")


class TestHost:
    def test_is_logged_as_host(self, rig: Rig) -> None:
        """The compiler for the build machine is the oracle's, and no leak."""
        assert rig.run("-c", "a.c", program=host_cc(rig)).returncode == 0
        call = rig.call()
        assert (call.role, call.compiler, call.name) == ("host", "host", "host-cc")
        made = provenance([call])
        assert (made.host, made.units, made.leaks) == (1, 0, ())

    def test_has_its_own_command(self, rig: Rig) -> None:
        """A cross build's host compiler is not its oracle."""
        rig.configure(host=("/bin/echo", "host"))
        assert rig.run("x", program=host_cc(rig)).stdout == b"host x\n"

    def test_the_oracle_s_for_the_target_is_another(self, rig: Rig) -> None:
        """A program of the tests' own is no unit of the candidate's, also in a mix."""
        rig.configure(host=("/bin/false",), candidate=("/bin/false",), mix=DriverMix(percent=100))
        assert rig.run("-c", "a.c", program=str(rig.tree / "bin" / "oracle-cc")).returncode == 0
        call = rig.call()
        assert (call.role, call.compiler, call.name) == ("host", "oracle", "oracle-cc")
        made = provenance([call])
        assert (made.units, made.oracle, made.leaks) == (0, 0, ())

    def test_the_oracle_s_for_another_arch_is_chosen_by_name(self, rig: Rig) -> None:
        """What the tested program emulates has an oracle of its own; one that is not there is said, not guessed."""
        install(rig.tree, driver_binary(), NAMES, ["riscv64", "aarch64", "i686"])
        rig.configure(
            oracle=("/bin/false",), oracles={"riscv64": ("/bin/echo", "riscv"), "aarch64": ("/bin/echo", "arm")}
        )
        assert rig.run("x", program=str(rig.tree / "bin" / "oracle-cc-aarch64")).stdout == b"arm x\n"
        assert rig.run("x", program=str(rig.tree / "bin" / "oracle-cc-riscv64")).stdout == b"riscv x\n"
        assert {call.compiler for call in rig.calls()} == {"oracle"}
        done = rig.run("x", program=str(rig.tree / "bin" / "oracle-cc-i686"))
        assert done.returncode != 0
        assert b"no oracle for i686" in done.stderr


class TestLeak:
    @pytest.mark.parametrize("how", ["path", "absolute", "link"])
    def test_gcc_on_path_is_seen(self, rig: Rig, how: str) -> None:
        """A build that falls back to gcc gets gcc, and the log says so, whatever way it found it."""
        (rig.work / "mine").symlink_to(rig.tree / "fallback" / "gcc")
        program = {"path": "gcc", "absolute": str(rig.tree / "fallback" / "gcc"), "link": "./mine"}[how]
        done = subprocess.run(
            [program, "-c", "a.c"], cwd=rig.work, env={"PATH": f"{rig.tree}/fallback:/usr/bin:/bin"}, check=False
        )
        assert done.returncode == 0
        call = rig.call()
        assert (call.role, call.step) == ("leak", "build")
        (leak,) = provenance([call]).leaks
        assert leak.unit == "a.c" and leak.how.endswith("on PATH")

    def test_argv0_does_not_hide_it(self, rig: Rig) -> None:
        """What was executed counts, not what it was called."""
        subprocess.run(
            [rig.cc, "-c", "a.c"], executable=str(rig.tree / "fallback" / "gcc"), cwd=rig.work, check=True, env={}
        )
        assert rig.call().role == "leak"

    def test_name_that_is_nowhere_else(self, rig: Rig) -> None:
        """The oracle stands in, so that the build goes on as it would elsewhere."""
        install(rig.tree, driver_binary(), ["nosuch-gcc"])
        assert rig.run("-c", "a.c", program=str(rig.tree / "fallback" / "nosuch-gcc")).returncode == 0
        assert (rig.call().compiler, rig.call().role) == ("oracle", "leak")

    def test_candidate_that_runs_gcc(self, rig: Rig) -> None:
        """A wrapper that hands some files to gcc is caught inside its own call."""
        rig.configure(candidate=rig.saboteur('exec gcc "$@"'))
        assert rig.run("-c", "a.c").returncode == 0
        inner, outer = rig.calls()
        assert inner.role == "leak" and inner.call == outer.id and outer.role == "candidate"
        assert [leak.how for leak in provenance(rig.calls()).leaks] == ["the candidate ran gcc"]

    def test_candidate_that_pipes_a_unit_into_gcc(self, rig: Rig) -> None:
        """A source on stdin looks like a question of configure's; a candidate asks none."""
        rig.configure(candidate=rig.saboteur("exec gcc -x c - -c -o a.o < a.c"))
        assert rig.run("-c", "a.c").returncode == 0
        assert [leak.how for leak in provenance(rig.calls()).leaks] == ["the candidate ran gcc"]

    def test_candidate_that_links_with_gcc(self, rig: Rig) -> None:
        """To link is what ld does: noted, no leak."""
        rig.configure(candidate=rig.saboteur('exec gcc "$@"'))
        subprocess.run([GCC, "-c", "a.c"], cwd=rig.work, check=True)
        assert rig.run("a.o", "-o", "a").returncode == 0
        made = provenance(rig.calls())
        assert made.leaks == () and made.notes == ("linked by gcc, which the candidate ran (1 times)",)

    def test_oracle_that_runs_gcc(self, rig: Rig) -> None:
        """The oracle's own tools look for each other on PATH; that is no news."""
        rig.configure(oracle=rig.saboteur('exec gcc "$@"'), default="oracle")
        assert rig.run("-c", "a.c").returncode == 0
        assert rig.call().compiler == "oracle"

    def test_in_configure_it_is_a_note(self, rig: Rig) -> None:
        """Nothing that is tested was made there."""
        rig.configure(step="configure")
        rig.run("-c", "a.c", program="gcc")
        made = provenance(rig.calls())
        assert made.leaks == () and made.notes == ("probed gcc on PATH (1 times)",)


class TestEngine:
    """Without a sandbox nothing is bound over cc1; a driver elsewhere, with what it hides in ``real/``, does."""

    @pytest.fixture
    def engine(self, rig: Rig) -> Path:
        """Stands where a compiler proper stood; the real one is gcc's cc1."""
        binary = driver_binary(str(rig.tree / "driver.conf"))
        engine = rig.tools / "lib" / "cc1"
        engine.parent.mkdir()
        shutil.copy(binary, engine)
        real = Path(f"{rig.tree}/real{engine}")
        real.parent.mkdir(parents=True)
        real.symlink_to(subprocess.check_output([GCC, "-print-prog-name=cc1"], text=True).strip())
        return engine

    def test_inside_a_candidate_s_call(self, rig: Rig, engine: Path) -> None:
        """The candidate runs it: which, for what, in which call; and it works."""
        rig.configure(candidate=rig.saboteur(f'{engine} -quiet "$src" -dumpbase a.c -o a.s && {GCC} -c a.s -o "$out"'))
        assert rig.run("-c", "a.c", "-o", "a.o").returncode == 0
        inner, outer = rig.calls()
        assert (inner.role, inner.engine, inner.kind, inner.unit) == ("engine", str(engine), "compile", "a.c")
        assert inner.call == outer.id
        (leak,) = provenance(rig.calls()).leaks
        assert leak.how == f"the candidate ran {engine}"

    def test_that_is_the_candidate_s_own(self, rig: Rig, engine: Path) -> None:
        """gcc as candidate runs cc1 rightly."""
        rig.configure(candidate=rig.saboteur(f'exec {engine} -quiet "$src" -o "$out"'))
        rig.run("-S", "a.c", "-o", "a.s")
        assert provenance(rig.calls(), engines=[str(engine)]).leaks == ()

    def test_preprocessing_is_a_note(self, rig: Rig, engine: Path) -> None:
        """Some compilers borrow cpp."""
        rig.configure(candidate=rig.saboteur(f'exec {engine} -E -quiet "$src" -o "$out"'))
        rig.run("-c", "a.c", "-o", "a.i")
        made = provenance(rig.calls())
        assert made.leaks == () and made.notes == (f"preprocessed by {engine}, which the candidate ran (1 times)",)

    def test_under_the_oracle_it_is_silent(self, rig: Rig, engine: Path) -> None:
        """Neither a line nor a look at the configuration."""
        rig.configure(oracle=rig.saboteur(f'exec {engine} -quiet "$src" -o "$out"'), default="oracle")
        assert rig.run("-S", "a.c", "-o", "a.s").returncode == 0
        assert [call.role for call in rig.calls()] == ["candidate"]

    def test_called_by_the_build_itself(self, rig: Rig, engine: Path) -> None:
        """/usr/bin/gcc by its full path is not on PATH, and seen here."""
        subprocess.run([engine, "-quiet", "a.c", "-o", "a.s"], cwd=rig.work, check=True)
        assert [leak.how for leak in provenance(rig.calls()).leaks] == [f"the build ran {engine}"]

    def test_tcc(self, rig: Rig) -> None:
        """A compiler that is driver and compiler proper in one."""
        if not shutil.which("tcc"):
            pytest.skip("needs tcc")
        engine = rig.tools / "tcc"
        shutil.copy(driver_binary(str(rig.tree / "driver.conf")), engine)
        real = Path(f"{rig.tree}/real{engine}")
        real.parent.mkdir(parents=True)
        real.symlink_to("/usr/bin/tcc")
        subprocess.run([engine, "-c", "a.c", "-o", "a.o"], cwd=rig.work, check=True)
        subprocess.run([engine, "-v"], cwd=rig.work, check=True, stdout=subprocess.DEVNULL)
        assert [(call.kind, call.unit) for call in rig.calls()] == [("compile", "a.c"), ("info", "")]
        assert (rig.work / "a.o").exists()

    def test_without_a_configuration(self, rig: Rig, tmp_path: Path) -> None:
        """One line, and the call fails: it would have gone unseen."""
        stray = tmp_path / "stray"
        shutil.copy(driver_binary(str(tmp_path / "none" / "driver.conf")), stray)
        done = subprocess.run([stray, "-c", "a.c"], cwd=rig.work, capture_output=True, check=False)
        assert done.returncode == 125 and done.stderr.startswith(b"ccverify: no driver.conf for ")


class TestProvenance:
    def test_counts_units_once(self, rig: Rig) -> None:
        """Compiled twice, for a shared library and not: one unit."""
        rig.write("b.s", ".globl b\nb: .long 1\n")
        rig.run("-c", "a.c", "-o", "a.o")
        rig.run("-c", "-fPIC", "a.c", "-o", "pic.o")
        rig.run("-c", "b.s")
        rig.run("a.o", "b.o", "-o", "prog")
        rig.run("-c", "conftest.c")
        made = provenance(rig.calls())
        assert (made.units, made.candidate, made.assembled, made.linked, made.probes) == (1, 1, 1, 1, 1)
        assert made.leaks == () and made.mixed == ()

    def test_mixed_names_the_candidate_s_share(self, rig: Rig) -> None:
        """What the oracle made on purpose is no leak."""
        rig.write("b.c")
        rig.configure(default="oracle", routes=[{"pattern": "b.c", "target": "candidate"}])
        rig.run("-c", "a.c"), rig.run("-c", "b.c")
        made = provenance(rig.calls())
        assert (made.units, made.candidate, made.oracle, made.mixed) == (2, 1, 1, ("b.c",))

    def test_object_that_names_another_compiler(self, rig: Rig) -> None:
        """An ident that differs from the candidate's own betrays a borrowed compiler; an unknown one says nothing."""
        rig.run("-c", "a.c")
        (call,) = rig.calls()
        assert call.output
        (leak,) = provenance([call], "clang version 14").leaks
        assert leak.how.startswith("object says GCC: (")
        assert provenance([call], call.output.ident).leaks == provenance([call]).leaks == ()
        assert len(provenance([call], "").leaks) == 1  # known to sign nothing

    def test_ident_of_the_source_s_own(self, rig: Rig) -> None:
        """#ident puts the project's string first; that names no compiler."""
        rig.write("a.c", '#ident "the project 1.0"\nint x;\n')
        rig.run("-c", "a.c")
        assert provenance(rig.calls(), "GCC: (Other) 1").leaks == ()

    def test_configuration_defaults(self, rig: Rig) -> None:
        """The text holds what was left out too."""
        text = DriverConfig(log="l", root="/r", candidate=("cc",), oracle=("gcc", "-m32")).text()
        assert "host\tgcc\t-m32\n" in text and "step\tbuild\n" in text and "limit" not in text
