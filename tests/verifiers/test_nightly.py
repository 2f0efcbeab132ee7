"""What is told of nights, what is removed after them, and which of their cells begin first."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.verifiers.report.made import cell, result
from verifiers.compare import doubted
from verifiers.config import ConfigError, load_config
from verifiers.nightly.asked import request_of
from verifiers.nightly.heard import REPORT, Heard
from verifiers.nightly.merge import merge
from verifiers.nightly.news import Kind, Told, headline, lines, news
from verifiers.nightly.retention import tidy
from verifiers.nightly.settings import KeepConfig, NightlyConfig
from verifiers.pace import Pace
from verifiers.report.wording import log_of
from verifiers.results import CellId, CellResult, Excused, Reason, Ruling, Step, Verdict, VerdictKind
from verifiers.session import _pace
from verifiers.state import State
from verifiers.store import Store

P = cell("p", candidate="mycc-1.2")
DAY = 86400.0


def after(told: Told, *results: CellResult, planned: Sequence[CellId] = (), troubles: Sequence[str] = ()) -> Told:
    """What has been told after a night."""
    return news(told, "run", results, [*planned, *(each.cell for each in results)], troubles)[1]


def kinds(told: Told, *results: CellResult, troubles: Sequence[str] = ()) -> list[Kind]:
    """What a night tells."""
    items, _ = news(told, "run", results, [each.cell for each in results], troubles)
    return [each.kind for each in items]


GREEN = result(P)
RED = result(P, VerdictKind.FAIL, failing=["a"])
WORSE = result(P, VerdictKind.FAIL, failing=["a", "b"])
UNBUILT = result(P, VerdictKind.FAIL, reason=Reason.REJECTS_VALID, step=Step.BUILD)
FLAKY = result(P, VerdictKind.FLAKY, reason=Reason.WRONG_RESULT, step=Step.TEST, failing=["c"])
BROKEN = result(P, VerdictKind.BROKEN, reason=Reason.ORACLE_FAILED, step=Step.TEST)
LOST = result(P, VerdictKind.ERROR, reason=Reason.DOWNLOAD)
SKIPPED = result(P, VerdictKind.SKIP, reason=Reason.UNSUPPORTED)
NEWER = result(cell("p", candidate="mycc-1.3"), VerdictKind.FAIL, failing=["a"])
BY = (Excused(bug="https://bugs/1", until="2026-12-01", cases=("a",)),)
EXCUSED = result(P, VerdictKind.FAIL, failing=["a"], ruling=Ruling(excused=True, by=BY))
PARTLY = result(P, VerdictKind.FAIL, failing=["a", "b"], ruling=Ruling(by=BY))
EXPIRED = result(P, VerdictKind.FAIL, failing=["a"], ruling=Ruling(expired=BY))
UNEXPECTED = result(P, ruling=Ruling(unexpected=BY))


class TestNews:
    """Once when it breaks, once when it is mended."""

    @pytest.mark.parametrize(
        ("nights", "told"),
        [
            ([GREEN], []),
            ([RED], [Kind.NEWLY_FAILING]),
            ([GREEN, RED], [Kind.NEWLY_FAILING]),
            ([GREEN, RED, RED], []),
            ([GREEN, RED, RED, GREEN], [Kind.MENDED]),
            ([GREEN, RED, GREEN, GREEN], []),
            ([GREEN, RED, GREEN, RED], [Kind.NEWLY_FAILING]),
            ([RED, WORSE], [Kind.WORSE]),
            ([WORSE, RED], []),
            ([WORSE, RED, WORSE], [Kind.WORSE]),
            ([RED, UNBUILT], [Kind.WORSE]),
            ([RED, NEWER], []),  # another version of the same candidate
            ([GREEN, NEWER], [Kind.NEWLY_FAILING]),
            ([GREEN, FLAKY], []),
            ([RED, FLAKY, RED], []),  # what is flaky is as it was
            ([GREEN, LOST], [Kind.NO_VERDICT]),
            ([GREEN, LOST, LOST], []),
            ([GREEN, LOST, BROKEN], []),
            ([GREEN, LOST, GREEN], [Kind.AGAIN]),
            ([GREEN, LOST, RED], [Kind.NEWLY_FAILING]),  # it broke while nobody could see it
            ([RED, LOST, RED], [Kind.AGAIN]),
            ([RED, LOST, GREEN], [Kind.MENDED, Kind.AGAIN]),
            ([GREEN, SKIPPED], [Kind.NO_VERDICT]),
            ([SKIPPED], []),
            ([EXCUSED], []),
            ([RED, EXCUSED], [Kind.EXCUSED]),
            ([EXCUSED, PARTLY], [Kind.NEWLY_FAILING]),
            ([EXCUSED, EXPIRED], [Kind.NEWLY_FAILING, Kind.EXPIRED]),
            ([EXPIRED, EXPIRED], []),
            ([GREEN, UNEXPECTED], [Kind.UNEXPECTED]),
            ([UNEXPECTED, UNEXPECTED], []),
        ],
    )
    def test_the_last_of_some_nights(self, nights: list[CellResult], told: list[Kind]) -> None:
        """The truth table."""
        before = Told()
        for each in nights[:-1]:
            before = after(before, each)
        assert kinds(before, nights[-1]) == told

    def test_a_cell_that_was_not_run_is_as_it_was(self) -> None:
        """Its failure is not told anew; one that is no longer planned is forgotten."""
        before = after(after(Told(), RED), planned=[P])
        assert kinds(before, RED) == []
        gone = after(after(Told(), RED), result(cell("q")))
        assert kinds(gone, RED) == [Kind.NEWLY_FAILING]
        assert kinds(after(after(Told(), EXPIRED), planned=[P]), EXPIRED) == []
        assert kinds(after(after(Told(), EXPIRED), FLAKY), EXPIRED) == []

    def test_a_night_of_some_cells_forgets_no_other(self) -> None:
        """What is narrowed by --project and its like."""
        q = result(cell("q"))
        told = news(after(Told(), RED, q), "run", [q], [q.cell], [], whole=False)[1]
        assert kinds(told, RED, q) == []

    def test_versions_side_by_side(self) -> None:
        """Each is itself; one that takes the place of another has that one's past."""
        old, new, newer = (cell("p", candidate=f"clang-{n}.0.1") for n in (14, 15, 16))
        red, green = result(old, VerdictKind.FAIL, failing=["a"]), result(new)
        told = after(Told(), red, green)
        assert kinds(told, red, green) == []
        assert kinds(told, red, result(new, VerdictKind.FAIL, failing=["a"])) == [Kind.NEWLY_FAILING]
        assert kinds(told, red, result(newer, VerdictKind.FAIL, failing=["b"])) == [Kind.NEWLY_FAILING]
        assert kinds(told, result(newer), green) == [Kind.MENDED]

    def test_what_an_older_one_wrote(self) -> None:
        """Is understood: names were without versions."""
        standing = after(Told(), RED).cells[str(P)].model_dump()
        old = Told.model_validate({"cells": {"p@1.0 x86_64 mycc standard": standing}, "excuses": ["x"]})
        assert kinds(old, RED) == []

    def test_what_one_for_all_addresses_wrote(self, tmp_path: Path) -> None:
        """Was told to all of them."""
        told = after(Told(), RED)
        (tmp_path / "nightly.json").write_text(told.model_dump_json())
        heard = Heard.read(tmp_path / "nightly.json")
        assert heard.of(REPORT) == heard.of("json://127.0.0.1/x") == told

    @pytest.mark.parametrize("rubbish", ["", "{", "[]", "3", "null", '"cells"', '{"cells": 3}', '{"by": {"x": []}}'])
    def test_rubbish(self, tmp_path: Path, rubbish: str) -> None:
        """It is rather told twice."""
        (tmp_path / "nightly.json").write_text(rubbish)
        assert Heard.read(tmp_path / "nightly.json") == Heard()

    def test_the_harness(self) -> None:
        """Once for a trouble, whatever its numbers; once when all is well."""
        ill = after(Told(), troubles=["only 4.2 GiB of disk free"])
        assert kinds(Told(), troubles=["only 4.2 GiB of disk free"]) == [Kind.HARNESS]
        assert kinds(ill, troubles=["only 3.9 GiB of disk free"]) == []
        assert kinds(ill, troubles=["only 3.9 GiB of disk free", "12 cells not run"]) == [Kind.HARNESS]
        assert kinds(ill) == [Kind.WELL]
        assert kinds(after(ill)) == []

    def test_the_words(self) -> None:
        """A line a thing for grep, cases and page below."""
        items, _ = news(Told(), "run", [WORSE], [P], ["12 cells not run"])
        assert headline(items) == "1 newly failing, harness not well"
        told = list(lines(items, 1, {P: "https://x/cells/p.html"}))
        assert told[0].startswith(f"FAIL newly failing {P}: test, wrong-result")
        assert told[1:] == ["  a", "  … and 1 more", "  https://x/cells/p.html", "harness not well: 12 cells not run"]
        hostile = result(P, VerdictKind.FAIL, failing=["x\nFAIL forged\x1b[31m"], message="m\nFAIL forged")
        told = list(lines(news(Told(), "run", [hostile], [P], [])[0], 1, {}))
        assert len(told) == 2 and not any(char in line for line in told for char in "\n\x1b")


