"""The driver around well-behaved compilers: what it understands, passes on and logs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.compiler.driver_rig import GCC, MAIN, Rig

needs_tcc = pytest.mark.skipif(not shutil.which("tcc"), reason="needs tcc")
needs_clang = pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


class TestKinds:
    @pytest.mark.parametrize(
        ("args", "kind", "links"),
        [
            (["--version"], "info", False),
            (["-v"], "info", False),
            (["-print-search-dirs"], "info", False),
            (["-dumpmachine"], "info", False),
            ([], "info", False),
            (["-E", "a.c"], "preprocess", False),
            (["-MM", "a.c"], "preprocess", False),
            (["-c", "a.c"], "compile", False),
            (["-S", "a.c", "-o", "a.s"], "compile", False),
            (["-fsyntax-only", "a.c"], "compile", False),
            (["-x", "c", "-c", "odd.txt", "-o", "odd.o"], "compile", False),
            (["-xc", "-c", "odd.txt", "-oodd.o"], "compile", False),
            (["-MD", "-MF", "dep.c", "-c", "a.c"], "compile", False),
            (["-dumpbase", "x", "-c", "a.c", "-o", "a.o"], "compile", False),
            (["-c", "b.s"], "assemble", False),
            (["-x", "assembler", "-c", "odd.s.txt", "-o", "odd.o"], "assemble", False),
            (["a.c", "-o", "a"], "compile", True),
            (["ready.o", "-o", "a", "-lm"], "link", True),
            (["-c", "conftest.c"], "probe", False),
            (["-c", "-x", "c", "/dev/null", "-o", ".tmp_12/tmp"], "probe", False),
            (["-E", "-x", "c", "/dev/null"], "probe", False),
            (["-c", "-o", "x.o", "CMakeFiles/CMakeTmp/x.c"], "probe", False),
            (["-c", "-o", "x.o", "meson-private/tmpabc/x.c"], "probe", False),
            (["-c", "-o", "x.o", ".tmp_vmlinux.kallsyms1.S"], "assemble", False),
        ],
    )
    def test_names_what_a_call_is_for(self, rig: Rig, args: list[str], kind: str, links: bool) -> None:
        """Each form of call is told by its arguments alone, and gcc is content with it."""
        for name in ("a.c", "odd.txt", "conftest.c", "CMakeFiles/CMakeTmp/x.c", "meson-private/tmpabc/x.c"):
            rig.write(name)
        for name in ("b.s", "odd.s.txt", ".tmp_vmlinux.kallsyms1.S"):
            rig.write(name, ".globl x\nx: .long 1\n")
        (rig.work / ".tmp_12").mkdir()
        subprocess.run([GCC, "-c", "a.c", "-o", "ready.o"], cwd=rig.work, check=True)
        done = rig.run(*args)
        call = rig.call()
        assert (call.kind, call.links, call.role) == (kind, links, "candidate")
        if args:
            assert done.returncode == 0, done.stderr

    def test_takes_everything_in_the_configure_step_for_a_probe(self, rig: Rig) -> None:
        """What configure compiles is a question, whatever its name."""
        rig.configure(step="configure")
        rig.write("a.c")
        rig.run("-o", "a", "a.c")
        assert rig.call().kind == "probe"

    def test_reads_standard_input(self, rig: Rig) -> None:
        """The compiler sees the build's stdin."""
        done = rig.run("-E", "-", stdin=b"FOO=__x86_64__\n")
        assert b"FOO=1" in done.stdout
        assert rig.call().inputs == ("-",)


class TestNames:
    def test_unit_is_below_the_root_and_the_same_from_every_folder(self, rig: Rig) -> None:
        """Three ways to one file are one unit."""
        rig.write("src/deep/a.c")
        rig.run("-c", "src/deep/a.c", "-o", "x.o")
        rig.run("-c", "../deep/./a.c", cwd=rig.work / "src/deep")
        rig.run("-c", str(rig.work / "src//deep/a.c"))
        assert [call.unit for call in rig.calls()] == ["src/deep/a.c"] * 3

    def test_a_link_is_named_by_its_output(self, rig: Rig) -> None:
        """There is no source to name it by."""
        rig.write("a.c")
        rig.run("-c", "a.c")
        rig.run("a.o", "-obin")
        assert rig.calls()[1].unit == "bin"


