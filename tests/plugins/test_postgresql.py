"""The PostgreSQL plugin: its data and the commands that it makes; real builds are in tests/e2e."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugins import postgresql
from plugins.postgresql.modules import contrib, units
from tests.plugins.recorder import Recorder
from verifiers.results import Depth

if TYPE_CHECKING:
    from verifiers.recipes.base import Suite
    from verifiers.workspace import Workspace

FOLDER = Path(postgresql.__file__).parent
SMOKE = FOLDER / "smoke"
VERSIONS = ("15.18", "17.11")


def workspace(depth: Depth, version: str = "15.18", **more: Any) -> tuple[Recorder, Workspace]:
    recorder = Recorder(depth, version, **more)
    return recorder, recorder.work


def suites(depth: Depth, **more: Any) -> dict[str, Suite]:
    return {suite.name: suite for suite in postgresql.Postgresql().suites(workspace(depth, **more)[1])}


class TestSources:
    def test_two_versions_and_the_default(self) -> None:
        """15.18 is what is tested unless 17.11 is asked for."""
        assert tuple(source.version for source in postgresql.Postgresql.sources) == VERSIONS

    def test_a_place_for_each(self) -> None:
        """Each is found below the Debian archive's base URL, under its own file name."""
        for source in postgresql.Postgresql.sources:
            major = source.version.partition(".")[0]
            assert source.pool == f"pool/main/p/postgresql-{major}/{source.filename}"
            assert source.version in source.filename


class TestSteps:
    def test_our_tests_are_laid_beside_the_source(self, tmp_path: Path) -> None:
        """fetch copies them and hands them to the user who runs them."""
        recorder, work = workspace(Depth.SMOKE, root=tmp_path)
        postgresql.Postgresql().fetch(work)
        ours = tmp_path / "cell/src/ccverify"
        assert (ours / "server.sh").read_bytes() == (SMOKE / "server.sh").read_bytes()
        assert recorder.adopted == [ours]

    @pytest.mark.parametrize("cross", [False, True])
    def test_the_same_arguments_for_all_arches(self, cross: bool) -> None:
        """Optional libraries are left out, so that no machine has more of the project than another."""
        recorder, work = workspace(Depth.SMOKE, cross=cross, configure=("--disable-atomics",))
        postgresql.Postgresql().configure(work)
        ((argv, env),) = recorder.ran
        assert env == {"CC": "/ccverify/bin/cc"}
        assert {"--without-readline", "--without-zlib", "--without-icu", "--disable-atomics"} <= set(argv)
        assert ("--host=aarch64-linux-gnu" in argv) == cross

    def test_only_full_builds_contrib(self) -> None:
        """What no suite of the depth runs is not built."""
        for depth in Depth:
            recorder, work = workspace(depth)
            postgresql.Postgresql().build(work)
            assert any("contrib" in argv for argv, _ in recorder.ran) == (depth is Depth.FULL)
            assert recorder.ran[0] == (("make", "all"), {})

    def test_every_module_is_built_and_installed(self) -> None:
        """No suite tests a module that the build does not make; plpgsql is part of the server."""
        recorder, work = workspace(Depth.FULL)
        postgresql.Postgresql().build(work)
        made = {argv[2] for argv, _ in recorder.ran if argv[1] == "-C" and argv[3] == "all"}
        installed = {argv[2] for argv, _ in recorder.ran if argv[1] == "-C" and argv[3] == "install"}
        tested = {name for name in suites(Depth.FULL) if "/" in name} - {"src/pl/plpgsql/src"}
        assert {"contrib" if name.startswith("contrib/") else name for name in tested} == made == installed


