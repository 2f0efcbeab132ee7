"""Stands the driver in for every compiler that a build may call, and reads its log."""

from __future__ import annotations

import glob
import hashlib
import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from compiler.arches import arches
from compiler.driver import (
    Call,
    DriverConfig,
    DriverLimits,
    DriverMix,
    Route,
    Tail,
    compiling,
    install,
    parse,
    provenance,
    read_log,
)
from compiler.driver import faults as faults_of
from compiler.elf import code_size
from compiler.families import families, host_engines
from compiler.model import Compiler
from verifiers import calibrate
from verifiers.calibrate import Calibration
from verifiers.errors import InfrastructureError, UsageError
from verifiers.files import atomic_write
from verifiers.limits import MIB, Completed, Limits, Mount
from verifiers.objects import Objects
from verifiers.plan import Plan
from verifiers.results import Compiling, Fault, Mix, Provenance, Reason, Step
from verifiers.sandbox import Sandbox
from verifiers.sysroot import Sysroot

TREE: Final = "/ccverify"
_LEAST_SECONDS: Final = 600.0  # that a single compiler call may always take
_ASKING_SECONDS: Final = 120.0  # for all that a compiler is asked before it is run
_SLOWER: Final = 15.0  # and how many times the oracle's slowest one, where that is more
_MESSAGES: Final = 16 * MIB  # of one call; well below a step's own limit, so that the right side is blamed
_PATTERNS: Final = ("/usr/bin/{}-[0-9]*", "/usr/local/bin/{}")


class DoesNotStart(UsageError):
    """The candidate runs here, but not inside the sandbox."""

    msg = (
        "{name} cannot be started inside the sandbox: {detail}; name the files it needs as [compiler.NAME] files = […] "
        "in verify.toml, or put it where other users may read it"
    )


class CutShort(InfrastructureError):
    """The compiler could not be asked to the end, and nothing is known of it."""

    msg = "{name} could not be asked what it is: {detail}"

    def __init__(self, reason: Reason, **fields: object) -> None:
        super().__init__(**fields)
        self.reason = reason  # type: ignore[misc]  # whatever stopped it