class TestOutputs:
    @pytest.mark.parametrize(
        ("args", "path"),
        [
            (["-c", "src/a.c"], "a.o"),
            (["-S", "src/a.c"], "a.s"),
            (["src/a.c"], "a.out"),
            (["-c", "src/a.c", "-oglued.o"], "glued.o"),
            (["-c", "src/a.c", "-o", "apart.o"], "apart.o"),
        ],
    )
    def test_finds_the_output(self, rig: Rig, args: list[str], path: str) -> None:
        """With -o glued or apart, or by the compilers' common rule."""
        rig.write("src/a.c")
        assert rig.run(*args).returncode == 0
        output = rig.call().output
        assert output
        assert output.path == path
        assert output.bytes == (rig.work / path).stat().st_size > 0
        assert output.elf == (path != "a.s")

    def test_ident_is_the_compilers_own(self, rig: Rig) -> None:
        """GCC signs its objects."""
        rig.write("a.c")
        rig.run("-c", "a.c")
        output = rig.call().output
        assert output and output.ident.startswith("GCC: (")

    def test_ident_of_an_object_of_many_sections(self, rig: Rig) -> None:
        """The comment is found beyond the part of the file that is read at first."""
        rig.write("a.c", "".join(f"int f{n}(int x) {{ return x * {n}; }}\n" for n in range(2000)))
        rig.run("-c", "-ffunction-sections", "a.c")
        output = rig.call().output
        assert output and output.bytes > 200_000 and output.ident.startswith("GCC: (")

    @needs_clang
    def test_ident_of_clang_and_its_bitcode(self, rig: Rig) -> None:
        """An object of clang's names clang; one of clang -flto is no ELF file, and known all the same."""
        rig.configure(candidate=("/usr/bin/clang",))
        rig.write("a.c")
        rig.run("-c", "a.c")
        rig.run("-c", "-flto", "a.c")
        native, bitcode = (call.output for call in rig.calls())
        assert native and native.elf and "clang" in native.ident
        assert bitcode and not bitcode.elf and bitcode.ident == "LLVM bitcode"

    @needs_tcc
    def test_tcc(self, rig: Rig) -> None:
        """A compiler that signs nothing has no ident."""
        rig.configure(candidate=("/usr/bin/tcc",))
        rig.write("a.c")
        assert rig.run("-c", "a.c").returncode == 0
        output = rig.call().output
        assert output and output.elf and output.ident == ""

    def test_device_is_left_alone(self, rig: Rig) -> None:
        """-o /dev/null is no file to remove or to look for."""
        rig.write("a.c")
        assert rig.run("-c", "a.c", "-o", "/dev/null").returncode == 0
        assert Path("/dev/null").is_char_device()
        assert rig.call().output is None

    def test_input_named_as_output_survives(self, rig: Rig) -> None:
        """The compiler refuses that itself; the driver must not have removed the source by then."""
        rig.write("a.c")
        assert rig.run("-c", "a.c", "-o", "./a.c").returncode != 0
        assert (rig.work / "a.c").read_text() == MAIN

    def test_output_through_a_link_is_written_through_it(self, rig: Rig) -> None:
        """A symbolic link as output stays one, and its new content counts."""
        rig.write("a.c")
        rig.write("real.o", "old")
        (rig.work / "a.o").symlink_to("real.o")
        rig.configure(candidate=rig.saboteur(f'{GCC} -c "$src" -o tmp.o && cat tmp.o > "$out"'))
        rig.run("-c", "a.c", "-o", "a.o")
        output = rig.call().output
        assert (rig.work / "a.o").is_symlink() and output and output.elf


