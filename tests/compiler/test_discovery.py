from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from compiler.discovery import oracle, resolve
from compiler.errors import (
    CompilerCannotStart,
    CompilerIsDirectory,
    CompilerMissing,
    CompilerNotExecutable,
    CompilerNotInstalled,
    CompilerWrongArchitecture,
    MalformedCompiler,
    NoCandidate,
    OracleMissing,
    UnknownCompiler,
)
from compiler.model import distinct
from tests.compiler.candidates import X86_64, found, script
from verifiers.config import CompilerEntry, Config
from verifiers.errors import UsageError
from verifiers.limits import SANDBOX_UID

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc")
needs_clang = pytest.mark.skipif(not shutil.which("clang"), reason="no clang")
needs_tcc = pytest.mark.skipif(not shutil.which("tcc"), reason="no tcc")
needs_zig = pytest.mark.skipif(not importlib.util.find_spec("ziglang"), reason="no ziglang")


class TestFamilies:
    @needs_gcc
    def test_gcc(self, known: Path) -> None:
        """gcc has its version, its cc1 as engine, and says so in its objects."""
        gcc = found("gcc", known)
        assert re.fullmatch(r"gcc-\d+\.\d+\.\d+", gcc.name)
        assert (gcc.family, gcc.name) == ("gcc", f"gcc-{gcc.version}")
        assert gcc.command("x86_64") == (shutil.which("gcc"),)
        assert [os.path.basename(each) for each in gcc.engines] == ["cc1"]
        assert gcc.ident.startswith("GCC: ")
        assert {"cc1", "collect2"} <= {os.path.basename(each) for each in gcc.files}
        assert gcc.mounts == ()

    @needs_clang
    def test_clang_is_not_taken_for_gcc(self, known: Path) -> None:
        """clang defines __GNUC__ and is a family of its own, that targets every arch by a flag."""
        path = str(shutil.which("clang"))
        clang, same = found("clang", known), found(path, known)
        assert (clang.family, same.family) == ("clang", "clang")
        assert clang.command("aarch64") == (path, "--target=aarch64-linux-gnu")
        assert clang.engines == (os.path.realpath(path),)
        assert any("libLLVM" in each for each in clang.files)

    @needs_tcc
    def test_tcc(self) -> None:
        """tcc writes no .comment, and brings another program for another target."""
        tcc = found("tcc")
        assert (tcc.family, tcc.name, tcc.ident) == ("tcc", f"tcc-{tcc.version}", "")
        assert tcc.command("riscv64") is None
        if shutil.which("i386-tcc"):
            assert tcc.command("i686") == (shutil.which("i386-tcc"),)
        assert tcc.accommodations == (tcc.name, "tcc")

    @needs_zig
    def test_zig_comes_from_the_running_python(self, known: Path) -> None:
        """The command is the package's real binary and cc; the path alone, or with cc, is the same compiler."""
        zig = found("zig", known)
        command = zig.command("x86_64")
        assert command is not None
        assert command[0].endswith("/ziglang/zig")
        assert command[1:] == ("cc",)
        assert re.match(r"\d+\.\d+\.\d+", zig.version)
        assert found(command[0], known).fingerprint == found(f"{command[0]} cc", known).fingerprint == zig.fingerprint
        assert os.path.join(os.path.dirname(command[0]), "lib") in zig.files
        assert zig.command("i686") == (*command, "-target", "x86-linux-gnu")

    @needs_zig
    def test_zig_comes_from_the_python_on_path(self, place: Path, known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the running Python has no ziglang, python3 on PATH is asked."""
        real = importlib.util.find_spec("ziglang")
        assert real is not None and real.submodule_search_locations
        script(place / "bin/python3", f'echo "{real.submodule_search_locations[0]}"')
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        monkeypatch.setenv("PATH", f"{place}/bin:/usr/bin:/bin")
        command = found("zig", known).command("x86_64")
        assert command == (f"{real.submodule_search_locations[0]}/zig", "cc")

    def test_one_that_is_not_installed_says_how(self, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
        """The message has the line that installs it; the packages are there for a program."""
        monkeypatch.setenv("PATH", str(place))
        with pytest.raises(CompilerNotInstalled, match="apt-get install tcc") as caught:
            found("tcc")
        assert caught.value.fields["packages"] == ("tcc", "libc6-dev")


class TestPaths:
    @needs_gcc
    def test_a_wrapper_around_gcc_is_gcc_under_its_own_name(self, place: Path) -> None:
        """It prints gcc's version: the family is gcc's, the name its file's, and gcc's files stand behind it."""
        mine = found(script(place / "mycc", 'exec gcc "$@"'))
        gcc = found("gcc")
        assert (mine.family, mine.name) == ("gcc", f"mycc-{gcc.version}")
        assert mine.engines == gcc.engines
        assert set(gcc.files) < set(mine.files)
        assert mine.mounts == (str(place),)

    @needs_tcc
    def test_arguments_may_follow_in_one_text(self, place: Path) -> None:
        """They are part of the command, the name and the fingerprint."""
        tcc = script(place / "mycc", 'exec tcc "$@"')
        plain, more = found(tcc), found(f"{tcc} -g -DA='x y'")
        assert more.command("x86_64") == (str(tcc), "-g", "-DA=x y")
        assert more.name.startswith(plain.name + "-")
        assert more.fingerprint != plain.fingerprint
        assert found(f"{tcc} -g").name == f"{plain.name}-g"

    @needs_tcc
    def test_a_path_with_a_space_is_one_word(self, place: Path) -> None:
        """Where the whole text is a file, it is not split."""
        mine = script(place / "my cc", 'exec tcc "$@"')
        assert found(mine).command("x86_64") == (str(mine),)

    @needs_tcc
    def test_a_relative_path_and_a_command_on_path(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both become absolute."""
        mine = script(place / "mycc", 'exec /usr/bin/tcc "$@"')
        monkeypatch.chdir(place)
        assert found("./mycc").command("x86_64") == (str(mine),)
        monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
        assert found("mycc").command("x86_64") == (str(mine),)

    @needs_gcc
    def test_what_it_targets_is_what_it_makes(self, place: Path) -> None:
        """A compiler that makes objects for another machine is for that machine only."""
        obj = place / "arm.o"
        subprocess.run(["gcc", "-c", "-x", "c", "/dev/null", "-o", obj], check=True)
        data = bytearray(obj.read_bytes())
        data[18] = 183
        obj.write_bytes(data)
        body = f'while [ $# -gt 0 ]; do [ "$1" = -o ] && cp {obj} "$2"; shift; done; exit 0'
        mine = found(script(place / "armcc", body))
        assert (mine.family, list(mine.commands)) == ("generic", ["aarch64"])
        assert mine.command("x86_64") is None

    def test_a_program_that_is_no_compiler_is_generic(self, place: Path) -> None:
        """Saying that the Free Software Foundation wrote it does not make gcc of true."""
        shutil.copy("/bin/true", place / "mycc")
        assert found(place / "mycc").family == "generic"

    def test_one_that_imitates_gcc_is_generic(self, place: Path) -> None:
        """Saying gcc's words is not enough: the macros must be gcc's too."""
        body = (
            'case "$*" in *--version*) echo "gcc (Mine) 12.2.0"; echo "Free Software Foundation";; '
            '*-dM*) echo "#define __GNUC__ 12"; echo "#define __MYCC__ 1";; esac'
        )
        mine = found(script(place / "mycc", body))
        assert (mine.family, mine.version) == ("generic", "12.2.0")


class TestBadBehaviour:
    """None of these is an error of discovery: the build will show what they are worth."""

    def test_one_that_hangs(self, place: Path) -> None:
        """Also where it ignores SIGTERM and has children; the second time does not wait again."""
        starts = place / "starts"
        starts.touch(0o666)
        starts.chmod(0o666)  # it does not run as the user who asks
        mine = script(place / "hang", f"echo >> {starts}; trap '' TERM INT\nsleep 1000 & while :; do sleep 1000; done")
        compiler = found(mine, place / "cache")
        asked = starts.stat().st_size
        assert asked
        assert (compiler.name, compiler.version, compiler.family) == ("hang", "", "generic")
        assert compiler.command("x86_64") == (str(mine),)
        assert any("did not answer" in note for note in compiler.notes)
        assert found(mine, place / "cache") == compiler
        assert starts.stat().st_size == asked

    @pytest.mark.parametrize(
        "body",
        ["kill -SEGV $$", "exit 0", "exit 3", "yes 'blah 1.2.3'", "head -c 3000000 /dev/urandom", "sleep 999 &"],
    )
    def test_one_that_crashes_or_babbles_or_is_mute(self, place: Path, body: str) -> None:
        """The name is the file's, and nothing is waited for."""
        started = time.monotonic()
        compiler = found(script(place / "mycc", body))
        assert time.monotonic() - started < 300
        assert (compiler.name, compiler.family) == ("mycc", "generic")
        assert len(compiler.fingerprint) == 64

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")
    def test_never_runs_as_root(self, place: Path) -> None:
        """As root, a candidate is asked as another user without root's groups, in an own folder, with an own HOME."""
        seen = place / "seen"
        seen.mkdir()
        seen.chmod(0o777)
        found(script(place / "mycc", f'id > {seen}/id.$$; pwd > {seen}/pwd.$$; echo "$HOME" > {seen}/home.$$'))
        ids = {path.read_text() for path in seen.glob("id.*")}
        assert ids == {f"uid={SANDBOX_UID} gid={SANDBOX_UID} groups={SANDBOX_UID}\n"}
        folders = [Path(path.read_text().strip()) for path in (*seen.glob("pwd.*"), *seen.glob("home.*"))]
        assert folders
        assert not any(folder.exists() or folder == Path.home() for folder in folders)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the unprivileged user cannot enter")
    @needs_tcc
    def test_below_a_closed_folder_the_runner_asks(self, place: Path) -> None:
        """Without a runner its version stays unknown and nothing is remembered; with one it is known."""
        mine = script(place / "closed" / "mycc", 'exec /usr/bin/tcc "$@"')
        (place / "closed").chmod(0o700)
        blind = found(mine, place / "cache")
        assert (blind.version, blind.name) == ("", "mycc")
        assert any("could not be started" in note for note in blind.notes)

        def runner(argv: object) -> tuple[int, str]:
            assert isinstance(argv, tuple)
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=place)
            return done.returncode, done.stdout

        seeing = found(mine, place / "cache", runner=runner)
        assert seeing.family == "tcc"
        assert seeing.name == f"mycc-{seeing.version}"
        assert found(mine, place / "cache") == seeing


