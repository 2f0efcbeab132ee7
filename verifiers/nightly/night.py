"""One night from beginning to end: cells, report, comparison, retention, and what is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from verifiers.errors import CcverifyError, InfrastructureError, Unwritable, UsageError
from verifiers.excuses import idle
from verifiers.files import is_locked, lock
from verifiers.matrix import exit_code
from verifiers.nightly import notify
from verifiers.nightly.asked import AXES, request_of
from verifiers.nightly.heard import REPORT, Heard
from verifiers.nightly.merge import merge, night_of
from verifiers.nightly.news import Item, Told, headline, lines, news
from verifiers.nightly.retention import tidy
from verifiers.report import changes
from verifiers.report.files import Folder
from verifiers.report.names import slug
from verifiers.report.publish import health_of, publish
from verifiers.report.selection import Selection, loaded, select
from verifiers.report.sides import Side, held
from verifiers.request import Request, targets_of
from verifiers.results import CellId
from verifiers.session import Night, Session
from verifiers.store import Store

_CASES: Final = 20  # of a kind in compare.md
_LINES: Final = 200  # of a notification


class NothingNightly(UsageError):
    """No night is described."""

    msg = 'no [nightly] projects in {path}; give them, such as projects = ["sqlite"] and candidates = ["clang"]'


class NothingLeft(UsageError):
    """The night has no such cell."""

    msg = "the night has no such cell; [nightly] in {path} has projects {projects}, candidates {candidates}"


class NightRunning(InfrastructureError):
    """Two nights at once."""

    msg = "a night is at work on {state} in another process"


class NoNight(UsageError):
    """Nothing to go on with."""

    msg = "nothing to resume: the last night below {state} came to its end"


class Nightly:
    """The nights of one state folder."""

    def __init__(self, session: Session, say: Callable[[str], None]) -> None:
        self._session, self._say = session, say
        self._settings = session.config.nightly
        self._state = session.state
        self._store = Store(session.state)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the nights' lock; raises NightRunning."""
        path = self._state.root / "nightly.lock"
        if path.exists() and is_locked(path):
            raise NightRunning(state=self._state.root)
        with lock(path):
            yield

    def run(
        self, request: Request, listeners: Sequence[object], *, resume: bool, install: bool, ending: bool = True
    ) -> int:
        """Run a night, or complete one that was killed; always leaves a report. Returns the exit code."""
        if not request.projects:
            raise self._nothing()
        notify.check(self._settings.notify.urls)
        self._state.open(resuming=resume)
        run, known = None, self._store.newest(nightly=True)
        if resume:
            if found := self._session.unfinished(nightly=True):
                run, request = found
            elif known is None or not ending or all(self._heard.of(each).run == known.id for each in self._addresses):
                raise NoNight(state=self._state.root)
            else:  # its cells are there; it was killed while it ended
                return self.end(known.id)
        bounds = Night(
            seconds=self._settings.hours * 3600 if self._settings.hours else None,
            least_free=self._settings.least_free,
            oracle_days=self._settings.oracle_days,
        )
        failed: BaseException | None = None
        try:
            self._session.run(request, listeners, run, install=install, night=bounds)
        except BaseException as error:  # a report is left in any case
            failed = error
        newest = self._store.newest(nightly=True)
        if newest is None or (run is None and known and newest.id == known.id):  # it did not even begin
            self._store.begin(request.model_dump_json())
            newest = self._store.newest(nightly=True)
        assert newest
        if failed and not isinstance(failed, KeyboardInterrupt):
            text = str(failed) if isinstance(failed, CcverifyError) else f"{type(failed).__name__}: {failed}"
            self._store.finish(newest.id, f"it was broken off: {text}")
        code = self.end(newest.id) if ending else self._code(newest.id)
        if failed:
            raise failed
        return code

    def _nothing(self) -> UsageError:
        """Why there is no cell to run."""
        path, whole = self._session.config.path or "verify.toml", request_of(self._settings, {})
        if not whole.projects:
            return NothingNightly(path=path)
        parts = (whole, *whole.also)
        projects = dict.fromkeys(name for part in parts for name in part.projects)
        candidates = dict.fromkeys(name for part in parts for name in part.candidates)
        return NothingLeft(path=path, projects=", ".join(projects), candidates=", ".join(candidates))

    def merge(self, request: Request, folders: Sequence[Path]) -> int:
        """Make one night of parts that ran elsewhere, and end it. Returns the exit code."""
        self._state.open(resuming=True)
        for folder in folders:  # a wrong one leaves no night behind
            night_of(folder)
        run = self._store.begin(request.model_dump_json())
        parts = [part for part in (request, *request.also) if part.arches]
        arches = {target.name for part in parts for target in targets_of(part.arches)}
        merge(self._state, self._store, run, folders, arches, self._say)
        return self.end(run)

    def end(self, run: str) -> int:
        """Write the report of a run, tell what is new, and remove what is old. Returns the exit code."""
        selection = select(self._store, run)
        health = health_of(selection, self._store, self._state.root, stale=self._settings.stale)
        folder = Folder(Path(self._settings.report or self._state.root / "reports" / "nightly"))
        troubles = list(health.troubles)
        try:
            self._compare(selection, folder)
            for path in publish(self._settings.formats, selection, self._store, self._state.root, folder, health):
                print(path)
        except Unwritable as error:  # what is new is told all the same
            self._say(str(error))
            troubles.append(str(error))
        planned = [*(place.cell for place in (*selection.places, *selection.not_run)), *selection.never]
        delivered = self._tell(run, planned, troubles, health.line, selection, folder)
        for each in idle(self._session.config.excuse, planned, date.today()):
            self._say(each)
        self._say(str(tidy(self._state, self._store, self._settings.keep)))
        lost = not delivered or len(troubles) > len(health.troubles)
        return self._code(run) or (InfrastructureError.exit_code if lost else 0)

    def _tell(
        self,
        run: str,
        planned: Sequence[CellId],
        troubles: Sequence[str],
        health: str,
        selection: Selection,
        folder: Folder,
    ) -> bool:
        """Keep what is new beside the report, and send to each address what is new there; whether that arrived."""
        link = self._settings.notify.link.rstrip("/")
        pages = {place.cell: f"{link}/cells/{slug(place.cell)}.html" for place in selection.places} if link else {}
        rest = ["", health, *([link] if link else [])]
        told, whole = dict[str, Told](), self._is_whole(selection)
        for before, addresses in self._heard.alike(self._addresses):
            results = (result for _, result in loaded(self._store, selection.places))
            items, after = news(before, run, results, planned, troubles, whole)
            told_lines = list(lines(items, self._settings.notify.cases, pages))
            if REPORT in addresses:
                with contextlib.suppress(Unwritable):  # it was said already
                    folder.write("news.txt", "\n".join([*told_lines, *rest, ""]))
                    folder.finish()
                self._say(f"news: {headline(items) or 'none'}")
            more = [f"… and {len(told_lines) - _LINES:,} lines more in news.txt"] if len(told_lines) > _LINES else []
            text = "\n".join([*told_lines[:_LINES], *more, *rest])
            for address in addresses:
                told[address] = after if self._sent(address, items, text) else before
        Heard.write(self._state.root / "nightly.json", told)
        return all(each.run == run for each in told.values())

    def _sent(self, address: str, items: Sequence[Item], text: str) -> bool:
        """Send what is new to an address; whether it arrived."""
        try:
            if items and address != REPORT:
                notify.send(address, f"ccverify: {headline(items)}", text)
        except CcverifyError as error:
            self._say(str(error))
            return False
        return True

    @property
    def _addresses(self) -> tuple[str, ...]:
        return (REPORT, *self._settings.notify.urls)

    @property
    def _heard(self) -> Heard:
        return Heard.read(self._state.root / "nightly.json")

    def _is_whole(self, selection: Selection) -> bool:
        """Whether it was to have all that [nightly] says, and not only some of it."""
        if selection.run is None:
            return False
        asked, all_of_it = Request.model_validate_json(selection.run.request), request_of(self._settings, {})
        return all(getattr(asked, axis) == getattr(all_of_it, axis) for axis in (*AXES, "also"))

    def _code(self, run: str) -> int:
        health = health_of(select(self._store, run), self._store, self._state.root)
        code = exit_code(health.shown)
        return 3 if not code and (health.not_run or health.note) else code

    def _compare(self, selection: Selection, folder: Folder) -> None:
        """What changed since the run before, as Markdown and JSON; nothing where there is none."""
        if selection.before is None or selection.run is None:
            return
        before, run = selection.before, selection.run
        sides = Side(before.id, self._store.places(before.id), before), Side(run.id, selection.places, run)
        comparison = held(self._store, self._state.root, *sides)
        folder.write("compare.md", changes.markdown(comparison, _CASES))
        folder.write("compare.json", comparison.model_dump_json(indent=1))