class TestArguments:
    def test_response_file_is_expanded_for_understanding_only(self, rig: Rig) -> None:
        """The compiler gets the @file, the log knows what is in it, quotes and blanks included."""
        rig.write("odd name.c")
        rig.write("args", "-c 'odd name.c'\n -o \"odd\\ name.o\"\n")
        assert rig.run("@args").returncode == 0
        call = rig.call()
        assert (call.kind, call.unit, call.argv[1:]) == ("compile", "odd name.c", ("@args",))
        assert call.output and call.output.elf

    def test_bytes_that_are_not_utf8(self, rig: Rig) -> None:
        """They reach the compiler as they are, and the log as \\xNN."""
        rig.write("a.c")
        assert rig.run(b"-DX=\xff\xc3\xa9\xed\xa0\x80\xc0", "-c", "a.c").returncode == 0
        json.loads(rig.log.read_text(encoding="utf-8"))
        assert rig.call().argv[1] == "-DX=\\xffé\\xed\\xa0\\x80\\xc0"

    def test_control_characters(self, rig: Rig) -> None:
        """Quotes, newlines and controls are JSON's business."""
        rig.write("a.c")
        odd = '-DX="a\\b"\n\t\x01\x7f'
        rig.run(odd, "-c", "a.c")
        assert rig.call().argv[1] == odd

    def test_long_command_line_is_cut_in_the_log_only(self, rig: Rig) -> None:
        """A line stays below 64 KiB."""
        rig.write("a.c")
        assert rig.run("-c", "a.c", *(f"-DX{n}=1" for n in range(7_000))).returncode == 0
        assert rig.call().argv_cut
        assert len(rig.log.read_bytes()) < 64 * 1024

    def test_append_comes_before_the_builds_own_and_not_for_questions(self, rig: Rig) -> None:
        """An accommodation can be overridden by the build, and --version is not bothered with it."""
        show = rig.saboteur('echo "$@"')
        rig.configure(candidate=(*show, "--fixed"), append=("-DA=1", "-DB"))
        rig.write("a.c")
        assert rig.run("-c", "a.c").stdout == b"--fixed -DA=1 -DB -c a.c\n"
        assert rig.run("--version").stdout == b"--fixed --version\n"


class TestPassing:
    def test_messages_pass_unchanged(self, rig: Rig) -> None:
        """Every byte, in order, and the exit status."""
        rig.configure(candidate=rig.saboteur("printf 'a\\000b\\377\\n' >&2; echo out; echo last >&2; exit 7"))
        done = rig.run("-c", "a.c")
        assert (done.stderr, done.stdout, done.returncode) == (b"a\0b\xff\nlast\n", b"out\n", 7)
        assert rig.call().exit == 7

    def test_the_telling_line_is_kept_wherever_it_comes(self, rig: Rig) -> None:
        """4 KiB of warnings do not hide the error."""
        rig.configure(
            candidate=rig.saboteur(
                "yes 'a.c:1: warning: x' | head -n 5000 >&2; echo 'a.c:9:1: error: this' >&2; exit 1"
            )
        )
        done = rig.run("-c", "a.c")
        assert len(done.stderr) > 90_000
        assert rig.call().stderr.endswith("\n[...]\na.c:9:1: error: this")

    def test_usage_of_the_compilers_children_counts(self, rig: Rig) -> None:
        """cc1's CPU and memory, not only gcc's."""
        rig.write("a.c", "".join(f"int f{n}(int x) {{ return x * {n}; }}\n" for n in range(3000)))
        rig.run("-O2", "-c", "a.c")
        call = rig.call()
        assert call.cpu > 0.01 and call.seconds > 0.01 and call.peak_kib > 10_000

    def test_closed_standard_streams(self, rig: Rig) -> None:
        """A build daemon may have closed them all."""
        rig.write("a.c")
        subprocess.run(
            ["sh", "-c", f"exec 0<&- 1>&- 2>&-; {rig.cc} -Wall -c a.c"], cwd=rig.work, check=True, timeout=300
        )
        assert rig.call().output is not None

    def test_ignored_sigchld(self, rig: Rig) -> None:
        """A parent that ignores SIGCHLD does not lose us the status."""
        rig.write("a.c", "int x = ;\n")
        done = subprocess.run(
            ["bash", "-c", f"trap '' CHLD; exec {rig.cc} -c a.c"], cwd=rig.work, capture_output=True, timeout=300
        )
        assert done.returncode == 1 == rig.call().exit

    def test_script_without_an_interpreter_line(self, rig: Rig) -> None:
        """A shell would run it; so do we."""
        script = rig.tools / "bare"
        script.write_text('echo "bare $1"\n')
        script.chmod(0o755)
        rig.configure(candidate=(str(script),))
        assert rig.run("--version").stdout == b"bare --version\n"

    def test_missing_compiler(self, rig: Rig) -> None:
        """It says which, and 127 as a shell does."""
        rig.configure(candidate=("/nowhere/cc",))
        done = rig.run("-c", "a.c")
        assert done.returncode == 127
        assert done.stderr == b"ccverify: cannot run /nowhere/cc: No such file or directory\n"


