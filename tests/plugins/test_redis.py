"""The Redis plugin: its data, the commands that it makes, and the session's own parts; real builds are in tests/e2e."""

from __future__ import annotations

import binascii
import json
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from plugins import redis
from plugins.redis import session
from plugins.redis.units import NOT_RUN, units
from tests.plugins.recorder import Recorder
from verifiers.results import CaseOutcome, Depth
from verifiers.testformats import tap

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.recipes.base import Suite
    from verifiers.workspace import Workspace

FOLDER = Path(redis.__file__).parent
VERSIONS = ("7.0.15", "8.0.2")


def workspace(depth: Depth, version: str = "7.0.15", **more: Any) -> tuple[Recorder, Workspace]:
    recorder = Recorder(depth, version, **more)
    return recorder, recorder.work


def suites(depth: Depth, **more: Any) -> dict[str, Suite]:
    return {suite.name: suite for suite in redis.Redis().suites(workspace(depth, **more)[1])}


class TestSources:
    def test_two_versions_and_the_default(self) -> None:
        """7.0.15 is what is tested unless 8.0.2 is asked for."""
        assert tuple(source.version for source in redis.Redis.sources) == VERSIONS

    def test_a_place_for_each(self) -> None:
        """Each is found below the Debian archive's base URL, under its own file name."""
        for source in redis.Redis.sources:
            assert source.pool == f"pool/main/r/redis/{source.filename}"
            assert source.version in source.filename

    def test_a_patch_for_each(self) -> None:
        """One patch a version; the compiler is asked in a file that is known for a question."""
        for version in VERSIONS:
            (mine,) = [each for each in redis.Redis.patches if each.versions[0] == version[0]]
            added = [line for line in mine.file.read_text("utf-8").splitlines() if re.match(r"\+[^+]", line)]
            assert len(added) == 3
            assert all("conftest" in line and "foo" not in line for line in added)


class TestSteps:
    def configure(self, tmp_path: Path, **more: Any) -> Recorder:
        recorder, work = workspace(Depth.SMOKE, root=tmp_path, **more)
        redis.Redis().configure(work)
        return recorder

    @pytest.mark.parametrize("version", VERSIONS)
    def test_the_session_is_laid_beside(self, tmp_path: Path, version: str) -> None:
        """What the session's suite names is there, for the user of the sandbox to read."""
        recorder, work = workspace(Depth.SMOKE, root=tmp_path, version=version)
        redis.Redis().fetch(work)
        argv = suites(Depth.SMOKE, version=version)["session"].argv
        files = [word for word in argv if word.startswith("/cell/src/")]
        assert len(files) == 3
        assert all(recorder.host_path(file).is_file() for file in files)
        assert recorder.adopted == [recorder.host_path(files[0]).parent]

    def test_no_library_is_built_by_the_way(self, tmp_path: Path) -> None:
        """Writing the settings would build the libraries, and ignore those that fail."""
        (settings,) = self.configure(tmp_path).makes
        assert "persist-settings" in settings
        assert "DEPENDENCY_TARGETS=.make-prerequisites" in settings

    @pytest.mark.parametrize("version", VERSIONS)
    def test_the_libraries_come_first(self, version: str) -> None:
        """All that the programs are linked with is made before them, each failure the step's."""
        recorder, work = workspace(Depth.SMOKE, version=version)
        redis.Redis().build(work)
        first, second = recorder.makes
        assert first[:3] == ("make", "-C", "deps")
        assert second[:4] == ("make", "-C", "src", "all")
        wanted = {"hiredis", "linenoise", "lua", "hdr_histogram"} | (
            {"fpconv", "fast_float"} if version[0] == "8" else set()
        )
        assert {word for word in first[3:] if re.fullmatch(r"\w+", word)} == wanted

    def test_every_make_is_told_the_same(self, tmp_path: Path) -> None:
        """The settings that were written down are those of the build, or it would begin anew."""
        configured = self.configure(tmp_path)
        recorder, work = workspace(Depth.SMOKE)
        redis.Redis().build(work)
        told = [
            {word for word in argv if "=" in word and "TARGETS" not in word}
            for argv in configured.makes + recorder.makes
        ]
        assert told[0] == told[1] == told[2]
        assert "CC=/ccverify/bin/cc" in told[0]
        assert all(env == {"SOURCE_DATE_EPOCH": "1"} for argv, env in recorder.ran if argv[0] == "make")

    def test_cross(self) -> None:
        """Every tool that makes something for the target is the target's."""
        recorder, work = workspace(Depth.SMOKE, cross=True, version="8.0.2")
        redis.RedisJemalloc().build(work)
        jemalloc, *others = recorder.makes
        assert "JEMALLOC_CONFIGURE_OPTS=--build=x86_64-linux-gnu --host=aarch64-linux-gnu" in jemalloc
        for argv in (jemalloc, *others):
            tools = dict(word.split("=", 1) for word in argv if re.match(r"(AR|RANLIB|CXX|uname_M|MALLOC)=", word))
            assert tools == {
                "AR": "aarch64-linux-gnu-ar",
                "RANLIB": "aarch64-linux-gnu-ranlib",
                "CXX": "aarch64-linux-gnu-g++",
                "uname_M": "aarch64",
                "MALLOC": "jemalloc",
            }

    def test_a_folder_for_each_unit(self) -> None:
        """runtest empties tests/tmp when it starts, so no two may share it."""
        recorder, work = workspace(Depth.FULL)
        redis.Redis().build(work)
        made = next(argv[4:] for argv, _ in recorder.ran if argv[0] == "sh")
        folders = [suite.cwd for suite in redis.Redis().suites(work) if "./runtest" in suite.argv]
        assert folders == [f"/cell/build/units/{name}" for name in made]
        assert len(set(folders)) == len(folders) > 50

    def test_the_folders(self, tmp_path: Path) -> None:
        """A unit's folder leads to the tree, but has a tests/tmp of its own."""
        for place in ("src", "utils", "tests/unit", "tests/tmp/old"):
            (tmp_path / place).mkdir(parents=True)
        (tmp_path / "runtest").write_text("echo ran", "utf-8")
        argv = ["sh", "-ec", redis._UNIT_FOLDERS, "sh", "unit/type/hash", "unit/acl"]
        subprocess.run(argv, cwd=tmp_path, check=True)
        for unit in ("unit/type/hash", "unit/acl"):
            folder = tmp_path / "units" / unit
            assert (folder / "runtest").read_text("utf-8") == "echo ran"
            assert (folder / "tests/unit").resolve() == tmp_path / "tests/unit"
            assert not list((folder / "tests/tmp").iterdir())


