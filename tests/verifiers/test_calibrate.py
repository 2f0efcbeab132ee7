"""What a candidate shows of itself."""

from __future__ import annotations

from compiler.driver import Call, Output
from verifiers.calibrate import cut_off, judge

GOOD = "compiles=0\nlinks=0\nprints=sum 8\nwrong=1\noption=1\n"


def call(**fields: object) -> Call:
    """A candidate's call that made an object."""
    values: dict[str, object] = {
        "id": "1", "parent": "", "t": 0.0, "step": "build", "name": "cc", "role": "candidate", "kind": "compile",
        "links": False, "makes": "object", "compiler": "candidate", "unit": "calibrate.c", "inputs": ("calibrate.c",),
        "output": Output("calibrate.o", 900, "mycc 1", True), "argv": ("cc",), "cwd": "/cell/home", "seconds": 0.1,
        "cpu": 0.1, "peak_kib": 1, "exit": 0, "signal": None, "timeout": False, "limit": "", "stderr": "", "engine": "",
        "call": "", "argv_cut": False,
    }  # fmt: skip
    return Call(**{**values, **fields})  # type: ignore[arg-type]


class TestJudge:
    """From a hello world's log."""

    def test_an_ordinary_compiler(self) -> None:
        """Its objects' ident, and nothing else to say."""
        found = judge(GOOD, [call()])
        assert (found.starts, found.works, found.ident, found.engines, found.notes) == (True, True, "mycc 1", (), ())

    def test_a_wrapper(self) -> None:
        """A compiler proper that fires here is its own."""
        fired = call(role="engine", engine="/usr/lib/cc1", call="1", output=None)
        assert judge(GOOD, [call(), fired]).engines == ("/usr/lib/cc1",)

    def test_a_wrapper_that_scrubs_its_environment(self) -> None:
        """Nobody else runs here, so an engine whose call is unknown is its own."""
        fired = call(role="engine", engine="/usr/lib/cc1", call="", output=None)
        assert judge(GOOD, [call(), fired]).engines == ("/usr/lib/cc1",)

    def test_one_that_has_others_preprocess_and_link(self) -> None:
        """That makes no compiler of them: where they compile later, it is a leak."""
        preprocessor = call(role="engine", kind="preprocess", engine="/usr/lib/cc1", call="1", output=None)
        linker = call(role="leak", kind="link", name="gcc", call="1", output=None)
        found = judge(GOOD, [call(), preprocessor, linker])
        assert (found.engines, found.names) == ((), ())

    def test_one_that_asks_another_when_it_fails(self) -> None:
        """That makes no compiler of it, either: only what is wrong went there."""
        fired = call(id="9", role="engine", engine="/usr/lib/cc1", call="3", output=None)
        named = call(id="8", role="leak", name="gcc", call="3", output=None)
        found = judge(GOOD, [call(), call(id="2", kind="link"), fired, named, call(id="3", exit=1, output=None)])
        assert (found.engines, found.names) == ((), ())

    def test_one_that_cannot_be_started(self) -> None:
        """It says why."""
        dead = call(exit=126, stderr="ccverify: cannot run /home/me/mycc: Permission denied\n", output=None)
        found = judge("compiles=126\n", [dead])
        assert not found.starts
        assert "Permission denied" in found.why

    def test_a_wrong_sum(self) -> None:
        """One that miscompiles a hello world is noted, not refused."""
        found = judge(GOOD.replace("sum 8", "sum 9"), [call()])
        assert (found.starts, found.works) == (True, False)

    def test_one_that_makes_objects_only(self) -> None:
        """It is told of who could link them."""
        found = judge(GOOD.replace("links=0", "links=1"), [call(), call(id="2", kind="link", exit=1, stderr="no ld\n")])
        assert found.why == "no ld"
        assert any('linker = "oracle"' in note for note in found.notes)

    def test_one_that_believes_everything(self) -> None:
        """A compiler that takes any option, or any text, spoils configure's questions."""
        found = judge(GOOD.replace("wrong=1", "wrong=0").replace("option=1", "option=0"), [call()])
        assert len(found.notes) == 2


class TestCutOff:
    def test_nothing_is_taken_for_known(self) -> None:
        """It is no compiler that only makes objects, nor one whose objects may say anything."""
        found = cut_off(judge("compiles=0\n", [call(kind="compile")]), "over 120 s")
        assert found.starts and not (found.works or found.compiles or found.links)
        assert cut_off(judge("", []), "over 120 s").ident == "not known, as its hello world was not done: over 120 s"
