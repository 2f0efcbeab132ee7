"""QEMU: system emulators that run programs with known answers; its own unit tests and qtests."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from compiler.arches import arch as arch_of
from plugins.qemu import guests
from plugins.qemu.guests import GUESTS, Guest
from plugins.qemu.sources import SOURCES, WHEELS
from verifiers import hookimpl
from verifiers.recipes.base import Parser, Patch, Recipe, Suite
from verifiers.results import CaseOutcome, Depth, Source, TestCase
from verifiers.testformats import meson
from verifiers.testformats.cases import digest_of, text_of

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.workspace import Workspace

_FOLDER: Final = Path(__file__).parent
_OURS: Final = "ccverify"  # the guests, below the build folder
_BOARD: Final = "CONFIG_I440FX=y\n"
_FIRMWARE: Final = ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu")  # where Debian's packages lay it
_BUNDLE: Final = "qemu-bundle"  # what an emulator in its build folder takes for the root of all that is installed
_NONE: Final = "/nonexistent"
_LIBRARIES: Final = ("libglib2.0-dev", "libpixman-1-dev", "libfdt-dev", "zlib1g-dev")
_LISTS: Final = ("machine", "cpu", "device", "object", "accel")
_LIST: Final = f"""for what in {" ".join(_LISTS)}; do echo "== $what"; "$0" -machine none "-$what" help || exit; done"""

# No file has the tests' names before ninja has built; meson writes a log while it runs, and prints it when it is done.
_NAMES: Final = '"$0" test --list --no-rebuild --suite "$1" >"$1.list"'
_MESON: Final = """
log=meson-logs/$1; meson=$0; suite=$1; shift
"$meson" test --no-rebuild --num-processes 1 --timeout-multiplier "$TIMES" --logbase "$suite" "$@"; status=$?
cat "$log"*.json; echo "meson test: exit status $status"; exit $status
"""


class Qemu(Recipe):
    """QEMU with TCG and nothing that it need not have, so that every machine builds the same."""

    name = "qemu"
    summary = "QEMU: guests with known answers on machines that it emulates, unit tests, qtests"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    configuration = ("config-host.h", "config-host.mak", "*-config-devices.mak", "*-config-target.h")
    resumes = True
    patience = 4.0
    patches: ClassVar[tuple[Patch, ...]] = (
        Patch(file=_FOLDER / "patches" / "no-edk2.patch", reason="Debian's tarball is without the firmware images"),
        Patch(
            file=_FOLDER / "patches" / "flaky-test.patch",
            reason="a unit test that loses a race now and then; upstream, too, runs it only where asked since 8.0",
            versions="7.*",
        ),
    )

    def packages_for(self, depth: Depth) -> tuple[str, ...]:
        """Its libraries, the oracle's compilers for the guests, and the firmware without which no qtest's PC begins."""
        build = ("meson", "ninja-build", "python3-venv", "perl", "pkg-config")
        firmware = ("seabios", "ipxe-qemu", "qemu-system-data") if depth is Depth.FULL else ()
        compilers = (package for guest in _guests(depth) for package in arch_of(guest.arch).oracle_packages)
        return (*build, *_LIBRARIES, *firmware, *compilers)

    def target_packages(self, arch: Arch, depth: Depth) -> tuple[str, ...]:
        """The same libraries for the target."""
        return _LIBRARIES

    def skip(self, arch: Arch, depth: Depth, version: str) -> str:
        """Since 10.0 a machine of 32 bits emulates none of 64."""
        if arch.bits == 32 and not _is_old(version):
            return f"QEMU {version} on {arch.name} emulates no machine of 64 bits"
        return super().skip(arch, depth, version)

    def fetch(self, work: Workspace) -> None:
        """10.0 wants a newer meson than Debian 12 has: the wheels that upstream's tarball comes with are laid there.

        So is the name of the guest's board, which its default devices have and smoke is without.
        """
        super().fetch(work)
        if not _is_old(work.source.version):
            folder = work.host_path(f"{work.src}/python/wheels")
            folder.mkdir(exist_ok=True)
            for wheel in WHEELS:
                shutil.copyfile(work.fetcher.get(wheel), folder / wheel.filename)
            work.sandbox.adopt(folder)
            devices = work.host_path(f"{work.src}/configs/devices/x86_64-softmmu/{_OURS}.mak")
            devices.write_text(_BOARD)
            work.sandbox.adopt(devices)

    def configure(self, work: Workspace) -> None:
        """Its ``configure`` is no autoconf's; it starts meson."""
        extra = [argument for each in work.accommodations for argument in each.configure]
        work.write("conftest.c", "int main(void) { return 0; }\n")
        fixed = work.run(work.cc, "-no-pie", "-o", "conftest", "conftest.c", check=False).exit == 0
        arguments = self.arguments(work, ("-no-pie",) if fixed else ())
        work.run(f"{work.src}/configure", *arguments, *extra, env={"PKG_CONFIG": "pkg-config"})

    def arguments(self, work: Workspace, link: Sequence[str] = ()) -> Sequence[str]:
        """What ``configure`` is given.

        With a C++ compiler it links by that, which would hide a linker of the candidate's that does not work; it would
        use others for its firmware and for tests that are not run. There are no such programs. What makes
        position-independent programs by default, as Debian's gcc, has to be told otherwise at the ``link``, too.
        """
        flags = work.tools
        board = () if _is_old(work.source.version) else (f"--with-devices-x86_64={_OURS}",)
        return (
            *(f"--cc={work.cc}", f"--host-cc={work.host_cc}", f"--cxx={_NONE}", f"--objcc={_NONE}"),
            *(*(f"--cross-cc-{name}={_NONE}" for name in ("i386", *GUESTS)), "--disable-containers"),
            *((f"--cross-prefix={work.arch.triple}-",) if work.cross else ()),
            f"--target-list={','.join(f'{guest.arch}-softmmu' for guest in _guests(work.depth))}",
            *("--without-default-features", "--enable-tcg", "--enable-fdt=system", "--disable-user", "--disable-tools"),
            *("--disable-werror", "--disable-docs", "--disable-guest-agent", "--disable-install-blobs"),
            *(
                ("--without-default-devices", *board, "--enable-trace-backends=nop")
                if work.depth is Depth.SMOKE
                else ()
            ),
            *((f"--firmwarepath={':'.join(_FIRMWARE)}",) if work.depth is Depth.FULL else ()),
            "--disable-debug-info",
            *("--disable-pie", f"--extra-ldflags={' '.join([*link, flags.get('LDFLAGS', '')]).strip()}"),
            *((f"--extra-cflags={flags['CPPFLAGS']}",) if "CPPFLAGS" in flags else ()),
        )

    def build(self, work: Workspace) -> None:
        """The emulators, with all tests beyond smoke; and the guests, which are the oracle's."""
        wanted = [guest.emulator for guest in _guests(work.depth)] if _suites(work) == () else []
        work.run("ninja", *wanted, jobs="-j")
        for folder in _FIRMWARE if work.depth is Depth.FULL else ():
            work.run("mkdir", "-p", f"{_BUNDLE}{Path(folder).parent}")
            work.run("ln", "-sfn", folder, f"{_BUNDLE}{folder}")
        for guest in _guests(work.depth):
            for name, text in guest.files().items():
                work.write(f"{_OURS}/{name}", text)
            work.run(work.oracle_for(guest.arch), *guest.compile(_OURS), "-o", f"guest-{guest.arch}")
            work.run("chmod", "a-x", f"guest-{guest.arch}")  # no program of the target's, to be started by a script

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """The guests, what the emulators say of themselves, and meson's suites of the depth."""
        return [
            *(_meson(work, suite) for suite in _suites(work)),
            *(_boot(work, guest) for guest in _guests(work.depth)),
            *(_lists(work, guest) for guest in _guests(work.depth)),
        ]


