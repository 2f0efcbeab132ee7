"""What makes a cell another cell."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

from compiler.arches import arch
from compiler.model import Compiler
from tests.verifiers.report.made import cell
from verifiers.manager import Manager
from verifiers.plan import Plan
from verifiers.results import Sample


def plan(project: str, *lacks: str) -> Plan:
    """A cell of a project with a candidate that does not claim some features."""
    recipe = Manager().recipe(project)
    gcc = Compiler(name="gcc", family="gcc", version="1", commands={"x86_64": ("gcc",)}, fingerprint="f")
    return Plan(
        id=cell(project),
        recipe=recipe,
        source=recipe.sources[0],
        arch=arch("x86_64"),
        candidate=gcc.model_copy(update={"lacks": lacks}),
        oracle=gcc,
        host=("gcc",),
        recipe_digest="d",
        machine={},
        conditions={},
    )


class TestFingerprint:
    """What is answered from the history, and what is not."""

    def test_what_a_compiler_claims_is_a_part_of_its_result(self) -> None:
        """Of a compiler's own suite, whose share of passes speaks of it; and of no other project."""
        torture = plan("gcc_torture")
        assert torture.fingerprint != plan("gcc_torture", "complex").fingerprint
        assert torture.baseline_fingerprint == plan("gcc_torture", "complex").baseline_fingerprint
        assert plan("sqlite").fingerprint == plan("sqlite", "complex").fingerprint

    def test_who_links_is_too(self) -> None:
        """Another setting of verify.toml, with the same compiler."""
        first = plan("sqlite")
        other = replace(first, candidate=first.candidate.model_copy(update={"links_by_oracle": True}))
        assert first.fingerprint != other.fingerprint
        assert first.baseline_fingerprint == other.baseline_fingerprint

    def test_its_name_is_too(self) -> None:
        """Two of one content are two cells."""
        first = plan("sqlite")
        other = replace(first, id=first.id.model_copy(update={"candidate": "mine"}))
        assert first.fingerprint != other.fingerprint

    def test_a_case_that_is_called_as_a_sample_is(self) -> None:
        """What was run of ten per cent does not answer for it."""
        first = plan("sqlite")
        samples = (Sample(percent=10), Sample(cases=("10%#0",)), Sample(failed_only=True), Sample(cases=("failed",)))
        found = [replace(first, id=first.id.model_copy(update={"sample": each})) for each in samples]
        assert len({each.fingerprint for each in found}) == len(found)
        assert len({each.baseline_fingerprint for each in found}) == len(found)


class TestFolder:
    """Where a cell's logs lie."""

    def test_a_name_of_any_length(self) -> None:
        """A case's name may be longer than a folder's may be, and two that begin alike are two."""
        first = plan("sqlite")
        drawn = [Sample(cases=("execute/" + "ü" * 200 + end,)) for end in ("", "x")]
        names = {replace(first, id=first.id.model_copy(update={"sample": each})).slug for each in drawn}
        assert len(names) == 2
        assert all(len(name.encode()) <= 255 for name in names)
        assert first.slug == "sqlite@1.0_x86_64_mycc-1.0_standard"


class TestPluginFiles:
    """What of a plugin decides a verdict."""

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        """Each recipe's digest is of its own file."""
        text = """
            from verifiers import hookimpl
            from verifiers.recipes.base import Recipe

            class Mine(Recipe):
                name = "{}"
                sources = ()

            @hookimpl
            def ccverify_projects():
                return [Mine()]
        """
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "mine.py").write_text(textwrap.dedent(text.format(name)))
        manager = Manager((tmp_path / "one/mine.py", tmp_path / "two/mine.py"))
        files = [manager.files(manager.recipe(name)) for name in ("one", "two")]
        assert files == [[tmp_path / "one/mine.py"], [tmp_path / "two/mine.py"]]