class TestDoubted:
    """A failure of cases that the oracle itself has now so, now otherwise."""

    @pytest.mark.parametrize(
        ("verdict", "flaky", "kind"),
        [
            (RED.verdict, {"a"}, VerdictKind.FLAKY),
            (WORSE.verdict, {"a"}, VerdictKind.FAIL),  # one that is steady: that is the candidate's
            (WORSE.verdict, {"a", "b", "c"}, VerdictKind.FLAKY),
            (RED.verdict, set(), VerdictKind.FAIL),
            (UNBUILT.verdict, {"a"}, VerdictKind.FAIL),
            (GREEN.verdict, {"a"}, VerdictKind.PASS),
        ],
    )
    def test_table(self, verdict: Verdict, flaky: set[str], kind: VerdictKind) -> None:
        """Flaky only where nothing else fails; and never green."""
        assert doubted(verdict, flaky).kind is kind

    def test_learned_from_the_oracle_alone(self, tmp_path: Path) -> None:
        """Where it is held against itself; of another project and another arch nothing is learned."""
        store = opened(tmp_path)[1]
        run = store.begin("{}")
        own = result(cell("p", candidate="gcc-12.2.0"), VerdictKind.FAIL, failing=["net"], run_id=run, of_oracle=True)
        other = result(P, VerdictKind.FAIL, failing=["real"], run_id=run)
        store.save(own)
        store.save(other)
        assert store.flaky_cases(P) == {"net"}
        assert store.flaky_cases(cell("q")) == store.flaky_cases(cell("p", arch="i686")) == frozenset()


