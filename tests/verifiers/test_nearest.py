from __future__ import annotations

from verifiers.nearest import hint, nearest


class TestNearest:
    def test_finds_the_name_that_was_meant(self) -> None:
        """A letter lacking, a letter too many, and another case all lead to the name."""
        names = ["sqlite", "redis", "qemu"]
        assert [nearest(each, names) for each in ("sqlit", "rediss", "QEMU")] == ["sqlite", "redis", "qemu"]

    def test_says_nothing_where_nothing_is_near(self) -> None:
        """No name is better than a silly one."""
        assert nearest("postgresql", ["gcc", "tcc"]) is None
        assert hint("postgresql", ["gcc", "tcc"]) == ""

    def test_hint_stands_behind_the_name(self) -> None:
        """A hint can follow the unknown name directly."""
        assert hint("clagn", ["clang"]) == " (did you mean clang?)"
