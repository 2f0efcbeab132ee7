"""The SQLite plugin: its data and the commands that it makes; real builds are in tests/e2e."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugins import sqlite
from plugins.sqlite.volatile import volatile_cases
from tests.plugins.recorder import Recorder
from tests.verifiers.testformats.recorded import lines
from verifiers.results import Depth

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

VOLATILE = Path(sqlite.__file__).with_name("volatile.toml")


def workspace(depth: Depth, version: str = "3.40.1", **more: Any) -> tuple[Recorder, Workspace]:
    recorder = Recorder(depth, version, **more)
    return recorder, recorder.work


class TestSources:
    def test_two_versions_and_the_default(self) -> None:
        """3.40.1 is what is tested unless 3.46.1 is asked for."""
        assert [source.version for source in sqlite.Sqlite.sources] == ["3.40.1", "3.46.1"]

    def test_a_place_for_each(self) -> None:
        """Each is found below the Debian archive's base URL, under its own file name."""
        for source in sqlite.Sqlite.sources:
            assert source.pool == f"pool/main/s/sqlite3/{source.filename}"
            assert source.version in source.filename


class TestSteps:
    @pytest.mark.parametrize("depth", list(Depth))
    def test_both_compilers_are_told(self, depth: Depth) -> None:
        """configure gets the compiler under test; the host's is in the environment of every step."""
        recorder, work = workspace(depth, configure=("--disable-largefile",))
        sqlite.Sqlite().configure(work)
        ((argv, env),) = recorder.ran
        assert env == {"CC": "/ccverify/bin/cc"}
        assert argv[0] == "/cell/src/configure"
        assert {"--disable-readline", "--disable-largefile"} <= set(argv)
        assert ("--disable-tcl" in argv) == (depth is Depth.SMOKE)

    def test_smoke_builds_two_programs(self) -> None:
        """A minute's depth compiles the library twice, not five times."""
        recorder, work = workspace(Depth.SMOKE)
        sqlite.Sqlite().build(work)
        assert recorder.ran == [(("make", "fuzzcheck", "speedtest1"), {})]

    def test_folders_exist(self) -> None:
        """The folders that suites run in are made by the build."""
        recorder, work = workspace(Depth.FULL)
        sqlite.Sqlite().build(work)
        made = {word for argv, _ in recorder.ran if argv[0] == "mkdir" for word in argv[2:]}
        assert made == {suite.cwd for suite in sqlite.Sqlite().suites(work) if suite.cwd}

    @pytest.mark.parametrize("depth", list(Depth))
    def test_every_program_that_is_tested_is_built(self, depth: Depth) -> None:
        """No suite runs a program that the depth does not build."""
        _, work = workspace(depth)
        recipe = sqlite.Sqlite()
        programs = {suite.argv[0].removeprefix("/cell/build/") for suite in recipe.suites(work)}
        assert programs == set(recipe.targets(work))

    def test_depths_only_grow(self) -> None:
        """What a depth runs, the next one runs too."""
        smoke, standard, full = (
            {suite.name for suite in sqlite.Sqlite().suites(workspace(depth)[1])} for depth in Depth
        )
        assert smoke < standard < full

    def test_suites_do_not_share_a_folder(self) -> None:
        """testfixture works in ``testdir`` below its folder, so two at once need two folders."""
        suites = [each for each in sqlite.Sqlite().suites(workspace(Depth.FULL)[1]) if "testfixture" in each.argv[0]]
        assert len(suites) > 1
        assert len({suite.cwd for suite in suites}) == len(suites)


class TestComputedNames:
    def test_path_lengths(self) -> None:
        """pager1-16.1 is one name, and no other pager1 test is."""
        recipe = sqlite.Sqlite()
        assert recipe.canonical("extraquick/pager1-16.1.22") == recipe.canonical("extraquick/pager1-16.1.47")
        for name in ("extraquick/pager1-16.2.1", "extraquick/pager1-1.16.1.3", "extraquick/ctime-2.5.46"):
            assert recipe.canonical(name) == name

    def test_compile_options(self) -> None:
        """A compile option or an allocation less is no missing case; of these tests only those may be missing."""
        recipe = sqlite.Sqlite()
        assert recipe.may_miss("extraquick/ctime-2.5.46")
        assert recipe.may_miss("extraquick/withM-1.2-oom-transient.220")
        assert not recipe.may_miss("extraquick/withM-1.1-oom-transient.20")
        assert not recipe.may_miss("extraquick/ctime-2.4.4")
        assert not recipe.may_miss("extraquick/pager1-16.1.22")

    def test_they_occur(self) -> None:
        """Each pattern matches a case of the recorded log."""
        names = ["extraquick/" + line.decode().partition("...")[0] for line in lines("extraquick.log")]
        for computed in sqlite.Sqlite.computed_names:
            assert any(re.search(computed.pattern, name) for name in names), computed.pattern


class TestVolatile:
    def test_no_more_than_is_explained(self) -> None:
        """Few cases are not compared, each for one reason, and each reason is given."""
        kinds = tomllib.loads(VOLATILE.read_text(encoding="utf-8"))
        assert all(len(kind["reason"]) > 40 for kind in kinds.values())
        for version in ("3.40.1", "3.46.1"):
            assert version in kinds["clock"]["cases"]
            seen = [
                (file, name)
                for kind in kinds.values()
                for file, names in kind["cases"].get(version, {}).items()
                for name in names
            ]
            assert len(seen) == len(set(seen))
            assert len(seen) < 200  # of 46,217

    def test_names_have_the_parsers_form(self) -> None:
        """A name that no case can have would quietly do nothing."""
        for version in ("3.40.1", "3.46.1"):
            for number in range(1, 9):
                for name in volatile_cases(version, f"fuzzdata{number}"):
                    assert re.fullmatch(r"sqlid=\d+(,dbid=\d+)?", name)

    def test_the_suite_uses_them(self) -> None:
        """The recorded case that prints the date has no digest as the suite parses it."""
        (suite,) = [each for each in sqlite.Sqlite().suites(workspace(Depth.STANDARD)[1]) if each.name == "fuzzdata1"]
        digests = {case.name: case.digest for case in suite.parse(lines("fuzz1.log"))}
        assert digests["sqlid=727,dbid=1"] == digests["sqlid=1233,dbid=1"] == ""
        assert digests["sqlid=1234,dbid=1"] != ""


class TestAccommodations:
    def test_only_for_tcc(self) -> None:
        """gcc and clang build it as it is."""
        (one,) = sqlite.Sqlite.accommodations
        assert one.flags == ("-D_GNU_SOURCE",)
        assert one.fits("tcc", "x86_64")
        assert not one.fits("gcc", "x86_64")
        assert not one.fits("clang", "x86_64")


def test_the_hook() -> None:
    """The plugin declares one project."""
    assert [project.name for project in sqlite.ccverify_projects()] == ["sqlite"]
