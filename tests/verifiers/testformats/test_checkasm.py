"""checkasm, on recorded output of FFmpeg 5.1.9 without x86 assembly: its depth smoke."""

from __future__ import annotations

from pathlib import Path

from verifiers.results import CaseOutcome
from verifiers.testformats import checkasm

LOG = Path(__file__).parents[3] / "plugins" / "ffmpeg" / "recorded" / "checkasm.log"


def outcomes(output: bytes) -> dict[str, CaseOutcome]:
    return {case.name: case.outcome for case in checkasm.parse(output.splitlines(keepends=True))}


class TestCheckasm:
    def test_tests_and_functions(self) -> None:
        """Nine tests, two functions with a second version, that there are any, and two tests of what was not built."""
        found = outcomes(LOG.read_bytes())
        assert [name for name in found if "/" in name] == ["sw_rgb/interleave_bytes", "sw_rgb/interleave_bytes_aligned"]
        skipped = {name for name, outcome in found.items() if outcome is CaseOutcome.SKIP}
        assert (len(found), skipped) == (12, {"vf_eq", "h264dsp"})
        assert list(found)[-1] == "versions"
        assert {outcome for name, outcome in found.items() if name not in skipped} == {CaseOutcome.PASS}

    def test_a_version_that_differs(self) -> None:
        """Its function fails, whatever versions there are beside it."""
        found = outcomes(
            LOG.read_bytes().replace(b"interleave_bytes c:ok sse2:ok", b"interleave_bytes c:ok sse2:failed")
        )
        failed = {name for name, outcome in found.items() if outcome is CaseOutcome.FAIL}
        assert failed == {"sw_rgb/interleave_bytes"}

    def test_an_end_in_the_middle(self) -> None:
        """The test that was being run did not pass, and the others before it did."""
        cut = LOG.read_bytes().partition(b"TEST sw_rgb")
        found = outcomes(cut[0] + cut[1])
        assert found.popitem() == ("sw_rgb", CaseOutcome.CRASH)
        assert set(found.values()) == {CaseOutcome.PASS}

    def test_a_cpu_that_is_not_recognised(self) -> None:
        """Then each function has its C version alone, every test passes, and nothing was compared."""
        found = outcomes(LOG.read_bytes().replace(b"c:ok sse2:ok", b"c:ok"))
        assert len(found) == 9
        assert "versions" not in found
