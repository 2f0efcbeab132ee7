"""Csmith: random C programs that have no undefined behaviour, so that any two compilers' must print the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from verifiers import hookimpl
from verifiers.recipes.base import Recipe
from verifiers.recipes.programs import LEVELS, Program, Programs
from verifiers.results import Depth, Source

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

_COUNT: Final = {Depth.SMOKE: 50, Depth.STANDARD: 200, Depth.FULL: 1000}
_LEVELS: Final = {Depth.SMOKE: ("-O0", "-O2"), Depth.STANDARD: ("-O0", "-O2"), Depth.FULL: LEVELS}
_STRIDE: Final = 1_000_000  # seeds of csmith's for one of ours
_CHECK: Final = ("-O0", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
_HEADERS: Final = ("safe_math", "safe_math_macros", "safe_math_macros_notmp")


class Csmith(Programs):
    """A differential fuzzer: a case is a program's checksum at one level.

    Programs that the oracle's sanitizer traps, that take too long, or that the oracle's own levels make print different
    things are set aside.
    """

    name = "csmith"
    summary = "Csmith's random programs, from --seed: their checksums at several levels"
    sources: ClassVar[tuple[Source, ...]] = (
        Source(
            version="2.3.0",
            filename="csmith_2.3.0.orig.tar.gz",
            sha256="f247cc0aede5f8a0746271b40a5092b5b5a2d034e5e8f7a836c879dde3fb65d5",
            size=637381,
            pool="pool/main/c/csmith/csmith_2.3.0.orig.tar.gz",
        ),
    )  # the runtime that the programs include; the generator is Debian's
    packages = ("python3", "csmith", "m4")
    seeded = True
    group = 20  # cases: a program costs a second

    def cpu_seconds(self, work: Workspace) -> int:
        """The oracle sets aside what is slow, so that slow code of a candidate's has time enough."""
        return 2 if work.trusted else 20

    def root(self, work: Workspace) -> str:
        """Where the programs are made."""
        return work.build

    def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
        """As many as the depth has, made when their turn comes."""
        levels = work.levels or _LEVELS[work.depth]
        first = work.seed * _STRIDE + 1  # seed 0 is the time of day to csmith
        return {"seeds": [_program(work, seed, levels) for seed in range(first, first + _COUNT[work.depth])]}

    def configure(self, work: Workspace) -> None:
        """Csmith reads what the target's types are like from a file in its folder."""
        pointer = 4 if work.arch.bits == 32 else 8
        work.write("platform.info", f"integer size = 4\npointer size = {pointer}\n")
        super().configure(work)

    def build(self, work: Workspace) -> None:
        """The runtime's headers, as its makefile makes them."""
        for name in _HEADERS:
            work.run("sh", "-c", f"m4 {name}.m4 > {name}.h", cwd=f"{work.src}/runtime")
        super().build(work)

    def remark(self, case: str) -> str:
        """The command that makes the program."""
        return _command(case.partition("/")[0])


def _program(work: Workspace, seed: int, levels: Sequence[str]) -> Program:
    name = f"seed-{seed}"
    return Program(
        name,
        (f"{work.build}/{name}.c",),
        dict.fromkeys(levels, ""),
        ("-w", f"-I{work.src}/runtime"),
        generate=f"cd {work.build} && {_command(name)}",
        check=_CHECK,
    )


def _command(name: str) -> str:
    return f"csmith --seed {name.removeprefix('seed-')} --output {name}.c"


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """The fuzzer alone."""
    return (Csmith(),)