@dataclass
class Instrument:
    """The driver's tree of one run: ``tree`` on the host, beside the work folder; ``inside`` as the sandbox sees it."""

    tree: Path
    work: Path
    sandbox: Sandbox
    driver: Path
    plan: Plan
    compiler: Compiler
    mix: Mix | None
    limits: Limits
    call_limits: DriverLimits
    slowest: float = 0.0  # seconds of the oracle's longest call
    objects: Objects | None = None  # where a mix keeps the oracle's
    wrapper: tuple[str, ...] = ()  # what starts the target's programs where the kernel does not

    def __post_init__(self) -> None:
        if self.objects:
            self.objects.prepare(self.sandbox)
        install(self.tree, self.driver, _fallbacks(self.plan.arch.triple), self._other_oracles)
        for folder in ("log", "real/usr"):
            (self.tree / folder).mkdir(parents=True, exist_ok=True)
        self._log.touch()
        self.sandbox.adopt(self._log)  # never its folder: a link in the log's place would be followed by root

    @property
    def inside(self) -> str:
        """The tree's path as builds see it."""
        return TREE if self._isolated else str(self.tree)

    @property
    def _isolated(self) -> bool:
        return self.sandbox.name != "none"

    @property
    def _other_oracles(self) -> dict[str, tuple[str, ...]]:
        """Of the other arches, as far as they are on this machine."""
        paths = {each.name: next(filter(None, map(shutil.which, each.oracle)), "") for each in arches().values()}
        return {name: (path,) for name, path in paths.items() if path and name != self.plan.arch.name}

    @property
    def _log(self) -> Path:
        return self.tree / "log" / "units.jsonl"

    def begin(self, step: Step) -> None:
        """Tell the driver which step its calls belong to from now on."""
        self._config(step, self.mix).write(self.tree / "driver.conf")

    def mounts(self, calibration: Calibration | None) -> list[Mount]:
        """The tree, what the compilers need, and a tripwire over every compiler proper but the candidate's own."""
        if not self._isolated:
            return []
        mounts = [
            Mount(self.tree, TREE),
            Mount(self._log, f"{TREE}/log/{self._log.name}", writable=True),
            Mount(Path("/usr"), f"{TREE}/real/usr"),
        ]
        if self.objects:
            mounts.append(self.objects.mount)
        if sysroot := self.plan.sysroot:
            mounts.append(Mount(sysroot.root, sysroot_place(sysroot, self.sandbox.name)))
        if samples := self.plan.recipe.samples:
            mounts.append(Mount(samples, str(samples)))
        for path in dict.fromkeys((*self.compiler.mounts, *self.plan.oracle.mounts)):
            mounts.append(Mount(Path(path), path))
        own = calibration.engines if calibration else ()
        watched = (*host_engines(), *(() if calibration else calibrate.host_tools()))
        for engine in watched:
            if engine not in own and engine.startswith("/usr/"):
                mounts.append(Mount(self.driver, engine))
        return mounts

    def calibrate(self, cache: Path) -> Calibration:
        """What the compiler is when it compiles a known program; asked once and remembered by its fingerprint.

        And by the limits, for it may be another with too little memory.
        """
        parts = (self.compiler.fingerprint, self.plan.arch.name, self.driver.name, self.sandbox.name, *self.wrapper)
        parts = (*parts, *host_engines(), repr(self.limits), repr(self.call_limits))
        key = hashlib.sha256("\0".join((*parts, Path(calibrate.__file__).read_text())).encode()).hexdigest()[:32]
        kept = cache / "calibrations" / f"{key}.json"
        try:
            return Calibration.model_validate_json(kept.read_bytes())
        except (OSError, ValidationError):
            pass
        found, done = self._calibrate()
        if done.stopped and done.stopped.is_ours:
            raise CutShort(name=self.compiler.name, reason=done.stopped, detail=done.detail)
        if done.stopped:  # it hangs, and the build will show it; or the machine is busy, and the next time shows more
            return calibrate.cut_off(found, done.detail)
        if not found.starts:
            raise DoesNotStart(name=self.compiler.name, detail=found.why)
        atomic_write(kept, found.model_dump_json().encode())
        return found

    def faults(self, step: Step, ok: bool) -> tuple[Fault, ...]:
        """What went wrong in the step's calls. Questions of configure may fail, unless it gave up for one of them."""
        calls = [call for call in self._read() if call.step == step]
        return faults_of(calls, self.plan.arch, probes=step is Step.CONFIGURE and not ok)

    def provenance(self, calibration: Calibration) -> Provenance:
        """Who made the units."""
        calls = self._read()
        theirs = [call for call in calls if not (call.role == "leak" and call.call and call.name in calibration.names)]
        ident = calibration.ident if calibration.ident or calibration.works else None  # one that made nothing has none
        made = provenance(theirs, ident, engines=calibration.engines)
        slowest = max((call.seconds for call in calls if call.role == "candidate"), default=0.0)
        notes = (*calibration.notes, *made.notes)
        if not self._isolated:
            notes = (*notes, "no sandbox: compilers called by their full path were not watched")
        return made.model_copy(update={"slowest_seconds": slowest, "notes": notes})

    def compiling(self) -> Compiling:
        """What the build's compiler calls cost, and what they made."""
        root = self.work.resolve()

        def code(inside: str) -> int | None:
            path = Path(os.path.realpath(self.work / os.path.relpath(inside, self.sandbox.inside)))
            return code_size(path) if path.is_relative_to(root) else None  # a link may lead anywhere, also to itself

        return compiling(self._read(), code)

    def watch(self) -> Callable[[], dict[str, float]]:
        """A function that tells which units the build has compiled so far, and the CPU seconds that each took."""
        tail, took = Tail(self._log), dict[str, float]()

        def look() -> dict[str, float]:
            for call in tail.read():
                if call.role == "candidate" and call.kind == "compile" and call.step == Step.BUILD and call.ok:
                    for unit in call.sources:
                        took[unit] = round(took.get(unit, 0.0) + call.cpu / len(call.sources), 3)
            return took

        return look

    def forget_cut(self) -> float:
        """Drop the build's failed calls: a cut ended them, or they come again. Returns the CPU seconds of all."""
        lines = self._log.read_bytes().splitlines(keepends=True)
        cpu, kept = 0.0, list[bytes]()
        for line in lines:
            call = parse(line)
            if call and call.step == Step.BUILD:
                cpu += call.cpu
            if call and (call.step != Step.BUILD or call.role == "engine" or call.ok):
                kept.append(line)
        with self._log.open("wb") as log:  # in place, as it belongs to the user inside
            log.writelines(kept)
        return cpu

    def keep_log(self, target: Path) -> None:
        """Move the driver's log to where it outlives the work folder."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._log, target)

    def _read(self) -> list[Call]:
        return list(read_log(self._log))

    def _config(self, step: Step, mix: Mix | None) -> DriverConfig:
        command = self.compiler.command(self.plan.arch.name) or ()
        oracle = self.plan.oracle.command(self.plan.arch.name) or ()
        if self.objects and mix:
            oracle = self.objects.command(oracle, self.sandbox)
        seconds = self.call_limits.seconds
        if not seconds:  # the oracle has the step's own limit: on a loaded machine sqlite3.c takes it five minutes
            seconds = max(_LEAST_SECONDS, _SLOWER * self.slowest) if self.slowest else self.limits.seconds
        return DriverConfig(
            log=f"{self.inside}/log/units.jsonl",
            root=self.sandbox.inside,
            candidate=command,
            oracle=oracle,
            oracles=self._other_oracles,
            host=self.plan.host,
            append=tuple(flag for each in self.plan.accommodations for flag in each.flags),
            step=step,
            linker="oracle" if self.compiler.links_by_oracle else "candidate",
            limits=self.call_limits.model_copy(
                update={
                    "seconds": seconds,
                    "memory": self.call_limits.memory or self.limits.memory,
                    "output": self.call_limits.output or _MESSAGES,
                    "file": self.limits.file,
                }
            ),
            **_routing(mix),
        )

    def _calibrate(self) -> tuple[Calibration, Completed]:
        """What was seen, and how the asking ended."""
        home = self.work / "home"
        for name, text in (("calibrate.c", calibrate.SOURCE), ("wrong.c", calibrate.WRONG)):
            (home / name).write_text(text)
        self.sandbox.adopt(home)
        before = self._log.stat().st_size
        # never by the mix: it is the compiler that is asked, and the answer serves unmixed cells too
        self._config(Step.BUILD, None).write(self.tree / "driver.conf")
        answer = self.tree / "log" / "calibration"
        with answer.open("wb") as log:
            done = self.sandbox.run(
                ["sh", "-c", calibrate.SCRIPT],
                cwd=f"{self.sandbox.inside}/home",
                env={
                    **self.compiler.env,
                    "PATH": f"{self.inside}/fallback:/usr/bin:/bin",
                    "CC": f"{self.inside}/bin/cc",
                    "RUN": shlex.join((*self.wrapper, "calibrate.out")) if self.wrapper else "",
                },
                log=log,
                limits=replace(self.limits, seconds=min(self.limits.seconds, _ASKING_SECONDS)),
                mounts=self.mounts(None),
            )
        calls = list(read_log(self._log, before))
        found = calibrate.judge(answer.read_text("utf-8", "replace"), calls)
        answer.unlink()
        os.truncate(self._log, before)
        for path in self.work.iterdir():
            if path.is_symlink():  # the compiler may have put one in a folder's place, for us to follow as root
                path.unlink()
        if home.exists():
            shutil.rmtree(home)  # e.g. a compiler's own cache
        home.mkdir()
        self.sandbox.adopt(home)
        return found, done


def sysroot_place(sysroot: Sysroot, sandbox: str) -> str:
    """Where a target's libraries stand, as builds see it."""
    return str(sysroot.root) if sandbox == "none" else f"{TREE}/sysroot"


def _routing(mix: Mix | None) -> dict[str, object]:
    if mix is None:
        return {}
    if mix.files:
        routes = tuple(Route(pattern=pattern, target="candidate") for pattern in mix.files)
        return {"routes": routes, "default": "oracle"}
    return {"mix": DriverMix(percent=mix.percent, seed=mix.seed)}


def _fallbacks(triple: str) -> Sequence[str]:
    """Every usual name of a C compiler, and those of this machine."""
    plain = [name for each in families().values() for name in each.commands if not glob.has_magic(name)]
    names = ["cc", "c99", "c89", f"{triple}-gcc", *plain]
    for pattern in _PATTERNS:
        names += [
            os.path.basename(path)
            for name in ("gcc", "clang", "tcc", f"{triple}-gcc")
            for path in glob.glob(pattern.format(name))
        ]
    return list(dict.fromkeys(names))
