"""The kbuild kind: configured by kconfig and built by kbuild, out of its tree (Linux: Documentation/kbuild)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from verifiers.errors import StepFailed
from verifiers.recipes.autotools import Make
from verifiers.results import Reason

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

OURS = "ccverify"  # the folder in the build folder for what is not kbuild's
WANTED = f"{OURS}/wanted.config"
_VALUE = re.compile(r"(CONFIG_\w+)=(.*)")
_UNSET = re.compile(r"# (CONFIG_\w+) is not set")


class Kbuild(Make):
    """A project with Kconfig files. What ``wanted`` says is in the configuration, or the step fails and names it."""

    configuration: ClassVar[tuple[str, ...]] = (".config",)

    def wanted(self, work: Workspace) -> str:
        """The lines of ``.config`` that must be there after kconfig has run."""
        raise NotImplementedError

    def base(self, work: Workspace) -> str:
        """Further lines to begin with, which kconfig may drop where they do not fit."""
        return ""

    def default(self, work: Workspace) -> str:
        """The make target of a configuration to begin with; by default, all that is not ``wanted`` is off."""
        return "allnoconfig"

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        """Everything that kbuild would otherwise choose for itself. It takes HOSTCC and CC from nowhere else."""
        return (
            *("-C", work.src, f"O={work.build}", f"ARCH={work.arch.kernel}", f"CC={work.cc}"),
            *(f"HOSTCC={work.host_cc}", f"CROSS_COMPILE={work.arch.triple + '-' if work.cross else ''}"),
        )

    def configure(self, work: Workspace) -> None:
        """Have kconfig complete the wanted lines, and see that it dropped none."""
        arguments, wanted = self.make_arguments(work), self.wanted(work)
        work.run("mkdir", "-p", OURS)  # by the sandbox's user, whose it then is
        work.write(WANTED, self.base(work) + wanted)
        work.run("make", *arguments, f"KCONFIG_ALLCONFIG={work.build}/{WANTED}", self.default(work))
        if self.default(work) != "allnoconfig":  # the others do not read that file
            work.run("sh", "-c", f"cat {WANTED} >> .config")
            work.run("make", *arguments, "olddefconfig")
        made = work.host_path(f"{work.build}/.config").read_text("utf-8", "replace")
        if lost := list(dropped(wanted.splitlines(), made.splitlines())):
            raise StepFailed(Reason.SETTING_DROPPED, f"kconfig dropped {', '.join(lost)}")


def dropped(wanted: Iterable[str], made: Iterable[str]) -> Iterator[str]:
    """The wanted settings that a ``.config`` does not have. A symbol that it does not name is not set."""
    found = {match[1]: match[2] for line in made if (match := _VALUE.fullmatch(line.strip()))}
    for line in (line.strip() for line in wanted):
        if match := _VALUE.fullmatch(line):
            if found.get(match[1]) != match[2]:
                yield line
        elif (match := _UNSET.fullmatch(line)) and match[1] in found:
            yield f"{line} (it is {match[1]}={found[match[1]]})"
