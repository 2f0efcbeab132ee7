"""Failing cases as a screenful."""

from __future__ import annotations

from verifiers.report.alike import alike, lines
from verifiers.results import CaseOutcome, Difference


def differ(name: str, message: str, outcome: CaseOutcome = CaseOutcome.FAIL) -> Difference:
    return Difference(name=name, oracle=CaseOutcome.PASS, candidate=outcome, message=message)


FAILING = [
    *(
        differ(f"execute/{n}.c/-O2", f"rejects-valid: /cell/src/{n}.c:{n}:3: error: 'v{n}' undeclared")
        for n in range(40)
    ),
    *(differ(f"execute/b{n}.c/-O0", "wrong-result: it called abort()") for n in range(7)),
    differ("ieee/x.c/-O1", "died of SIGSEGV", CaseOutcome.CRASH),
]


class TestAlike:
    def test_same_errors_at_other_places_are_one_group(self) -> None:
        """Paths, lines and names do not count; what happened does."""
        found = alike(FAILING)
        assert [len(members) for _, members in found] == [40, 7, 1]
        assert found[2][0].startswith("crash: died of SIGSEGV")

    def test_a_screenful(self) -> None:
        """The largest first, three examples each, and where all of them are."""
        text = lines(FAILING, "logs/failures.log")
        assert text[0].split()[0] == "40"
        assert text[1].count(".c/-O2") == 3 and text[1].endswith("…")
        assert text[-1].endswith("all 48: logs/failures.log")

    def test_thousands_of_kinds_are_still_a_screenful(self) -> None:
        """Groups beyond the largest are counted."""
        many = [differ(f"t/{n}", f"error {chr(97 + n % 26)}{chr(97 + n // 26)}") for n in range(600)]
        text = lines(many, "x")
        assert len(text) < 24
        assert any("smaller groups" in line for line in text)
        shown = sum(int(line.split()[0].replace(",", "")) for line in text if line.strip()[0].isdigit())
        assert shown == 600

    def test_few_need_no_groups(self) -> None:
        """The cell's own line names the first."""
        assert lines(FAILING[:2], "x") == []

    def test_nothing_garbles_the_terminal(self) -> None:
        """Messages are other people's."""
        text = lines([differ(f"t/{n}", "bad\x1b[2J\r\nFAIL forged") for n in range(5)], "x")
        assert all(line.isprintable() for line in text)
