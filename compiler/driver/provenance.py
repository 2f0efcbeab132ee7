"""Who made the objects of a run: counts, leaks and notes from the driver's log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from compiler.driver.log import Call
from verifiers.results import Leak, Provenance, Step

_STEPS_THAT_MAKE: Final = frozenset({Step.BUILD, Step.TEST})
# A source may put any string of its own into .comment (#ident); only these name a compiler.
_COMPILER_IDENT: Final = re.compile(r"GCC: \(|clang version|\btcc\b|\bzig\b|Intel\(R\)|NVIDIA", re.IGNORECASE)


@dataclass
class _Tally:
    """What the lines seen so far come to; sets, as a unit compiled twice (PIC and not) is one unit."""

    by: dict[str, set[str]] = field(default_factory=dict)  # compiler -> C units
    host: set[str] = field(default_factory=set)
    assembled: set[str] = field(default_factory=set)
    linked: int = 0
    probes: int = 0
    leaks: dict[tuple[str, str], Leak] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def leak(self, call: Call, how: str) -> None:
        unit = call.unit or (call.inputs[0] if call.inputs else "")
        self.leaks.setdefault((unit, how), Leak(unit=unit, how=how, command=call.argv))


def provenance(calls: Iterable[Call], ident: str | None = None, *, engines: Collection[str] = ()) -> Provenance:
    """Sums up the log.

    ``ident`` is what the candidate leaves in its objects' .comment ("" is nothing; None is unknown: not held against
    them). ``engines`` are the compilers proper that the candidate is known to be made of; they are its own and no leak.
    """
    tally = _Tally()
    for call in calls:
        if call.role == "engine":
            _engine(tally, call, engines)
        elif call.role == "leak":
            _leak(tally, call)
        elif call.role == "host":
            tally.host.update(call.sources if call.kind == "compile" else ())
        else:
            _candidate(tally, call, ident)
    mine, stored = tally.by.get("candidate", set()), tally.by.get("stored", set())
    oracle = tally.by.get("oracle", set()) | stored
    if stored:
        tally.notes["took a stored object"] = len(stored)
    return Provenance(
        units=len(mine | oracle),
        candidate=len(mine),
        oracle=len(oracle),
        host=len(tally.host),
        assembled=len(tally.assembled),
        linked=tally.linked,
        probes=tally.probes,
        leaks=tuple(tally.leaks.values()),
        notes=tuple(f"{note} ({count} times)" for note, count in tally.notes.items()),
        mixed=tuple(sorted(mine)) if oracle else (),
    )


def _candidate(tally: _Tally, call: Call, ident: str | None) -> None:
    if call.kind == "probe":
        tally.probes += 1
        if call.compiler == "candidate" and (call.signal is not None or call.timeout):  # configure takes it for a no
            tally.notes["crashed or hung on a question of configure, which took it for a no"] += 1
        return
    if not call.ok:
        return
    tally.linked += call.links
    if call.kind == "assemble":
        tally.assembled.add(call.unit)
    if call.kind != "compile":
        return
    tally.by.setdefault(call.compiler, set()).update(call.sources)
    made = call.output.ident if call.output and call.makes == "object" else ""
    if call.compiler == "candidate" and ident is not None and made not in ("", ident) and _COMPILER_IDENT.search(made):
        tally.leak(call, f"object says {made}")


def _leak(tally: _Tally, call: Call) -> None:
    """A compiler by its own name on PATH. Assembling or linking for the candidate is no more than what as and ld do."""
    if call.kind == "info":
        return
    if call.kind in ("probe", "preprocess") or call.step not in _STEPS_THAT_MAKE or not call.ok:
        otherwise = "before the build ran" if call.ok else "tried"
        verb = {"preprocess": "preprocessed by", "probe": "probed"}.get(call.kind, otherwise)
        tally.notes[f"{verb} {call.name} on PATH"] += 1
    elif call.call and call.kind != "compile":
        tally.notes[f"{call.kind.removesuffix('e')}ed by {call.name}, which the candidate ran"] += 1
    elif call.call:
        tally.leak(call, f"the candidate ran {call.name}")
    else:
        tally.leak(call, f"{call.name} on PATH")


def _engine(tally: _Tally, call: Call, engines: Collection[str]) -> None:
    """A compiler proper, run outside the oracle's calls: by the candidate, or by a build that named it by its path."""
    if call.kind in ("info", "link") or (call.call and call.engine in engines):
        return
    who = "the candidate" if call.call else "the build"
    if call.kind != "compile" or call.step not in _STEPS_THAT_MAKE:
        verbs = {"preprocess": "preprocessed by", "assemble": "assembled by"}
        verb = verbs.get(call.kind, "before the build compiled by")
        tally.notes[f"{verb} {call.engine}, which {who} ran"] += 1
    else:
        tally.leak(call, f"{who} ran {call.engine}")
