"""sessionfuzz, speedtest1 and threadtest3, on recorded logs."""

from __future__ import annotations

from tests.verifiers.testformats.recorded import cases, lines, outcomes
from verifiers.results import CaseOutcome
from verifiers.testformats import sessionfuzz, speedtest, threadtest


class TestSessionfuzz:
    LOG = lines("sessionfuzz.log")

    def test_each_changeset_is_a_case(self) -> None:
        """339 cases, each with its result code."""
        found = {case.name: case for case in cases(sessionfuzz.parse, self.LOG)}
        assert len(found) == 339
        assert found["c001"].digest == "rc=11"
        assert all(case.outcome is CaseOutcome.PASS for case in found.values())

    def test_another_result_code_shows(self) -> None:
        """The result code is the digest."""
        changed = [line.replace(b"rc=0", b"rc=7") for line in self.LOG]
        found = {case.digest for case in cases(sessionfuzz.parse, changed)}
        assert found == {"rc=7", "rc=1", "rc=11"}

    def test_a_crash(self) -> None:
        """A case without an end, or a run without a summary, has not passed."""
        assert outcomes(sessionfuzz.parse, [*self.LOG[:3], b"x.db/c004:"])["c004"] is CaseOutcome.CRASH
        assert outcomes(sessionfuzz.parse, self.LOG[:-1])["c339"] is CaseOutcome.FAIL

    def test_a_lost_case(self) -> None:
        """Fewer cases than the summary counts fail."""
        assert CaseOutcome.FAIL in outcomes(sessionfuzz.parse, self.LOG[1:]).values()


class TestSpeedtest:
    LOG = lines("speedtest1.log")

    def test_parts_and_hash(self) -> None:
        """Each numbered part is a case, without its time, and the hash has a digest."""
        found = {case.name: case for case in cases(speedtest.parse, self.LOG)}
        assert len(found) == 33
        assert "100-5000 INSERTs into table with no index" in found
        assert "300-Refill a 5000-row table using (b&1)==(a&1)" in found
        digest = found[speedtest.HASH].digest
        assert digest == "1770470:19f033c0ab47f9479fc13174d106795176c427658861a74b"

    def test_another_hash_is_another_digest(self) -> None:
        """The hash, and the number of bytes it is over, are compared."""
        for old, new in ((b"19f033", b"19f034"), (b"1770470", b"1770471")):
            changed = [line.replace(old, new) for line in self.LOG]
            assert cases(speedtest.parse, changed)[-1].digest != cases(speedtest.parse, self.LOG)[-1].digest

    def test_a_run_that_dies(self) -> None:
        """A part without a time crashed, and there is no hash."""
        output = [*self.LOG[:5], b" 140 - 10 SELECTS, LIKE, unindexed................................."]
        found = outcomes(speedtest.parse, output)
        assert found["140-10 SELECTS, LIKE, unindexed"] is CaseOutcome.CRASH
        assert speedtest.HASH not in found


class TestThreadtest:
    LOG = lines("threadtest3.log")

    def test_each_test_is_a_case(self) -> None:
        """As many cases as the summary counts, without what the threads report."""
        found = outcomes(threadtest.parse, self.LOG)
        assert "walthread1" in found
        assert self.LOG[-1] == b"0 errors out of %d tests\n" % len(found)
        assert set(found.values()) == {CaseOutcome.PASS}

    def test_an_error_is_of_the_test_that_runs(self) -> None:
        """An error fails its own test only; a warning does not."""
        at = self.LOG.index(b"Running walthread2 for 20 seconds...\n") + 1
        error = b'Error: (11) "database disk image is malformed" at line 1\n'
        output = [*self.LOG[:at], error, *self.LOG[at:-1], self.LOG[-1].replace(b"0 errors", b"1 errors")]
        found = outcomes(threadtest.parse, output)
        assert [name for name, outcome in found.items() if outcome is CaseOutcome.FAIL] == ["walthread2"]
        warned = [*self.LOG[:at], error.replace(b"Error", b"Warning"), *self.LOG[at:]]
        assert CaseOutcome.FAIL not in outcomes(threadtest.parse, warned).values()

    def test_a_run_that_dies(self) -> None:
        """Without a summary the last test crashed."""
        found = cases(threadtest.parse, self.LOG[:-1])
        assert found[-1].outcome is CaseOutcome.CRASH