class TestOwnFailures:
    def test_log_that_cannot_be_written(self, rig: Rig) -> None:
        """Nothing is compiled that would not be logged."""
        rig.configure(log="/nowhere/units.jsonl")
        rig.write("a.c")
        done = rig.run("-c", "a.c")
        assert done.returncode == 125 and b"cannot write the log /nowhere/units.jsonl" in done.stderr
        assert not (rig.work / "a.o").exists()

    def test_full_disk_under_the_log(self, rig: Rig) -> None:
        """A call whose line is lost has failed."""
        rig.configure(log="/dev/full")
        rig.write("a.c")
        done = rig.run("-c", "a.c")
        assert done.returncode == 125 and b"No space left on device" in done.stderr

    @pytest.mark.parametrize("text", ["", "log\t/tmp/x\n", "nonsense\t1\n", "limit\tsleep\t1\n"])
    def test_malformed_configuration(self, rig: Rig, text: str) -> None:
        """One line, and no compile."""
        (rig.tree / "driver.conf").write_text(text)
        done = rig.run("-c", "a.c")
        assert done.returncode == 125 and done.stderr.startswith(b"ccverify: ") and done.stderr.count(b"\n") == 1


class TestParallel:
    def test_lines_do_not_mix(self, rig: Rig) -> None:
        """A hundred calls at once leave a hundred whole lines."""
        rig.configure(candidate=("/bin/true",))
        running = [
            subprocess.Popen([rig.cc, "-c", f"f{n}.c", *["-DX"] * 500, "-o", "/dev/null"], cwd=rig.work)
            for n in range(100)
        ]
        assert {process.wait(30) for process in running} == {0}
        calls = rig.calls()
        assert {call.unit for call in calls} == {f"f{n}.c" for n in range(100)}
        assert len({call.id for call in calls}) == len(calls) == len(rig.log.read_text().splitlines())


class TestUnprivileged:
    @pytest.mark.root
    @pytest.mark.skipif(os.getuid() != 0, reason="needs root")
    def test_a_compiler_that_deletes_its_output_path(self) -> None:
        """As another user it cannot delete /dev/null, and the driver itself never touches the device."""
        with tempfile.TemporaryDirectory() as folder:
            rig = Rig(Path(folder))
            rig.configure(candidate=rig.saboteur('rm -f "$out" 2>/dev/null; exit 0'))
            for path in (Path(folder), rig.work, rig.tree):
                path.chmod(0o777)
            done = rig.run("-c", "a.c", "-o", "/dev/null", user=65534, group=65534, extra_groups=[])
            assert done.returncode == 0 and rig.call().output is None
        assert Path("/dev/null").is_char_device()
