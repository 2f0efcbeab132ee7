"""FFmpeg: its own tests, FATE, and checkasm; without x86 assembly, and with it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from plugins.ffmpeg.smoke import SMOKE
from plugins.ffmpeg.sources import SOURCES
from verifiers import hookimpl
from verifiers.errors import StepFailed
from verifiers.recipes.autotools import Make
from verifiers.recipes.base import ComputedName, Parser, Patch, Recipe, Suite
from verifiers.results import Depth, Reason, Source
from verifiers.testformats import checkasm, fate

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

_FOLDER: Final = Path(__file__).parent
_OURS: Final = ("checkasm.sh", "fate.sh", "programs.mak")
_CHECKASM: Final = "checkasm-"  # what FATE's names of checkasm's tests begin with
_EMPTY: Final = ("source",)  # looks at the source in its repository; without one it compares a file with itself
_SAMPLE: Final = "lena.pnm"  # that most of FATE's filters are tested with
_PATIENCE: Final = 300.0  # CPU seconds that one program of a test may take; the slowest takes some
_EMULATED: Final = 15.0  # how much longer it may take under an emulator

# Which tests there are is known when ffmpeg is built: some are one for each pixel format that it names.
_LIST: Final = (
    'make -s TARGET_EXEC="timeout $0" fate-list >fate-list.log && sed -n "s/^fate-//p" fate-list.log >fate-list'
)


class Ffmpeg(Make):
    """FFmpeg at its own optimisation level, with what it finds in libc alone, so that every machine builds the same."""

    name = "ffmpeg"
    summary = "FFmpeg: FATE and checkasm"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    packages: ClassVar[tuple[str, ...]] = ("make", "diffutils")
    configuration = ("config.h", "config_components.h", "ffbuild/config.mak")
    resumes = True
    patience = 4.0
    assembly: ClassVar[tuple[str, ...]] = ("--disable-x86asm",)
    computed_names: ClassVar[tuple[ComputedName, ...]] = (
        ComputedName(
            pattern=rf"^checkasm/(?:[^/]+/|{checkasm.VERSIONS}$)",
            reason="which functions have a version in assembler depends on the CPU and on what the compiler assembles",
            optional=True,
        ),
    )
    patches: ClassVar[tuple[Patch, ...]] = (
        Patch(
            file=_FOLDER / "patches" / "checkasm-functions.patch",
            reason="checkasm names the functions that fail, and not those that it has checked",
        ),
    )

    def fetch(self, work: Workspace) -> None:
        """Our own scripts are laid beside the source, while nothing of others has run that could stand in the way."""
        super().fetch(work)
        folder = work.host_path(_ours(work))
        folder.mkdir()
        for name in _OURS:
            shutil.copyfile(_FOLDER / name, folder / name)
        work.sandbox.adopt(folder)

    def configure(self, work: Workspace) -> None:
        """Its ``configure`` is no autoconf's: compilers and machines are options of its own."""
        samples = self.samples if work.depth is Depth.FULL else None
        if samples and not (samples / _SAMPLE).is_file():
            message = f"{samples} holds no samples of FATE's: there is no {_SAMPLE}; mend [project.{self.name}] samples"
            raise StepFailed(Reason.PLUGIN_ERROR, message)
        extra = [argument for each in work.accommodations for argument in each.configure]
        work.run(f"{work.src}/configure", *self.arguments(work), *extra)

    def arguments(self, work: Workspace) -> Sequence[str]:
        """What ``configure`` is given."""
        cross = ("--enable-cross-compile", "--target-os=linux", f"--cross-prefix={work.arch.triple}-")
        return (
            *(f"--cc={work.cc}", f"--host-cc={work.host_cc}", *self.assembly),
            *((*cross, f"--arch={work.arch.machine}") if work.cross else ()),
            *("--disable-doc", "--disable-autodetect", "--disable-network"),
            *(SMOKE.arguments if work.depth is Depth.SMOKE else ()),
            *((f"--samples={self.samples}",) if self.samples and work.depth is Depth.FULL else ()),
        )

    def build(self, work: Workspace) -> None:
        """Also every program that the tests run, so that they compile nothing."""
        work.run("make", "-f", "Makefile", "-f", f"{_ours(work)}/programs.mak", "ccverify-programs")

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """One make for all of FATE: its tests share files, and draw on the run's jobserver themselves."""
        seconds = f"{_PATIENCE * (_EMULATED if work.emulated else 1.0):.0f}"
        work.run("sh", "-c", _LIST, seconds)
        names = work.host_path(f"{work.build}/fate-list").read_text("utf-8").split()
        checks = [name.removeprefix(_CHECKASM) for name in names if name.startswith(_CHECKASM)]
        tests = [name for name in names if not name.startswith(_CHECKASM) and _wanted(work, name)]
        return [
            _suite("fate", ("sh", f"{_ours(work)}/fate.sh", seconds), tests, fate.parse, 14400.0),
            _suite("checkasm", ("sh", f"{_ours(work)}/checkasm.sh", seconds), checks, checkasm.parse, 3600.0),
        ]


class FfmpegAsm(Ffmpeg):
    """The same with the x86 assembly that nasm makes objects of: what checkasm holds against the compiler's C."""

    name = "ffmpeg-asm"
    summary = "FFmpeg with its assembly for x86: as ffmpeg"
    packages: ClassVar[tuple[str, ...]] = ("make", "diffutils", "nasm")
    arches: ClassVar[tuple[str, ...]] = ("x86_64", "i686")
    assembly: ClassVar[tuple[str, ...]] = ("--enable-x86asm", "--x86asmexe=nasm")
    computed_names: ClassVar[tuple[ComputedName, ...]] = (
        ComputedName(
            pattern=r"^checkasm/[^/]+/",
            reason="which functions have a version in assembler depends on the CPU; that some have, only on nasm",
            optional=True,
        ),
    )


def _ours(work: Workspace) -> str:
    return f"{work.src}/ccverify"


def _wanted(work: Workspace, test: str) -> bool:
    if test in _EMPTY:
        return False
    return work.depth is not Depth.SMOKE or any(fnmatchcase(test, pattern) for pattern in SMOKE.tests)


def _suite(name: str, command: tuple[str, ...], tests: Sequence[str], parse: Parser, seconds: float) -> Suite:
    """A suite that runs the tests that it is given."""
    return Suite(
        name,
        (*command, *tests),
        parse,
        seconds=seconds,
        parts=tuple(tests),
        only=lambda names: (*command, *names),
    )


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """FFmpeg without and with x86 assembly."""
    return (Ffmpeg(), FfmpegAsm())
