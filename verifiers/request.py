"""What is asked of a run, in the user's words, and what those words mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.arches import Arch, arch, arches, host_arch
from verifiers import objects, requirements
from verifiers.config import Config
from verifiers.errors import UsageError
from verifiers.manager import Manager
from verifiers.matrix import skips
from verifiers.nearest import hint
from verifiers.recipes.base import Recipe
from verifiers.results import Depth, Frozen, Mix, Sample, Source


class UnknownVersion(UsageError):
    """A project has no pinned source of that version."""

    msg = "{project} has no version {version}{hint}; pinned are {known}"


class UnknownLevel(UsageError):
    """No chosen project's tests are compiled at that level."""

    msg = "unknown --opt {name}{hint}; known are: {known}"


class BadSample(UsageError):
    """The sample is neither a share nor a number."""

    msg = "--sample {text!r} is no sample; give a share such as 10%, or a number of tests"


class NotText(UsageError):
    """A name has bytes that are no UTF-8."""

    msg = "{text} is not UTF-8, and no result could name it; give it another name"


class Request(Frozen):
    """What the user asked for, in the user's words; kept with the run so that --resume can repeat it."""

    projects: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    depth: str = Depth.STANDARD
    accommodate: bool = False
    mix: float | None = None
    seed: int = 0
    mix_files: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    sample: str | None = None
    failed: bool = False
    cases: tuple[str, ...] = ()
    offline: bool = False
    fresh: bool = False
    sandbox: str | None = None
    jobs: int | None = None
    plugins: tuple[str, ...] = ()
    also: tuple[Request, ...] = ()  # further cells of the same run
    nightly: bool = False


@dataclass(frozen=True)
class Asked:
    """A request, its names resolved as far as that needs no compiler."""

    request: Request
    recipes: list[tuple[Recipe, Source]]
    targets: list[Arch]
    depth: Depth

    @classmethod
    def of(cls, request: Request, manager: Manager) -> Asked:
        """Resolve the names of a request; raises UsageErrors."""
        for text in (*request.cases, *request.plugins):
            if any("\ud800" <= char <= "\udfff" for char in text):  # os.fsdecode's stand-ins
                raise NotText(text=ascii(text))
        recipes = list(_recipes(manager, request.projects))
        return cls(request, recipes, targets_of(request.arches), Depth(request.depth))

    def needed(self, sandbox: str, config: Config) -> list[str]:
        """What must be installed for it."""
        wanted = [
            (recipe, target)
            for recipe, source in self.recipes
            for target in self.targets
            if not skips(recipe, target, self.depth, source.version)
        ]
        found = requirements.of_run(wanted, self.depth, sandbox)
        found += [objects.PACKAGE] if mix_of(self.request) else []
        return [*found, *requirements.of_candidates(self.request.candidates, config)]


def mix_of(request: Request) -> Mix | None:
    """Which share of the units the candidate gets; None for all of them."""
    if request.mix is None and not request.mix_files:
        return None
    percent = 100.0 if request.mix is None else request.mix
    return Mix(percent=percent, seed=request.seed, files=request.mix_files)


def levels_of(asked: Sequence[str], recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """The -O levels that are asked for; raises UnknownLevel."""
    known = list(dict.fromkeys(level for recipe in recipes for level in recipe.levels))
    found = tuple(level if level.startswith("-") else f"-{level}" for level in asked)
    for level in found:
        if level not in known:
            raise UnknownLevel(name=level, hint=hint(level, known), known=", ".join(known) or "none for this project")
    return found


def sample_of(request: Request) -> Sample | None:
    """Which share of the tests; None for all of them. Raises BadSample."""
    if request.cases:
        return Sample(cases=request.cases)
    if request.failed:
        return Sample(failed_only=True)
    if request.sample is None:
        return None
    text = request.sample.removesuffix("%")
    try:
        number = float(text) if text != request.sample else int(text)
    except ValueError:
        raise BadSample(text=request.sample) from None
    if text == request.sample and number >= 1:
        return Sample(count=int(number), seed=request.seed)
    if text == request.sample or not 0 < number <= 100:
        raise BadSample(text=request.sample)
    return Sample(percent=number, seed=request.seed)


def _recipes(manager: Manager, names: Sequence[str]) -> Iterator[tuple[Recipe, Source]]:
    """Projects by name, with the version that was asked for or the default one; ``all`` is every one of them."""
    for name in names:
        bare, _, version = name.partition("@")
        if bare == "all":
            yield from ((recipe, recipe.sources[0]) for recipe in manager.recipes.values())
            continue
        recipe = manager.recipe(bare)
        known = [each.version for each in recipe.sources]
        if version and version not in known:
            raise UnknownVersion(project=bare, version=version, hint=hint(version, known), known=", ".join(known))
        yield recipe, recipe.source(version or known[0])


def targets_of(names: Sequence[str]) -> list[Arch]:
    """Arches by name; ``all`` is every one, none is this machine's."""
    if not names:
        here = host_arch()
        return [here] if here else [arch("x86_64")]
    return [each for name in names for each in (arches().values() if name == "all" else (arch(name),))]