def _is_old(version: str) -> bool:
    return version.startswith("7.")


def _guests(depth: Depth) -> list[Guest]:
    return [GUESTS["x86_64"]] if depth is Depth.SMOKE else list(GUESTS.values())


def _suites(work: Workspace) -> tuple[str, ...]:
    """Meson's suites; emulated they take too long, and meson does not know how to start them."""
    if work.depth is Depth.SMOKE or work.emulated:
        return ()
    qtests = tuple(f"qtest-{guest.arch}" for guest in _guests(work.depth))
    return ("unit", *(qtests if work.depth is Depth.FULL else ()))


def _boot(work: Workspace, guest: Guest) -> Suite:
    argv = guest.command(f"{work.build}/{guest.emulator}", f"{work.build}/guest-{guest.arch}")
    return Suite(f"guest-{guest.arch}", argv, guests.parser(guest.answers()), seconds=120.0)


def _lists(work: Workspace, guest: Guest) -> Suite:
    argv = ("sh", "-c", f'"$0" --version; {_LIST}', f"{work.build}/{guest.emulator}")
    return Suite(f"lists-{guest.arch}", argv, _lists_parser(work.source.version), seconds=120.0)


def _lists_parser(version: str) -> Parser:
    """``version``, which has to be this one, and each list, which has to be the oracle's."""
    right = re.compile(rf"QEMU emulator version {re.escape(re.split('[+]', version)[0])}\b")

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        parts: dict[str, list[bytes]] = {"version": []}
        for line in lines:
            if line.startswith(b"== "):
                parts[text_of(line[3:])] = []
            else:
                parts[list(parts)[-1]].append(line)
        said = text_of(parts["version"][0]) if parts["version"] else ""
        outcome = CaseOutcome.PASS if right.match(said) else CaseOutcome.FAIL
        yield TestCase(name="version", outcome=outcome, message="" if outcome is CaseOutcome.PASS else said)
        for name, text in list(parts.items())[1:]:
            yield TestCase(name=name, outcome=CaseOutcome.PASS, digest=digest_of(b"".join(text)))

    return parse


def _meson(work: Workspace, suite: str) -> Suite:
    program = "meson" if _is_old(work.source.version) else f"{work.build}/pyvenv/bin/meson"
    work.run("sh", "-c", _NAMES, program, suite)
    listed = work.host_path(f"{work.build}/{suite}.list").read_text("utf-8", "replace")
    names = meson.names(listed.splitlines())
    argv = ("sh", "-c", _MESON, program, suite)
    return Suite(
        suite,
        (*argv, *names),
        meson.parse,
        env={"TIMES": "10", "MALLOC_PERTURB_": "165"},  # meson would choose another one each time
        seconds=14400.0,
        parts=tuple(names),
        only=lambda wanted: (*argv, *wanted),
    )


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """QEMU alone."""
    return (Qemu(),)