def opened(root: Path) -> tuple[State, Store]:
    state = State(root)
    state.open()
    return state, Store(state)


def past(state: State, store: Store, days: float, *results: CellResult) -> str:
    """A run of some days ago, with its logs."""
    run = store.begin("{}")
    for number, each in enumerate(results):
        folder = state.logs / run / f"cell{number}"
        folder.mkdir(parents=True)
        (folder / "candidate-build.log").write_text("x")
        os.utime(folder, (time.time() - days * DAY,) * 2)
        store.save(each.model_copy(update={"run": run, "folder": state.relative(folder)}))
    store.finish(run)
    started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - days * DAY))
    with store._connection() as db:
        db.execute("UPDATE runs SET started = ? WHERE id = ?", (started, run))
    return run


class TestRetention:
    """What goes and what stays."""

    def test_history_and_logs(self, tmp_path: Path) -> None:
        """Old runs go, but for every cell's newest result, versions of a candidate taken for one."""
        state, store = opened(tmp_path)
        q = cell("q", candidate="mycc-1.2")
        first = past(state, store, 400, result(P), result(q))
        second = past(state, store, 399, result(cell("p", candidate="mycc-1.1"), fingerprint="x"))
        third = past(state, store, 40, result(P, fingerprint="y"))
        last = past(state, store, 1, result(P, fingerprint="y"))
        store.plan(first, [P, q])
        tidy(state, store, KeepConfig())
        assert [run.id for run in store.runs()] == [first, third, last]
        assert [place.cell for place in store.places(first)] == [q]  # its newest
        kept = {path.relative_to(state.logs).as_posix() for path in state.logs.glob("*/*")}
        assert kept == {f"{first}/cell1", f"{last}/cell0"}
        assert not (state.logs / second).exists() and not (state.logs / third).exists()
        assert store.trusted("y") is not None

    def test_a_cached_result_keeps_its_row(self, tmp_path: Path) -> None:
        """A run of today that took it from an old one still has it."""
        state, store = opened(tmp_path)
        past(state, store, 400, result(P))
        known = store.trusted("f")
        assert known
        today = store.begin("{}")
        store.reuse(today, known)
        store.finish(today)
        tidy(state, store, KeepConfig())
        (place,) = store.places(today)
        assert [each.cell for each in store.load([place]) if each] == [P]
        assert (tmp_path / known.folder).is_dir()

    def test_an_old_result_that_only_a_cached_place_refers_to_answers_again(self, tmp_path: Path) -> None:
        """Night after night, also when the run that made it is forgotten; and another result of that run does not."""
        state, store = opened(tmp_path)
        first = past(state, store, 400, result(P), result(P, VerdictKind.FAIL, failing=["a"], fingerprint="rebuilt"))
        for fingerprint, kind in (("f", "pass"), ("f", "pass"), ("rebuilt", "fail")):
            known = store.trusted(fingerprint)
            assert known and known.run == first
            night = store.begin("{}")
            store.plan(night, [P])
            store.reuse(night, known)
            store.finish(night)
            if fingerprint == "f":
                tidy(state, store, KeepConfig())
                store.save(result(P, VerdictKind.FAIL, failing=["a"], fingerprint="rebuilt", run_id=first))
            (place,) = store.places(night)
            assert (place.verdict, place.cached, store.not_run(night)) == (kind, True, ([], []))

    def test_versions_side_by_side_keep_their_logs(self, tmp_path: Path) -> None:
        """Each of those that the newest night has; a version that it no longer has does not."""
        state, store = opened(tmp_path)
        versions = [result(cell("p", candidate=f"clang-{n}.0.1"), fingerprint=f"{n}") for n in (13, 14, 15)]
        past(state, store, 40, *versions)
        night = store.begin("{}")
        for each in versions[1:]:
            known = store.trusted(each.fingerprint)
            assert known
            store.reuse(night, known)
        tidy(state, store, KeepConfig())
        assert sorted(path.name for path in state.logs.glob("*/*")) == ["cell1", "cell2"]

    def test_failing_cases_go_with_their_cells(self, tmp_path: Path) -> None:
        """The tables do not grow for ever."""
        state, store = opened(tmp_path)
        for days, name in ((400, "old"), (1, "new")):
            past(state, store, days, result(P, VerdictKind.FAIL, failing=[name]))
        tidy(state, store, KeepConfig())
        with store._connection() as db:
            assert db.execute("SELECT name FROM case_names").fetchall() == [("new",)]
            assert db.execute("SELECT count(*) FROM failing").fetchone() == (1,)

    def test_work_folders_sysroots_and_runs_at_work(self, tmp_path: Path) -> None:
        """Old folders of red cells go; replaced sysroots only while nobody works."""
        state, store = opened(tmp_path)
        kept, young = state.new_work(), state.new_work()
        for folder in (kept, young):
            folder.keep()
        os.utime(kept.path / ".keep", (1, 1))
        roots = state.cache / "sysroots" / "roots"
        for name in ("a-old", "a-new"):
            (roots / name).mkdir(parents=True)
            os.utime(roots / name, (1, 1))
        (roots / "a.json").write_text(json.dumps({"root": "a-new"}))
        baseline = state.baselines / "b.json.gz"
        baseline.write_bytes(b"")
        os.utime(baseline, (1, 1))
        from verifiers.files import lock

        with lock(state.logs / "other-run" / ".lock"):
            tidy(state, store, KeepConfig())
            assert (roots / "a-old").exists() and baseline.exists()
        assert not kept.path.exists() and young.path.exists()
        tidy(state, store, KeepConfig())
        assert not (roots / "a-old").exists() and (roots / "a-new").exists() and not baseline.exists()


