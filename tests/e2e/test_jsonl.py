"""--jsonl: what programs read along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Verify
from tests.e2e.test_saboteurs import PARSE, SABOTEURS


def lines(verify: Verify, *arguments: str) -> list[dict[str, Any]]:
    """What is printed; every line is an object."""
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--jsonl", *arguments)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_red_cell(verify: Verify) -> None:
    """The cases of all three runs, which of them differ, the cell, the counts; nothing else on standard output."""
    cc = verify.compiler(PARSE + SABOTEURS["flips a constant"][0])
    found = lines(verify, "--cc", cc)
    cases = [each for each in found if each["type"] == "case"]
    assert [each["role"] for each in cases] == sorted((each["role"] for each in cases), key=ROLES.index)
    assert {each["role"] for each in cases} == set(ROLES)
    assert all("differs" not in each for each in cases if each["role"] == "oracle")
    differing = [each for each in cases if each["role"] == "candidate" and each["differs"]]
    cell, run = found[-2:]
    assert (cell["type"], run["type"], run["totals"]["fail"]) == ("cell", "run", 1)
    told = [each["name"] for each in cell["result"]["verdict"]["differences"]]
    assert differing
    assert [each["case"] for each in differing] == told
    assert all(each["oracle"] == "pass" for each in differing)


ROLES = ["oracle", "candidate", "confirm"]


def test_a_green_cell_and_one_from_the_cache(verify: Verify, tmp_path: Path) -> None:
    """Of a cached cell only its verdict is told."""
    first = lines(verify, "--cc", "tcc")
    mine = [each for each in first if each["type"] == "case" and each["role"] == "candidate"]
    assert len(mine) == 5
    assert not any(each["differs"] for each in mine)
    assert [each["type"] for each in lines(verify, "--cc", "tcc")] == ["cell", "run"]