class TestErrors:
    def test_unknown_names(self, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
        """The nearest of families and entries; a file that lies right here is meant with ./."""
        config = Config(compiler={"nightly": CompilerEntry(command=("cc",))})
        for spec, meant in (("clagn", "clang"), ("nigthly", "nightly")):
            with pytest.raises(UnknownCompiler, match=re.escape(f"{spec!r} (did you mean {meant}?)")) as caught:
                found(spec, config=config)
            assert caught.value.exit_code == 2
        monkeypatch.chdir(place)
        script(place / "zzcompiler", "exit 0")
        with pytest.raises(UnknownCompiler, match=r"did you mean \./zzcompiler\?"):
            found("zzcompiler")

    @pytest.mark.parametrize("spec", ["", "  ", "cc 'x"])
    def test_no_command_at_all(self, spec: str) -> None:
        """Nothing, or an open quote."""
        with pytest.raises(MalformedCompiler):
            found(spec)

    def test_missing(self, place: Path) -> None:
        """A missing file names its nearest neighbour; a dangling link says where it leads."""
        script(place / "mycompiler", "exit 0")
        with pytest.raises(CompilerMissing, match=rf"did you mean {place}/mycompiler\?"):
            found(place / "mycompilr")
        (place / "link").symlink_to("nowhere")
        with pytest.raises(CompilerMissing, match="a link to nowhere"):
            found(place / "link")
        with pytest.raises(CompilerMissing, match="nor does the folder"):
            found(place / "no" / "cc")
        with pytest.raises(CompilerMissing):
            found(place / "mycompiler" / "cc")

    def test_a_directory(self, place: Path) -> None:
        """The compiler inside is offered."""
        script(place / "bin/cc", "exit 0")
        with pytest.raises(CompilerIsDirectory, match=rf"is a directory.* such as {place}/bin/cc"):
            found(place)

    def test_not_executable(self, place: Path) -> None:
        """With the command that mends it."""
        with pytest.raises(CompilerNotExecutable, match=f"chmod .* {place}/cc$"):
            found(script(place / "cc", "exit 0", mode=0o644))

    @pytest.mark.skipif(os.geteuid() != 0, reason="root's own view")
    def test_executable_by_root_only(self, place: Path) -> None:
        """Candidates do not run as root, so such a file cannot be one."""
        with pytest.raises(CompilerNotExecutable, match="for the unprivileged user"):
            found(script(place / "cc", "exit 0", mode=0o700))

    def test_another_machines_program(self, place: Path) -> None:
        """The ELF machine is named."""
        data = bytearray(Path("/bin/true").read_bytes())
        data[18:20] = (22).to_bytes(2, "little")
        (place / "cc").write_bytes(data)
        (place / "cc").chmod(0o755)
        with pytest.raises(CompilerWrongArchitecture, match="is a program for s390x"):
            found(place / "cc")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "the file is empty"),
            (b"plain text\n", "neither a program"),
            (b"#!/opt/no/such/interpreter -x\n", "'/opt/no/such/interpreter' does not exist"),
            (b"#!\n", "does not exist"),
            (b"\x7fELF" + b"\xff" * 60, "neither a program"),
        ],
    )
    def test_what_the_kernel_does_not_start(self, place: Path, content: bytes, says: str) -> None:
        """Each has its own words."""
        (place / "cc").write_bytes(content)
        (place / "cc").chmod(0o755)
        with pytest.raises(CompilerCannotStart, match=says):
            found(place / "cc")

    def test_a_device_is_not_opened(self) -> None:
        """Nor a pipe: that would wait for ever."""
        with pytest.raises(UsageError):
            found("/dev/null")


