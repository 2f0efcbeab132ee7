"""Whether the harness itself is well: the report's first line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import Field

from verifiers.results import EXCUSED, SHOWN, Frozen, Reason, VerdictKind
from verifiers.store import Place

_LOW_DISK: Final = 5 << 30  # bytes free below which a night may not fit
_OLD: Final = 36 * 3600.0  # seconds after which a nightly result is no longer last night's


class Health(Frozen):
    """The state of the harness; ``counts`` and ``not_run`` add up to ``cells``."""

    cells: int
    counts: dict[VerdictKind, int]
    excused: int = 0  # of those that fail
    not_run: int = 0
    oracle_red: int = 0
    ours: dict[Reason, int]  # cells that our own side kept from a verdict, by reason
    mirrors: int = 0  # of those, where a source could not be had
    cut_short: bool = False
    note: str = ""  # why the run is without some of its cells
    answering: tuple[int, int] = (0, 0)  # mirrors that answered the last time, of those that are known
    toolchain: dict[str, str] = Field(default_factory=dict)  # compiler -> the day that it is of
    stale: tuple[str, ...] = ()  # candidates that are older than they should be
    disk_free: int = 0  # bytes
    disk_total: int = 0
    made: str  # when the report was made, UTC
    newest: str = ""  # when the run began, or the newest of the cells
    oldest: str = ""  # when the oldest of the cells began

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is not well, most serious first."""
        found = []
        judged = sum(self.counts.get(kind, 0) for kind in (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY))
        if not judged:
            found.append("no cell came to a verdict")
        if self.cut_short:
            found.append("the run did not come to its end")
        if self.not_run:
            found.append(f"{self.not_run:,} cells not run{f': {self.note}' if self.note else ''}")
        elif self.note:
            found.append(self.note)
        if self.oracle_red:
            found.append(f"oracle red in {self.oracle_red:,} cells")
        if self.mirrors:
            found.append(f"sources not to be had in {self.mirrors:,} cells")
        if rest := sum(self.ours.values()) - self.mirrors:
            found.append(f"no verdict in {rest:,} cells: {', '.join(self._others)}")
        if self.answering[1] and not self.answering[0]:
            found.append(f"none of {self.answering[1]} mirrors answers")
        if self.stale:
            found.append(f"not rebuilt lately: {', '.join(self.stale)}")
        if self.disk_total and self.disk_free < _LOW_DISK:
            found.append(f"only {gib(self.disk_free)} of disk free")
        if self.newest and seconds_between(self.newest, self.made) > _OLD:
            found.append(f"newest result {age(self.newest, self.made)} old")
        return tuple(found)

    @property
    def well(self) -> bool:
        """Whether nothing is amiss."""
        return not self.troubles

    @property
    def sum(self) -> str:
        """The counts as a sum, every part named: ``12 cells = 9 pass + 3 fail``."""
        parts = [f"{count:,} {word}" for word, count in self.shown.items() if count]
        parts += [f"{self.not_run:,} not run"] if self.not_run else []
        return f"{self.cells:,} {'cell' if self.cells == 1 else 'cells'} = {' + '.join(parts) or '0'}"

    @property
    def shown(self) -> dict[str, int]:
        """As ``counts``, excused failures apart from others."""
        counts = {str(kind): count for kind, count in self.counts.items()}
        counts |= {"fail": counts.get("fail", 0) - self.excused, EXCUSED: self.excused}
        return {word: counts.get(word, 0) for word in SHOWN}

    @property
    def line(self) -> str:
        """All of it as one line."""
        state = "harness well" if self.well else "HARNESS NOT WELL: " + "; ".join(self.troubles)
        more = [f"oracle red {self.oracle_red:,}", f"not run {self.not_run:,}"] if self.well else []
        if self.disk_total:
            more.append(f"{gib(self.disk_free)} of {gib(self.disk_total)} disk free")
        if self.newest:
            more.append(f"results {age(self.newest, self.made)} to {age(self.oldest, self.made)} old")
        return "; ".join([state, self.sum, *more, *self.facts])

    @property
    def facts(self) -> tuple[str, ...]:
        """What is neither good nor bad: mirrors, and how old the compilers are."""
        found = [f"{self.answering[0]} of {self.answering[1]} mirrors answer"] if self.answering[1] else []
        ages = [f"{name} {_days(day, self.made)} d" for name, day in self.toolchain.items()]
        if ages:
            found.append(f"toolchain {', '.join(ages[:6])}{' …' if len(ages) > 6 else ''} old")
        return tuple(found)

    @property
    def _others(self) -> list[str]:
        sources = (Reason.DOWNLOAD, Reason.CHECKSUM, Reason.ARCHIVE)
        return [f"{count} {reason}" for reason, count in self.ours.items() if reason not in sources]


def health(
    places: Iterable[Place],
    made: str,
    *,
    not_run: int = 0,
    cut_short: bool = False,
    note: str = "",
    disk: tuple[int, int] = (0, 0),
    answering: tuple[int, int] = (0, 0),
    toolchain: Mapping[str, str] | None = None,
    stale: Sequence[str] = (),
    began: str = "",
) -> Health:
    """Add up some cells. ``made`` is now, ``disk`` the bytes free and in all, ``began`` when the run did, if any."""
    found = list(places)
    counts = {kind: sum(1 for each in found if each.verdict is kind) for kind in VerdictKind}
    ours: dict[Reason, int] = {}
    for place in found:
        if place.verdict is VerdictKind.ERROR:
            reason = place.reason or Reason.INTERNAL
            ours[reason] = ours.get(reason, 0) + 1
    started = sorted(each.started for each in found if each.started)
    return Health(
        cells=len(found) + not_run,
        counts=counts,
        excused=sum(1 for each in found if each.ruling.excused),
        not_run=not_run,
        oracle_red=counts[VerdictKind.BROKEN],
        ours=ours,
        mirrors=sum(ours.get(reason, 0) for reason in (Reason.DOWNLOAD, Reason.CHECKSUM, Reason.ARCHIVE)),
        cut_short=cut_short,
        note=note,
        answering=answering,
        toolchain=dict(toolchain or {}),
        stale=tuple(stale),
        disk_free=disk[0],
        disk_total=disk[1],
        made=made,
        newest=began or (started[-1] if started else ""),
        oldest=started[0] if started else "",
    )


def seconds_between(earlier: str, later: str) -> float:
    """Seconds between two times as results write them; 0 where one is none."""
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def age(then: str, now: str) -> str:
    """``40 min``, ``7 h`` or ``3 d``."""
    seconds = max(0.0, seconds_between(then, now))
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"


def _days(day: str, now: str) -> int:
    return int(seconds_between(f"{day}T00:00:00+00:00", now) // 86400)


def gib(count: int) -> str:
    """Bytes as GiB."""
    return f"{count / (1 << 30):,.1f} GiB" if count < 100 << 30 else f"{count >> 30:,} GiB"
