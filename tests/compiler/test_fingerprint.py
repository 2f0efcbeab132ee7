from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from compiler.fingerprint import Digests, fingerprint
from tests.compiler.candidates import found, script
from verifiers.config import CompilerEntry, Config


def rewrite(path: Path, old: str, new: str) -> None:
    """Changes a file in place: same inode, same size where the texts are equally long."""
    with path.open("r+") as file:
        text = file.read()
        assert old in text
        file.seek(0)
        file.write(text.replace(old, new))
        file.truncate()


def read_so_far() -> int:
    """The bytes that this process has read: rchar in proc_pid_io(5)."""
    return int(Path("/proc/self/io").read_text().split()[1])


class TestChanges:
    """Every one of them through the cache that holds the old answer."""

    def test_the_program_itself(self, place: Path) -> None:
        """One byte in place, size and times put back: another fingerprint. Put back: the first one again."""
        mine = script(place / "mycc", "exit 3 # a")
        first = found(mine, place / "cache")
        times = mine.stat()
        rewrite(mine, "# a", "# b")
        os.utime(mine, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert found(mine, place / "cache").fingerprint != first.fingerprint
        rewrite(mine, "# b", "# a")
        assert found(mine, place / "cache").fingerprint == first.fingerprint

    def test_what_a_wrapper_runs(self, place: Path) -> None:
        """By absolute path, by PATH, as a neighbour, and one step further: each counts; a comment does not."""
        deep = script(place / "deep" / "cc1", "exit 3")
        absolute = script(place / "abs" / "cc", f"exec {deep} x")
        neighbour = script(place / "bin" / "helper", "exit 3")
        commented = script(place / "other" / "cc", "exit 3")
        mine = script(place / "bin" / "mycc", f'# see {commented}\n$(dirname "$0")/helper; exec {absolute} "$@"')
        seen = {found(mine, place / "cache").fingerprint}
        for number, path in enumerate((deep, absolute, neighbour, mine), 2):
            path.write_text(path.read_text() + "# changed\n")
            seen.add(found(mine, place / "cache").fingerprint)
            assert len(seen) == number, path
        commented.write_text("#!/bin/sh\n")
        seen.add(found(mine, place / "cache").fingerprint)
        assert len(seen) == 5

    def test_a_command_on_path(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its content counts, and so does another one that comes before it on PATH."""
        monkeypatch.setenv("PATH", f"{place}/first:{place}/second:/usr/bin:/bin")
        backend = script(place / "second" / "mybackend", "exit 3")
        mine = script(place / "mycc", 'mybackend "$@"')
        one = found(mine, place / "cache").fingerprint
        backend.write_text("#!/bin/sh\nexit 4\n")
        two = found(mine, place / "cache").fingerprint
        script(place / "first" / "mybackend", "exit 5")
        three = found(mine, place / "cache").fingerprint
        assert len({one, two, three}) == 3

    def test_what_a_wrapper_names_before_it_is_there(self, place: Path) -> None:
        """A tool that appears later is seen."""
        mine = script(place / "mycc", f"{place}/tools/later; exit 0")
        first = found(mine, place / "cache").fingerprint
        script(place / "tools" / "later", "exit 0")
        assert found(mine, place / "cache").fingerprint != first

    def test_a_link_that_leads_elsewhere(self, place: Path) -> None:
        """As update-alternatives does."""
        script(place / "one", "exit 1")
        script(place / "two", "exit 2")
        link = place / "mycc"
        link.symlink_to("one")
        first = found(link, place / "cache").fingerprint
        link.unlink()
        link.symlink_to("two")
        assert found(link, place / "cache").fingerprint != first

    def test_what_verify_toml_names(self, place: Path) -> None:
        """Files and folders that only the user knows, and the environment."""
        mine = script(place / "bin" / "mycc", "exit 3")
        (place / "data").mkdir()
        (place / "data" / "table").write_text("1")

        def own(**env: str) -> str:
            entry = CompilerEntry(command=(str(mine),), files=(str(place / "data"),), env=env)
            return found("own", place / "cache", Config(compiler={"own": entry})).fingerprint

        seen = [own(), own()]
        (place / "data" / "table").write_text("2")
        seen.append(own())
        (place / "data" / "more").write_text("")
        seen.append(own())
        seen.append(own(A="1"))
        assert seen[0] == seen[1]
        assert len(set(seen)) == 4

    def test_what_lies_around_an_unknown_compiler(self, place: Path) -> None:
        """Its include and lib folders, and the programs that bear its name."""
        (place / "bin").mkdir()
        mine = place / "bin" / "mycc"
        shutil.copy("/bin/true", mine)
        (place / "include").mkdir()
        (place / "include" / "a.h").write_text("1")
        helper = script(place / "bin" / "mycc-as", "exit 3")
        (place / "README").write_text("1")
        seen = [found(mine, place / "cache").fingerprint]
        (place / "include" / "a.h").write_text("2")
        seen.append(found(mine, place / "cache").fingerprint)
        helper.write_text("#!/bin/sh\nexit 4\n")
        seen.append(found(mine, place / "cache").fingerprint)
        (place / "README").write_text("2")
        seen.append(found(mine, place / "cache").fingerprint)
        assert len(set(seen)) == 3
        assert seen[2] == seen[3]

    def test_what_lies_around_the_compiler_that_a_script_runs(self, place: Path) -> None:
        """The folder of the program behind a wrapper, and those that the wrapper has it search."""
        (place / "inner" / "include").mkdir(parents=True)
        shutil.copy("/bin/true", place / "inner" / "mycc")
        (place / "more").mkdir()
        mine = script(place / "wrapper" / "mycc", f'exec {place}/inner/mycc -I{place}/more "$@"')
        seen = [found(mine, place / "cache")]
        (place / "inner" / "include" / "a.h").write_text("1")
        seen.append(found(mine, place / "cache"))
        (place / "more" / "b.h").write_text("1")
        seen.append(found(mine, place / "cache"))
        assert len({each.fingerprint for each in seen}) == 3
        assert seen[0].mounts == (f"{place}/inner", f"{place}/more", f"{place}/wrapper")

    def test_one_that_lies_where_it_was_built(self, place: Path) -> None:
        """Its headers are the checkout's."""
        (place / "mine" / "target" / "release").mkdir(parents=True)
        shutil.copy("/bin/true", place / "mine" / "target" / "release" / "mycc")
        (place / "mine" / "include").mkdir()
        seen = [found(place / "mine" / "target" / "release" / "mycc", place / "cache")]
        (place / "mine" / "include" / "a.h").write_text("1")
        seen.append(found(place / "mine" / "target" / "release" / "mycc", place / "cache"))
        assert seen[0].mounts == (f"{place}/mine",)
        assert seen[0].fingerprint != seen[1].fingerprint

    @pytest.mark.parametrize("prefix", ["out", "build"])
    def test_a_prefix_that_is_called_as_a_build_folder_is(self, place: Path, prefix: str) -> None:
        """Its headers lie there, and not only around."""
        mine = place / prefix / "bin" / "mycc"
        mine.parent.mkdir(parents=True)
        shutil.copy("/bin/true", mine)
        (place / prefix / "include").mkdir()
        seen = [found(mine, place / "cache")]
        (place / prefix / "include" / "a.h").write_text("1")
        seen.append(found(mine, place / "cache"))
        assert seen[0].fingerprint != seen[1].fingerprint
        assert seen[0].mounts == (f"{place}",)

    def test_a_prefix_below_a_folder_of_everybodys(self, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
        """The sandbox shows the prefix, and neither its program alone nor the whole home."""
        monkeypatch.setenv("HOME", str(place))
        mine = place / "build" / "bin" / "mycc"
        mine.parent.mkdir(parents=True)
        shutil.copy("/bin/true", mine)
        assert found(mine).mounts == (f"{place}/build",)

    @pytest.mark.parametrize(
        "line",
        [
            'export PATH="{0}/far/bin:$PATH"; exec mycc-real "$@"',
            'PATH=/usr/bin:{0}/far/bin:$PATH; exec mycc-real "$@"',
            'exec "$here/../far/bin/mycc-real" "$@"',
            'exec "$(dirname "$0")"/../far/bin/mycc-real "$@"',
            'os.execv(os.path.join("{0}/far/bin", "mycc-real"), sys.argv)',
            'os.execv(os.path.join(here, "..", "libexec", "mycc-real"), sys.argv)',
        ],
    )
    def test_how_scripts_find_the_compiler(self, place: Path, line: str) -> None:
        """By folders that they put on PATH, beside their own, or in their installation."""
        mine = script(place / "bin" / "mycc", "exit 3\n" + line.format(place))
        real = script(place / ("libexec" if "libexec" in line else "far/bin") / "mycc-real", "exit 3")
        seen = [found(mine, place / "cache")]
        real.write_text(real.read_text() + "# rebuilt\n")
        seen.append(found(mine, place / "cache"))
        assert seen[0].fingerprint != seen[1].fingerprint

    def test_what_a_python_script_imports(self, place: Path) -> None:
        """Modules and packages beside it, in whatever form."""
        text = "import os, one; import two as t, three\nfrom parts import first\n"
        mine = script(place / "bin" / "mycc", text)
        mine.write_text(f"#!/usr/bin/env python3\n{text}")
        (place / "bin" / "parts").mkdir()
        names = ("one.py", "two.py", "three.py", "parts/first.py")
        for name in names:
            (place / "bin" / name).touch()
        seen = {found(mine, place / "cache").fingerprint}
        for number, name in enumerate(names, 2):
            (place / "bin" / name).write_text("# another\n")
            seen.add(found(mine, place / "cache").fingerprint)
            assert len(seen) == number, name

    def test_a_log_that_a_script_writes(self, place: Path) -> None:
        """Though its name is called a path: it is no part of the compiler."""
        log = place / "logs" / "cc.txt"
        log.parent.mkdir()
        log.write_text("1")
        mine = script(place / "bin" / "mycc", f'exit 3\nLOG_PATH={log}; echo "$@" >> $LOG_PATH')
        assert str(log) not in found(mine, place / "cache").files

    def test_a_path_of_the_system_s_folders(self, place: Path) -> None:
        """They are nobody's compiler."""
        mine = script(place / "bin" / "mycc", "exit 3\nPATH=/usr/local/bin:/usr/sbin:/usr/bin; exec mycc-real")
        assert not {"/usr/local/bin", "/usr/sbin", "/usr/bin"} & set(found(mine, place / "cache").files)

    @pytest.mark.parametrize(
        "option", ["-I{}", '-I"{}"', "-I {}", "-isystem {}", '"-I", "{}"', "C_INCLUDE_PATH=/x:{}", "CPATH=$CPATH:{}"]
    )
    def test_how_scripts_name_folders(self, place: Path, option: str) -> None:
        """As one word or two, quoted or not."""
        (place / "headers").mkdir()
        mine = script(place / "bin" / "mycc", "exit 3\nexec mycc-real " + option.format(f"{place}/headers"))
        seen = [found(mine, place / "cache")]
        (place / "headers" / "a.h").write_text("1")
        seen.append(found(mine, place / "cache"))
        assert seen[0].fingerprint != seen[1].fingerprint

    def test_flags_that_lie_among_what_is_for_a_moment(self, place: Path) -> None:
        """They are read, not written."""
        flags = Path(f"/tmp/{place.name}.rsp")
        flags.write_text("-O1")
        try:
            mine = script(place / "bin" / "mycc", f'exit 3\nexec gcc @{flags} "$@"')
            seen = [found(mine, place / "cache")]
            flags.write_text("-O2")
            seen.append(found(mine, place / "cache"))
        finally:
            flags.unlink()
        assert str(flags) in seen[0].files
        assert seen[0].fingerprint != seen[1].fingerprint

    def test_what_it_writes_is_no_part_of_it(self, place: Path) -> None:
        """A file of a fixed name among those for a moment: in the sandbox it must be able to write it."""
        (place / "moment").mkdir()
        (place / "moment").chmod(0o777)
        left, made = Path(f"/tmp/{place.name}.s"), place / "moment" / "made.s"
        left.write_text("of an earlier call")
        try:
            mine = found(script(place / "bin" / "mycc", f"cat {left} > {made}"), place / "cache")
        finally:
            left.unlink()
        assert made.exists()
        assert not {str(left), str(made)} & set(mine.files)

    def test_the_same_elsewhere_is_the_same(self, place: Path) -> None:
        """A compiler that was moved as it is has the fingerprint it had."""
        one, two = (script(place / each / "mycc", "exit 3") for each in ("a", "b"))
        assert found(one).fingerprint == found(two).fingerprint


class TestSpeed:
    @pytest.mark.parametrize("spec", ["gcc", "clang", "tcc", "zig"])
    def test_the_second_time_is_nearly_free(self, tmp_path: Path, spec: str) -> None:
        """It reads little more than what it knew, not the compiler's files again: zig has 20,000 of them."""
        if not (importlib.util.find_spec("ziglang") if spec == "zig" else shutil.which(spec)):
            pytest.skip(f"no {spec}")
        start = read_so_far()
        first = found(spec, tmp_path)
        middle = read_so_far()
        assert found(spec, tmp_path) == first
        again, cold = read_so_far() - middle, middle - start
        assert again < cold / 2, f"{again:,} of {cold:,} bytes"


class TestCache:
    def test_a_damaged_cache_is_no_error(self, place: Path) -> None:
        """Rubbish, an empty file, other JSON: the compiler is asked again."""
        mine = script(place / "mycc", "echo mycc 1.5")
        first = found(mine, place / "cache")
        for rubbish in ("", "{", "[]", "{}", '{"until": null, "stamps": 1, "watched": 5}'):
            for path in (place / "cache" / "compilers").iterdir():
                path.write_text(rubbish)
            assert found(mine, place / "cache") == first

    def test_a_cache_that_cannot_be_written_is_no_error(self, place: Path) -> None:
        """The compiler is found all the same."""
        (place / "cache").write_text("a file, not a folder")
        assert found(script(place / "mycc", "echo mycc 1.5"), place / "cache").version == "1.5"


class TestDigests:
    def test_a_folder_is_names_and_contents(self, place: Path) -> None:
        """A renamed file, another content and another link each count; an empty folder and .git do not."""
        folder = place / "tree"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a").write_text("1")
        (folder / "link").symlink_to("sub/a")
        seen = [Digests().of(str(folder))]
        (folder / "empty").mkdir()
        (folder / ".git").mkdir()
        (folder / ".git" / "x").write_text("1")
        assert Digests().of(str(folder)) == seen[0]
        (folder / "sub" / "a").write_text("2")
        seen.append(Digests().of(str(folder)))
        (folder / "sub" / "a").rename(folder / "sub" / "b")
        seen.append(Digests().of(str(folder)))
        (folder / "link").unlink()
        (folder / "link").symlink_to("sub/b")
        seen.append(Digests().of(str(folder)))
        assert len(set(seen)) == 4

    def test_is_remembered_by_times(self, place: Path) -> None:
        """A saved digest is used while the file's times stand, and not a moment longer."""
        file = place / "file"
        file.write_text("1")
        digests = Digests(place / "digests.json")
        first = digests.of(str(file))
        digests.save()
        assert Digests(place / "digests.json")._known[str(file)][-1] == first
        file.write_text("2")
        assert Digests(place / "digests.json").of(str(file)) == Digests().of(str(file)) != first

    def test_nothing_special_is_opened(self, place: Path) -> None:
        """A pipe in a folder does not stop the reading."""
        os.mkfifo(place / "pipe")
        assert Digests().of(str(place))

    def test_words_are_kept_apart(self) -> None:
        """Arguments that only differ in where one ends are two fingerprints."""
        assert fingerprint([], Digests(), ("a", "bc")) != fingerprint([], Digests(), ("ab", "c"))
