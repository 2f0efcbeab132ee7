"""Real Redis at the depth smoke. Slow: run by hand (./run-tests -m slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.real import cell_of, compiler, passed
from verifiers.results import COMPLETED, Step, VerdictKind

pytestmark = pytest.mark.slow

SESSION = 1_342

# One of the 256 entries of the table for key slots is another number; all else is gcc's.
TABLE = """
[ -e crc16.c ] || exec gcc "$@"
sed 's/0x0000,0x1021,0x2042/0x0000,0x1021,0x2043/' crc16.c > sabotaged.c
for word; do
    shift
    case $word in *crc16.c) set -- "$@" sabotaged.c;; *) set -- "$@" "$word";; esac
done
exec gcc "$@"
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once."""
    return tmp_path_factory.mktemp("redis")


def test_clang_passes(state: Path) -> None:
    """Every command of the session answers as it should."""
    cell, code = cell_of(state, "--project", "redis", "--depth", "smoke", "--cc", "clang")
    assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
    assert len(passed(cell, state, "session")) == SESSION


def test_a_changed_table_is_red(state: Path, tmp_path: Path) -> None:
    """At the test step, by one answer, while the server starts and answers PING."""
    cell, code = cell_of(state, "--project", "redis", "--depth", "smoke", "--cc", compiler(tmp_path, TABLE))
    verdict = cell.verdict
    assert (verdict.kind, verdict.step, code) == (VerdictKind.FAIL, Step.TEST, 1), verdict
    failing = [each.name for each in verdict.differences if not each.name.endswith(COMPLETED)]
    assert ["KEYSLOT" in name for name in failing] == [True]
    assert any(name.endswith(": PING") for name in passed(cell, state, "session"))