class TestSuites:
    def test_depths_only_grow(self) -> None:
        """What a depth runs, the next one runs too."""
        for version in VERSIONS:
            smoke, standard, full = (set(suites(depth, version=version)) for depth in Depth)
            assert smoke < standard < full
            assert "session" in smoke
            assert {"unit/acl", "unit-tests"} <= standard

    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_unit_is_run_or_said_why_not(self, version: str) -> None:
        """Upstream's own list, in which each is run once at the depth full, or has a reason."""
        upstream = (FOLDER / "recorded" / f"units-{version}.txt").read_text("utf-8").split()
        run = units(version, Depth.FULL)
        assert len(run) == len(set(run))
        assert set(run) == set(upstream) - NOT_RUN.keys()
        assert all(len(reason) > 20 for reason in NOT_RUN.values())

    def test_one_unit_a_run(self) -> None:
        """By one client: a result is then that unit's."""
        argv = suites(Depth.STANDARD)["unit/acl"].argv
        assert argv == ("./runtest", "--clients", "1", "--single", "unit/acl")

    @pytest.mark.parametrize("version", VERSIONS)
    def test_emulated(self, version: str) -> None:
        """Part of what the depth runs natively, the units with the command tables among it."""
        emulated = units(version, Depth.STANDARD, emulated=True)
        assert {"unit/acl", "unit/acl-v2"} < set(emulated) < set(units(version, Depth.STANDARD))
        assert set(suites(Depth.STANDARD, version=version, cross=True)) == {
            *emulated,
            "unit-tests",
            "session",
            "benchmark",
        }
        assert set(suites(Depth.SMOKE, version=version, cross=True)) == {"session", "benchmark"}

    def test_random_names(self) -> None:
        """psync2 makes up its layout, and goes on for a time; nothing else may miss a case."""
        recipe = redis.Redis()
        assert recipe.may_miss("integration/psync2/PSYNC2: Set #0 to replicate from #4")
        assert not recipe.may_miss("integration/psync2/summary")
        assert not recipe.may_miss("integration/psync2-reg/PSYNC2 #3899 regression: setup")
        assert not recipe.may_miss("unit/acl/ACL GETUSER returns the password hash instead of the actual password")