class TestMerge:
    """One night of several machines' parts."""

    def test_every_log_comes_along(self, tmp_path: Path) -> None:
        """And is found: the failed step's, and those of an oracle that ran for another cell, in another night."""
        part, there = opened(tmp_path / "part")
        run = there.begin(json.dumps({"nightly": True}))
        made = result(P, VerdictKind.FAIL, reason=Reason.REJECTS_VALID, step=Step.BUILD, run_id=run)
        logs = {"candidate": f"{made.folder}/candidate-build.log", "oracle": "logs/older/q/oracle-build.log"}
        sides = {}
        for role, log in logs.items():
            (part.root / log).parent.mkdir(parents=True)
            (part.root / log).write_text(role)
            side = getattr(made, role)
            steps = tuple(each.model_copy(update={"log": log}) for each in side.steps)
            sides[role] = side.model_copy(update={"steps": steps})
        there.save(made.model_copy(update=sides))
        there.finish(run)
        state, store = opened(tmp_path / "whole")
        night = store.begin(json.dumps({"nightly": True}))
        merge(state, store, night, [part.root], ["x86_64", "i686"], print)
        assert [each.note for each in store.runs()] == ["no part has i686"]  # as when its machine was lost
        (found,) = store.of_run(night)
        assert log_of(found) == f"{found.folder}/candidate-build.log"
        for role, side in (("candidate", found.candidate), ("oracle", found.oracle)):
            assert side and {(state.root / step.log).read_text() for step in side.steps} == {role}


