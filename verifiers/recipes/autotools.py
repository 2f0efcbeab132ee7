"""The autotools kind: an out-of-tree ``configure`` and ``make`` with the compiler under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from verifiers.recipes.base import Recipe

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


class Make(Recipe):
    """A project that is built by ``make`` alone."""

    def targets(self, work: Workspace) -> Sequence[str]:
        """Make targets for ``work.depth``; none means the default one."""
        return ()

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        """Variables and flags for every ``make``."""
        return (f"CC={work.cc}",)

    def build(self, work: Workspace) -> None:
        """``make`` of the targets, as many jobs at once as the run has to spare."""
        work.run("make", *self.make_arguments(work), *self.targets(work))


class Autotools(Make):
    """A project with a ``configure`` script; the compiler is given to it as ``CC``."""

    configure_arguments: ClassVar[tuple[str, ...]] = ()

    def configure(self, work: Workspace) -> None:
        """Run ``configure`` from the build folder, with the accommodations that were asked for."""
        extra = [argument for each in work.accommodations for argument in each.configure]
        machines = (f"--build={work.build_triple}", f"--host={work.arch.triple}") if work.cross else ()
        arguments = (*machines, *self.arguments(work), *extra)
        work.run(f"{work.src}/configure", *arguments, env={"CC": work.cc})

    def arguments(self, work: Workspace) -> Sequence[str]:
        """What ``configure`` is given, where ``configure_arguments`` does not say it all."""
        return self.configure_arguments

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        """Nothing: ``configure`` wrote the compiler into the makefile."""
        return ()