class TestWithoutACompilerForCxx:
    def test_only_8_has_cxx(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is skipped where nothing compiles C++ for the target; the package is named."""
        monkeypatch.setattr(shutil, "which", lambda name: None)
        target = cast("Arch", SimpleNamespace(name="riscv64", triple="riscv64-linux-gnu", native=False))
        assert redis.Redis().skip(target, Depth.SMOKE, "7.0.15") == ""
        assert "g++-riscv64-linux-gnu" in redis.Redis().skip(target, Depth.SMOKE, "8.0.2")
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        assert redis.Redis().skip(target, Depth.SMOKE, "8.0.2") == ""


def sections(version: str) -> dict[str, list[session.Line]]:
    with (FOLDER / "session.txt").open(encoding="utf-8") as lines:
        return dict(session.dialogue(lines, version))


class TestDialogue:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_it_can_be_read(self, version: str) -> None:
        """Every answer is JSON or has an operator, and there are many."""
        found = sections(version)
        answers = [line.expected for script in found.values() for line in script if line.expected]
        assert len(answers) > 500
        assert {answer.operator for answer in answers} == {"", "sorted", "match", "digest", "near"}

    def test_nothing_is_forgotten(self) -> None:
        """No answer is a mere place for one, and none says yes to everything but those with a reason."""
        text = (FOLDER / "session.txt").read_text("utf-8")
        assert not re.search(r"digest (\d)\1{11}$", text, re.MULTILINE)
        assert text.count("  match .*\n") < 8

    def test_key_slots(self) -> None:
        """Those of the cluster are CRC16 as another program computes it; every entry of the table is used."""
        slots = [binascii.crc_hqx(bytes([byte]), 0) % 16384 for byte in range(256)]
        line = next(line for line in sections("7.0.15")["node: cluster"] if line.text.startswith("EVAL"))
        assert line.expected is not None
        assert line.expected.fits(slots)
        assert not line.expected.fits([*slots[:-1], slots[-1] ^ 1])

    def test_popcounts(self) -> None:
        """Every entry of the table of bits in a byte is used."""
        line = next(line for line in sections("7.0.15")["bits"] if "string.char(i)" in line.text)
        assert line.expected is not None
        assert line.expected.fits([byte.bit_count() for byte in range(256)])

    def test_versions(self) -> None:
        """A section and an answer may be one major version's only."""
        text = ["== all", "A", '  7| "x"', '  8| "y"', "== new @8", "B", "  1"]
        seven, eight = dict(session.dialogue(text, "7.0.15")), dict(session.dialogue(text, "8.0.2"))
        assert (list(seven), list(eight)) == (["all"], ["all", "new"])
        assert seven["all"][0].expected is not None
        assert seven["all"][0].expected.fits("x")
        assert eight["all"][0].expected is not None
        assert eight["all"][0].expected.fits("y")

    def test_words(self) -> None:
        """Words, strings with escapes, and repeated characters; a connection's number is no word."""
        line = session.Line('2: SET "a b\\r\\u00ff\\"" x*12 w* *1')
        assert (line.connection, line.words) == (2, [b"SET", b'a b\r\xff"', b"x" * 12, b"w*", b"*1"])


class TestExpected:
    @pytest.mark.parametrize(
        ("line", "good", "bad"),
        [
            ('"a"', "a", "b"),
            ("1", 1, True),
            ("1", 1, "1"),
            ("null", None, []),
            ("true", True, 1),
            ('"+OK"', "+OK", "OK"),
            ('sorted ["b", "a"]', ["a", "b"], ["a", "a"]),
            ("sorted [1]", [1], None),
            ("match a.c", "a\nc", "a\ncd"),
            (r"match \[1, \d\]", [1, 5], [1, 50]),
            ("near 10", 10, 11),
            ("near 10", 1, 0),
            ("near 10", 1, None),
        ],
    )
    def test_fits(self, line: str, good: object, bad: object) -> None:
        """Only what is the same, of the same type, in the same order unless said otherwise."""
        assert session.Expected(line).fits(good)
        assert not session.Expected(line).fits(bad)


class TestConnection:
    def reply(self, data: bytes) -> object:
        one, other = socket.socketpair()
        with one, other:
            connection = object.__new__(session.Connection)
            connection.socket, connection.file = one, one.makefile("rb")
            other.sendall(data)
            other.shutdown(socket.SHUT_WR)
            try:
                return connection.read()
            finally:
                connection.file.close()

    def test_replies(self) -> None:
        """Both versions of the protocol."""
        resp2 = b"*5\r\n+OK\r\n-ERR no\r\n:-5\r\n$3\r\na\r\n\r\n*1\r\n$-1\r\n"
        assert self.reply(resp2) == ["+OK", "-ERR no", -5, "a\r\n", [None]]
        resp3 = b"%1\r\n$1\r\nk\r\n~2\r\n,1.5\r\n#t\r\n"
        assert self.reply(resp3) == {"map": [["k", {"set": [{"double": "1.5"}, True]}]]}
        assert self.reply(b">1\r\n_\r\n") == {"push": [None]}
        assert self.reply(b"=5\r\ntxt:x\r\n") == {"verbatim": "txt:x"}

    @pytest.mark.parametrize(
        "data", [b"", b"+OK", b"$5\r\nab\r\n", b"$2\r\nabcd", b"?\r\n", b":x\r\n", b"*2\r\n:1\r\n"]
    )
    def test_rubbish(self, data: bytes) -> None:
        """A server that was miscompiled may say anything."""
        with pytest.raises(session.Gone):
            self.reply(data)


class TestTables:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_they_are_whole(self, version: str) -> None:
        """As many commands as COMMAND COUNT says, each with its documentation."""
        tables = json.loads((FOLDER / "tables" / f"{version}.json").read_text("utf-8"))
        count = {"7.0.15": 240, "8.0.2": 265}[version]
        assert len(tables["COMMAND INFO"]) == len(tables["COMMAND DOCS"]) == count
        assert len(tables["CONFIG GET"]) > 150
        assert tables["CONFIG GET"]["maxmemory-samples"] == "5"
        assert len(tables["help"]) == 16
        assert all(re.fullmatch(r"[0-9a-f]{12}", value) for value in tables["help"].values())

    def test_subcommands_come_in_any_order(self) -> None:
        """They are kept in a hash table with a random seed."""
        one = ["x", 2, [], [["x|b", 1, ["f"]], ["x|a", 2, ["g"]]]]
        other = ["x", 2, [], [["x|a", 2, ["g"]], ["x|b", 1, ["f"]]]]
        assert session._plain(one) == session._plain(other)
        docs = ["summary", "s", "subcommands", ["x|b", ["summary", "t"], "x|a", ["summary", "u"]]]
        turned = ["summary", "s", "subcommands", ["x|a", ["summary", "u"], "x|b", ["summary", "t"]]]
        assert session._plain(docs) == session._plain(turned)
        assert session._plain(["x", ["b", "a"]]) != session._plain(["x", ["a", "b"]])


class TestSession:
    def play(self, tmp_path: Path, script: str) -> dict[str, CaseOutcome]:
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("redis-server", "redis-cli", "redis-benchmark", "redis-check-rdb", "redis-check-aof"):
            program = programs / name
            program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        files = [str(FOLDER / name) for name in ("session.py", "session.txt", "tables/7.0.15.json")]
        argv = [sys.executable, "-I", "-S", *files, str(programs), "7.0.15"]
        done = subprocess.run(
            argv, capture_output=True, timeout=120, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        )
        assert done.returncode == 1
        assert not list(tmp_path.glob("redis-*"))
        return {case.name: case.outcome for case in tap.parse(done.stdout.splitlines(keepends=True))}

    def test_a_server_that_does_not_start(self, tmp_path: Path) -> None:
        """Every part says so; the plan is kept, and nothing passes."""
        found = self.play(tmp_path, "exit 3")
        assert {
            "strings: the server stays up",
            "tables: the server stays up",
            "tools: the server stays up",
        } <= found.keys()
        assert set(found.values()) == {CaseOutcome.FAIL}
        assert "plan" not in found

    def test_failures_are_explained(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What was expected, and what came, in lines of their own; the name has no TAP directive in it."""
        log = session.Tap()
        log.equal("EVAL #t # SKIP \n", [1], {"a": None})
        log.equal("fine", 1, 1)
        assert log.finish() == 1
        said = capsys.readouterr().out
        assert '# expected: [1]\n# came:     {"a": null}\n' in said
        cases = {case.name: case.outcome for case in tap.parse(said.encode().splitlines(keepends=True))}
        assert cases == {"EVAL ?t ? SKIP ?": CaseOutcome.FAIL, "fine": CaseOutcome.PASS}


def test_the_hook() -> None:
    """The plugin declares Redis with each allocator; all else is the same."""
    one, other = redis.ccverify_projects()
    assert (one.name, other.name) == ("redis", "redis-jemalloc")
    assert one.sources == other.sources


def test_jemalloc_s_own_configuration() -> None:
    """What its configure found is held against the oracle's: without atomics or TLS it is another allocator."""
    one, other = (recipe.configuration for recipe in redis.ccverify_projects())
    assert set(one) < set(other)
    assert "deps/jemalloc/include/jemalloc/internal/jemalloc_internal_defs.h" in other