class TestPace:
    """Who begins first."""

    def test_order(self) -> None:
        """What the last night did not come to, then what was never run, then the longest."""
        cells = [cell(name, candidate="mycc") for name in ("short", "long", "new", "waiting")]
        seconds = {cells[0]: 5.0, cells[1]: 500.0, cells[3]: 1.0}
        pace = Pace(seconds=seconds, waiting=frozenset([cells[3]]))
        assert [each.project for each in sorted(cells, key=pace.key)] == ["waiting", "new", "long", "short"]
        assert not any(pace.too_late(each) for each in cells)

    def test_too_late(self) -> None:
        """By what it took the last time."""
        pace = Pace(seconds={P.lasting: 60.0}, end=time.monotonic() + 30)
        assert pace.too_late(P) and pace.too_late(NEWER.cell) and not pace.too_late(cell("q"))

    def test_a_compiler_that_is_rebuilt_every_day(self, tmp_path: Path) -> None:
        """Its cells go on where the last night's stopped, though they have another name."""
        store = opened(tmp_path)[1]
        run = store.begin(json.dumps({"nightly": True}))
        q = cell("q", candidate="mycc-1.2")
        store.plan(run, [P, q])
        store.save(result(P, run_id=run))
        pace = _pace(store, None)
        today = [cell(name, candidate="mycc-1.3") for name in "pqr"]
        assert [each.project for each in sorted(today, key=pace.key)] == ["q", "r", "p"]


class TestSettings:
    """[nightly] in verify.toml."""

    def test_parts_inherit_and_narrow(self) -> None:
        """[[nightly.also]] says only what is other; --arch and its like narrow all parts."""
        settings = NightlyConfig.model_validate(
            {
                "projects": ["sqlite@3.46.1", "redis"],
                "arches": ["all"],
                "candidates": ["clang", "tcc"],
                "depth": "smoke",
                "also": [{"projects": ["gcc_torture"], "sample": "5%", "arches": ["x86_64"]}],
            }
        )
        whole = request_of(settings, {}, jobs=2)
        assert (whole.depth, whole.jobs, whole.nightly, whole.also[0].candidates) == (
            "smoke",
            2,
            True,
            ("clang", "tcc"),
        )
        assert (whole.also[0].sample, whole.also[0].depth, whole.sample) == ("5%", "smoke", None)
        one = request_of(settings, {"projects": ["sqlite"], "arches": ["i686"]})
        assert (one.projects, one.arches, one.also) == (("sqlite@3.46.1",), ("i686",), ())
        torture = request_of(settings, {"projects": ["gcc_torture"]})
        assert (torture.projects, torture.sample) == (("gcc_torture",), "5%")
        assert request_of(settings, {"projects": ["perl"]}).projects == ()

    def test_a_part_may_say_no(self) -> None:
        """Or 0: what it says is not what [nightly] says."""
        part = {"projects": ["sqlite"], "accommodate": False, "seed": 0}
        settings = NightlyConfig.model_validate(
            {"projects": ["sqlite"], "accommodate": True, "seed": 5, "also": [part, {"projects": ["redis"]}]}
        )
        request = request_of(settings, {})
        assert [(each.accommodate, each.seed) for each in request.also] == [(False, 0), (True, 5)]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[nightly]\nprojets = ['x']\n", "verify.toml:2: nightly.projets: unknown key (did you mean projects?)"),
            ("[nightly]\nhours = 0\n", "verify.toml:2: nightly.hours: input should be greater than 0"),
            ("[nightly]\ndepth = 'deep'\n", "verify.toml:2: nightly.depth: input should be 'smoke'"),
            ("[nightly.notify]\nurl = 'x'\n", "verify.toml:2: nightly.notify.url: unknown key (did you mean urls?)"),
            ("[nightly.keep]\nlogs = -1\n", "verify.toml:2: nightly.keep.logs: input should be greater than 0"),
            (
                "[[nightly.also]]\narch = 'x'\n",
                "verify.toml:2: nightly.also.0.arch: unknown key (did you mean arches?)",
            ),
        ],
    )
    def test_complaints(self, tmp_path: Path, text: str, complaint: str) -> None:
        """With file, line and key."""
        (tmp_path / "verify.toml").write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_config(tmp_path / "verify.toml")
        assert str(caught.value).startswith(f"{tmp_path}/{complaint}")
