"""Linux: a kernel that boots under the target's system emulator, and a first program, the oracle's, that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plugins.linux.sources import SOURCES
from verifiers import hookimpl
from verifiers.recipes.base import Recipe, Suite
from verifiers.recipes.kbuild import Kbuild
from verifiers.results import Depth, Source
from verifiers.testformats import console, ktap

if TYPE_CHECKING:
    from verifiers.recipes.base import Parser
    from verifiers.results import TestCase
    from verifiers.workspace import Workspace

_FOLDER = Path(__file__).parent
_DEFCONFIG = {"x86_64": "x86_64_defconfig", "i686": "i386_defconfig"}
_MODULE = "lib/test_module.ko"
_IMAGE = "ccverify/initramfs.cpio"
_CHECKS = ("futex", "unix-sockets", "inet-sockets", "tmpfs", "ext4")  # of the first program, beside the usual ones
_USER = "ccverify"


class Linux(Kbuild):
    """The tiny configuration that boots; with the usual subsystems and KUnit; or the architecture's defconfig."""

    name = "linux"
    summary = "Linux: boots under qemu-system, checks what a kernel does, KUnit"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    arches = ("x86_64", "i686", "aarch64", "riscv64")
    boots = True
    resumes = True
    patience = 4.0  # a defconfig, two builds side by side

    def packages_for(self, depth: Depth) -> tuple[str, ...]:
        """Kconfig's parser is made by flex and bison; objtool, a host tool, needs libelf; the image is compressed."""
        smoke = ("make", "bc", "flex", "bison", "libelf-dev", "xz-utils", "gzip", "perl")
        deeper = (*smoke, "e2fsprogs")
        return {Depth.SMOKE: smoke, Depth.STANDARD: deeper, Depth.FULL: (*deeper, "libssl-dev", "kmod")}[depth]

    def base(self, work: Workspace) -> str:
        """The kernel's own tiny configuration, which has lines for some architectures only."""
        if work.depth is Depth.FULL:
            return ""
        own = (f"{work.src}/{place}/configs/tiny.config" for place in ("kernel", f"arch/{work.arch.kernel}"))
        return "".join(path.read_text() for path in map(work.host_path, own) if path.is_file())

    def wanted(self, work: Workspace) -> str:
        """The fragments of the depth and the arch."""
        names = ["common", work.arch.name]
        names += [] if work.depth is Depth.SMOKE else ["subsystems"]
        names += ["kunit"] if work.depth is Depth.STANDARD else []
        text = "".join((_FOLDER / "configs" / f"{name}.config").read_text() for name in names)
        # Linux 6.1 has no such setting, and asks the emulator's device tree alone
        if work.arch.name == "riscv64" and not work.source.version.startswith("6.1."):
            text += "CONFIG_RISCV_ISA_FALLBACK=y\n"
        return text

    def default(self, work: Workspace) -> str:
        """``defconfig`` under the name that does not depend on the build machine."""
        return _DEFCONFIG.get(work.arch.name, "defconfig") if work.depth is Depth.FULL else super().default(work)

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        """The banner names the work folder, so that no other run's image can pass for this one's."""
        user, host = _builder(work).split("@")
        return (*super().make_arguments(work), f"KBUILD_BUILD_USER={user}", f"KBUILD_BUILD_HOST={host}")

    def targets(self, work: Workspace) -> Sequence[str]:
        """The image, and at ``standard`` the one module that is loaded."""
        return (work.arch.kernel_image, *(["modules"] if work.depth is Depth.STANDARD else []))

    def build(self, work: Workspace) -> None:
        """The kernel, and beside it what it starts with, which is the oracle's."""
        super().build(work)
        work.write("ccverify/init.c", (_FOLDER / "init.c").read_text())
        work.run(work.oracle_cc, "-O1", "-static", "-o", "ccverify/init", "ccverify/init.c")
        files = {"/init": "ccverify/init"}
        if work.depth is not Depth.SMOKE:
            work.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "ccverify/ext4.img", "8M")
            files["/ext4.img"] = "ccverify/ext4.img"
        if work.depth is Depth.STANDARD:
            files["/test_module.ko"] = _MODULE
        lines = [f"file {name} {work.build}/{place} 755 0 0\n" for name, place in files.items()]
        work.write("ccverify/files", "dir /dev 755 0 0\nnod /dev/console 600 0 0 c 5 1\n" + "".join(lines))
        work.run("sh", "-c", f"usr/gen_init_cpio ccverify/files > {_IMAGE}")

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """One boot."""
        parse = console.parser(_builder(work))
        if work.depth is Depth.STANDARD:
            parse = _with_kunit(parse)
        return [Suite("boot", _emulator(work), parse, seconds=_SECONDS[work.depth], emulates=True)]


# Smoke takes 7 s of CPU, and 113 at a load of 17; KUnit 160.
_SECONDS = {Depth.SMOKE: 600.0, Depth.STANDARD: 7200.0, Depth.FULL: 7200.0}


def _builder(work: Workspace) -> str:
    return f"{_USER}@{work.root.parent.name}"


def _emulator(work: Workspace) -> tuple[str, ...]:
    """Without KVM, which may be there and not work; a machine that restarts ends.

    Its clock counts instructions (8 ns each): by the host's clock, a kernel on a busy machine finds that timers do not
    work, and panics.
    """
    arch = work.arch
    checks = [] if work.depth is Depth.SMOKE else [*_CHECKS, *(["module"] if work.depth is Depth.STANDARD else [])]
    words = (f"console={arch.system_console}", "panic=-1", "reboot=t", *(["--", *checks] if checks else []))
    return (
        *(arch.system_emulator, *arch.system_machine, "-m", "1G" if checks else "256M"),
        *("-accel", "tcg", "-icount", "shift=3,sleep=off"),
        *("-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-kernel", f"{work.build}/arch/{arch.kernel}/boot/{arch.kernel_image}"),
        *("-initrd", f"{work.build}/{_IMAGE}", "-append", " ".join(words)),
    )


def _with_kunit(boot: Parser) -> Parser:
    """Both kinds of lines are on the one console."""

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        kept = list(lines)
        yield from boot(kept)
        for case in ktap.parse(kept):
            yield case.model_copy(update={"name": f"kunit/{case.name}"})

    return parse


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """Linux alone."""
    return (Linux(),)
