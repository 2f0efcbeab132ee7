"""How far a step is."""

from __future__ import annotations

import pytest

from verifiers.progress import progress


def test_by_the_oracles_times() -> None:
    """A long unit weighs what it took the oracle."""
    expected = {"big.c": 90.0, "small.c": 10.0}
    assert progress(["small.c"], expected, 0, "units", 20.0).left == pytest.approx(180.0)
    assert progress(["big.c"], expected, 0, "units", 20.0).left == pytest.approx(20 / 9)


def test_units_that_the_oracle_did_not_have() -> None:
    """Count as the mean, and never make more than the whole."""
    found = progress(["a.c", "b.c", "new.c"], {"a.c": 1.0, "b.c": 1.0}, 0, "units", 10.0)
    assert (found.done, found.total, found.left) == (3, 3, 0.0)


def test_by_their_number() -> None:
    """Where only that is known."""
    found = progress(["a.c"], {}, 4, "units", 10.0)
    assert (str(found), found.left) == ("1 of 4 units", pytest.approx(30.0))


def test_where_nothing_is_known() -> None:
    """No total, and no time left."""
    found = progress(["a.c"], {}, 0, "units", 10.0)
    assert (str(found), found.left) == ("1 units", None)


@pytest.mark.parametrize(("done", "seconds"), [(1, 60.0), (50, 2.0)])
def test_too_early_to_tell(done: int, seconds: float) -> None:
    """A share or a time too small to reckon with."""
    assert progress([str(each) for each in range(done)], {}, 100, "units", seconds).left is None
