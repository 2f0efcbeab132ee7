"""KTAP as KUnit prints it: nested, between other messages of the kernel."""

from __future__ import annotations

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats import ktap

# As Documentation/dev-tools/ktap.rst and lib/kunit/test.c of Linux 6.12 have it; the times are printk's.
GOOD = """\
[    0.9] Linux version 6.12
[    1.0] KTAP version 1
[    1.0] 1..2
[    1.0]     KTAP version 1
[    1.0]     # Subtest: list-kunit-test
[    1.0]     # module: list_test
[    1.0]     1..2
[    1.0]     ok 1 list_test_list_init
[    1.1] clocksource: Switched to clocksource tsc
[    1.1]     ok 2 list_test_list_add # SKIP no list
[    1.1] # list-kunit-test: pass:1 fail:0 skip:1 total:2
[    1.1] # Totals: pass:1 fail:0 skip:1 total:2
[    1.1] ok 1 list-kunit-test
[    1.1]     KTAP version 1
[    1.1]     # Subtest: inode_test
[    1.1]     1..1
[    1.1]         KTAP version 1
[    1.1]         # Subtest: xtimestamp decoding
[    1.1]         ok 1 1901-12-13 Lower bound, no extra bits
[    1.1]         ok 2 1969-12-31 Upper bound, no extra bits
[    1.1]     # xtimestamp decoding: pass:2 fail:0 skip:0 total:2
[    1.1]     ok 1 xtimestamp decoding
[    1.1] ok 2 inode_test
[    1.2] Run /init as init process
"""


def cases(text: str) -> dict[str, TestCase]:
    found = list(ktap.parse(line.encode() + b"\r\n" for line in text.splitlines()))
    assert len({case.name for case in found}) == len(found)
    return {case.name: case for case in found}


class TestNesting:
    def test_leaves_are_cases(self) -> None:
        """By the path of their names: a suite's tests, and a test's parameters."""
        found = cases(GOOD)
        assert {name: case.outcome.value for name, case in found.items()} == {
            "list-kunit-test/list_test_list_init": "pass",
            "list-kunit-test/list_test_list_add": "skip",
            "inode_test/xtimestamp decoding/1901-12-13 Lower bound, no extra bits": "pass",
            "inode_test/xtimestamp decoding/1969-12-31 Upper bound, no extra bits": "pass",
        }
        assert found["list-kunit-test/list_test_list_add"].message == "no list"

    def test_without_times(self) -> None:
        """A tiny kernel's messages have none."""
        assert cases("\n".join(line[9:].removeprefix(" ") for line in GOOD.splitlines())) == cases(GOOD)

    def test_none(self) -> None:
        """A console without KTAP has no cases, though lines that look like TAP."""
        assert cases("ok 1 fine\nnot ok 2 bad\n") == {}


class TestFailures:
    def test_a_failed_test_tells_why(self) -> None:
        """Its own lines before it, and not those of the test before."""
        text = GOOD.replace(
            "[    1.0]     ok 1 list_test_list_init",
            "[    1.0]     # list_test_list_init: EXPECTATION FAILED at lib/list-test.c:39\n"
            "[    1.0]     Expected list_empty(&list1) to be true, but is false\n"
            "[    1.0]     not ok 1 list_test_list_init",
        ).replace("ok 1 list-kunit-test", "not ok 1 list-kunit-test")
        found = cases(text)
        case = found["list-kunit-test/list_test_list_init"]
        assert case.outcome is CaseOutcome.FAIL
        assert case.message.endswith(
            "EXPECTATION FAILED at lib/list-test.c:39\nExpected list_empty(&list1) to be true, but is false"
        )
        assert len(found) == 4

    def test_a_suite_that_fails_by_itself(self) -> None:
        """Its init failed, say: no test of its own says so."""
        found = cases(GOOD.replace("ok 1 list-kunit-test", "not ok 1 list-kunit-test"))
        assert found["list-kunit-test/result"].outcome is CaseOutcome.FAIL

    def test_a_kernel_that_dies_in_a_test(self) -> None:
        """What was open did not keep its plan, at each level."""
        text = GOOD[: GOOD.index("[    1.1]     ok 2")]
        found = cases(text)
        assert found["list-kunit-test/plan"].message == "1 of 2 planned tests ran"
        assert found["plan"].message == "0 of 2 planned tests ran"

    def test_a_lost_result_is_seen(self) -> None:
        """One line of a suite is gone."""
        found = cases(GOOD.replace("[    1.0]     ok 1 list_test_list_init\n", ""))
        assert found["list-kunit-test/plan"].message == "1 of 2 planned tests ran"