class TestSuites:
    def test_depths_only_grow(self) -> None:
        """What a depth runs, the next one runs too."""
        smoke, standard, full = (set(suites(depth)) for depth in Depth)
        assert smoke == {"session", "server", "benchmark"}
        assert standard == smoke | {"check", "isolation"}
        assert standard < full

    def test_emulated(self) -> None:
        """Emulated there is the session at each depth, and all of check with few servers at a time."""
        assert set(suites(Depth.SMOKE, cross=True)) == {"session", "server", "benchmark"}
        for depth in (Depth.STANDARD, Depth.FULL):
            assert set(suites(depth, cross=True)) == {"session", "server", "benchmark", "check"}
        emulated, native = (set(suites(Depth.STANDARD, cross=each)["check"].argv) for each in (True, False))
        assert "--schedule=/cell/src/src/test/regress/parallel_schedule" in emulated & native
        assert emulated - native == {"--max-connections=4"}

    @pytest.mark.parametrize("version", VERSIONS)
    def test_suites_do_not_share_a_folder(self, version: str) -> None:
        """Suites run side by side, so each has a folder of its own for its server and its output."""
        found = suites(Depth.FULL, version=version)
        folders = [suite.argv[3] for suite in found.values()]
        assert len(found) > 40
        assert len(set(folders)) == len(folders)

    def test_nothing_depends_on_the_machines_locales(self) -> None:
        """Each pg_regress makes its database in the C locale, as UTF-8."""
        for name, suite in suites(Depth.FULL).items():
            words = set(suite.argv)
            assert (
                {"--no-locale", "--encoding=UTF8"} <= words
                or {"NO_LOCALE=1", "ENCODING=UTF8"} <= words
                or name in ("server", "benchmark")
            )

    def test_a_module_installs_nothing_again(self) -> None:
        """Installing in a test would take the programs from under the other suites."""
        for name, suite in suites(Depth.FULL).items():
            assert ("NO_TEMP_INSTALL=1" in suite.argv) == ("/" in name)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_modules(self, version: str) -> None:
        """No name twice, and none that needs a library which the build is without."""
        for names in (contrib(version), units(version)):
            assert len(set(names)) == len(names) > 7
        assert not {"pgcrypto", "xml2", "uuid-ossp", "sepgsql"} & set(contrib(version))


class TestSmoke:
    def test_every_test_has_its_answers_and_is_run(self) -> None:
        """sql, expected and the schedule name the same tests."""
        tests = {file.stem for file in (SMOKE / "sql").iterdir()}
        lines = [line for line in (SMOKE / "schedule").read_text().splitlines() if line.startswith("test:")]
        scheduled = " ".join(line.removeprefix("test:") for line in lines).split()
        assert sorted(scheduled) == sorted(tests)
        assert {file.stem for file in (SMOKE / "expected").iterdir()} == tests
        assert len(tests) > 12

    def test_answers_hold_the_questions(self) -> None:
        """psql -a prints each line of the script; an answer recorded from another script would not have them."""
        for script in (SMOKE / "sql").iterdir():
            answer = (SMOKE / "expected" / f"{script.stem}.out").read_text()
            missing = [line for line in script.read_text().splitlines() if line not in answer and "COPY" not in line]
            assert not [line for line in missing if not re.match(r"\d|\\\.", line)], script.name

    def test_known_answers_of_others(self) -> None:
        """Some answers, as tables and standards outside PostgreSQL give them."""
        expected = {name: (SMOKE / "expected" / f"{name}.out").read_text() for name in ("numeric", "text", "plpgsql")}
        assert "3.14159265358979323846264338327950288419716939937510" in expected["numeric"]
        assert "2.71828182845904523536028747135266249775724709369995" in expected["numeric"]
        assert "30414093201713378043612608166064768844377641568960512000000000000" in expected["numeric"]
        assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in expected["text"]
        assert "7707d6ae4e027c70eea2a935c2296f21" in expected["text"]
        assert "cbf43926" in expected["plpgsql"]

    @pytest.mark.parametrize("script", ["server.sh", "benchmark.sh"])
    def test_the_plan_of_a_script(self, script: str) -> None:
        """As many checks as it announces; each is one call of a function at the beginning of a line."""
        text = (SMOKE / script).read_text()
        body = text[text.index("\necho 1..") :]
        (planned,) = re.findall(r"^echo 1\.\.(\d+)$", text, re.MULTILINE)
        assert len(re.findall(r"^(?:is|runs|result) ", body, re.MULTILINE)) == int(planned)

    @pytest.mark.parametrize("script", ["server.sh", "benchmark.sh", "run.sh"])
    def test_scripts_are_shell(self, script: str) -> None:
        subprocess.run(["sh", "-n", SMOKE / script], check=True)

    def test_run_shows_what_differs(self, tmp_path: Path) -> None:
        """After a failure the differences follow, and the exit status is the command's."""
        (tmp_path / "regression.diffs").write_text("diff -U3 a b\n")
        for status in (0, 1, 2):
            done = subprocess.run(
                ["sh", SMOKE / "run.sh", "/nowhere", tmp_path, "/bin/sh", "-c", f"exit {status}"],
                capture_output=True,
                text=True,
            )
            assert done.returncode == status
            assert ("diff -U3" in done.stdout) == (status > 0)


class TestAccommodations:
    def test_both_or_none(self) -> None:
        """Without spinlocks but with atomics it builds, and initdb dies with any compiler."""
        _, one = postgresql.Postgresql.accommodations
        assert one.configure == ("--disable-spinlocks", "--disable-atomics")
        assert one.fits("tcc", "x86_64")
        assert not one.fits("gcc", "x86_64")
        assert not one.fits("clang", "x86_64")


def test_the_hook() -> None:
    """The plugin declares one project."""
    assert [project.name for project in postgresql.ccverify_projects()] == ["postgresql"]