class TestChoice:
    def test_cc_of_the_environment_comes_first(self, place: Path) -> None:
        """Then the entry marked default, then the first family that is not the oracle."""
        mine = script(place / "mycc", "exit 0")
        config = Config(compiler={"own": CompilerEntry(command=(str(mine),), default=True)})
        path = {"PATH": os.environ["PATH"]}
        assert resolve(None, X86_64, config, environ={**path, "CC": f"{mine} -g"}).why == "$CC"
        chosen = resolve(None, X86_64, config, environ={**path, "CC": " "})
        assert (chosen.name, chosen.why) == ("own", "verify.toml default")
        with pytest.raises(CompilerMissing, match=r"given by \$CC"):
            resolve(None, X86_64, environ={**path, "CC": "/no/cc"})

    @needs_gcc
    def test_the_first_family_is_not_the_oracle(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """tcc where there is no clang; gcc only where it is another one than the oracle."""
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        for name in ("gcc", "tcc"):
            if shutil.which(name):
                (place / name).symlink_to(os.path.realpath(str(shutil.which(name))))
        environ = {"PATH": str(place)}
        if shutil.which("tcc"):
            first = resolve(None, X86_64, environ=environ)
            assert (first.family, first.why) == ("tcc", "first found")
            (place / "tcc").unlink()
        with pytest.raises(NoCandidate, match=r"besides the oracle .*apt-get install clang"):
            resolve(None, X86_64, environ=environ)

    @needs_gcc
    def test_the_oracle(self) -> None:
        """gcc, with everything that a candidate has."""
        compiler = oracle(X86_64)
        assert (compiler.family, compiler.why) == ("gcc", "oracle")
        assert compiler.command("x86_64")

    def test_a_missing_oracle_is_our_own_side(self, place: Path) -> None:
        """Exit code 3, and the line that installs it."""
        with pytest.raises(OracleMissing, match="apt-get install gcc") as caught:
            oracle(X86_64, environ={"PATH": str(place)})
        assert caught.value.exit_code == 3


class TestEntries:
    @needs_tcc
    def test_an_entry_says_what_cannot_be_found_out(self, place: Path) -> None:
        """Its name, version, family, environment and commands by arch are the user's."""
        mine = script(place / "mycc", '[ "$SECRET" = 1 ] && exec tcc "$@"')
        cross = script(place / "armcc", "exit 0")
        entry = CompilerEntry(
            command=(str(mine),), version="7", env={"SECRET": "1"}, targets={"aarch64": (str(cross), "-v")}
        )
        compiler = found("own", config=Config(compiler={"own": entry}))
        assert (compiler.name, compiler.family, compiler.version) == ("own", "tcc", "7")
        assert compiler.commands == {"x86_64": (str(mine),), "aarch64": (str(cross), "-v")}
        assert compiler.env == {"SECRET": "1"}

    @needs_tcc
    def test_an_entry_hides_a_family_of_its_name(self) -> None:
        """[compiler.tcc] is what --cc tcc means then."""
        compiler = found("tcc", config=Config(compiler={"tcc": CompilerEntry(command=("tcc", "-g"))}))
        assert (compiler.name, compiler.command("x86_64")) == ("tcc", (shutil.which("tcc"), "-g"))

    def test_a_command_that_is_not_there(self) -> None:
        """The message names the entry."""
        with pytest.raises(MalformedCompiler, match=r"\[compiler.own\] names no usable command \('nocc-zz'\)"):
            found("own", config=Config(compiler={"own": CompilerEntry(command=("nocc-zz",))}))


class TestNames:
    def test_two_of_one_name_are_told_apart(self, place: Path) -> None:
        """By a piece of their fingerprint; others keep their names."""
        three = [found(script(place / each, f"exit {n}")) for n, each in enumerate(("a/cc", "b/cc", "b/dd"))]
        names = [each.name for each in distinct(three)]
        assert names == [f"cc@{three[0].fingerprint[:8]}", f"cc@{three[1].fingerprint[:8]}", "dd"]

    @needs_gcc
    def test_a_version_is_not_said_twice(self) -> None:
        """gcc-12 of version 12.2.0 is gcc-12.2.0."""
        numbered = next((path for path in Path("/usr/bin").glob("gcc-[0-9]*")), None)
        if numbered is None:
            pytest.skip("no numbered gcc")
        compiler = found(numbered)
        assert compiler.name == f"gcc-{compiler.version}"

    def test_info(self, place: Path) -> None:
        """What results say of it."""
        compiler = found(script(place / "mycc", "echo mycc 1.5"))
        info = compiler.info("x86_64")
        assert (info.name, info.version, info.command) == ("mycc-1.5", "1.5", (str(place / "mycc"),))
