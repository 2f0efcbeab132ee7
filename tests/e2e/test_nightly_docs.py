"""The timer, the cron line and the workflow of docs/nightly: read by what reads them, and their commands run."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Verify

DOCS = Path(__file__).parents[2] / "docs" / "nightly"


def words(command: str) -> list[str]:
    """What follows ``verify`` in a shell line, up to what is the shell's."""
    found = re.search(r"/verify (nightly [^|>\n]*)", command)
    assert found, command
    return found[1].split()


def run(verify: Verify, arguments: list[str], state: Path) -> subprocess.CompletedProcess[str]:
    """With another state folder than the one that is named there."""
    assert "--state" in arguments
    at = arguments.index("--state")
    verify.config = f'[nightly]\nprojects = ["tally"]\ncandidates = ["tcc"]\nplugins = ["{verify.plugin()}"]\n'
    verify.state = state
    return verify.run(*arguments[:at], *arguments[at + 2 :])


def workflow() -> dict[str, Any]:
    found = yaml.safe_load((DOCS / "github.yml").read_text())
    assert isinstance(found, dict)
    return found


class TestSystemd:
    """Service and timer."""

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
    def test_systemd_reads_them(self, tmp_path: Path) -> None:
        """Without one complaint, the program's own path put in."""
        program = Path(__file__).parents[2] / "verify"
        for file in DOCS.glob("ccverify-nightly.*"):
            text = file.read_text().replace("/opt/ccverify/verify", str(program))
            (tmp_path / file.name).write_text(text.replace("/srv/ccverify", str(tmp_path)))
        done = subprocess.run(
            ["systemd-analyze", "verify", *sorted(tmp_path.glob("ccverify-nightly.*"))], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        calendar = re.search(r"OnCalendar=(.*)", (DOCS / "ccverify-nightly.timer").read_text())
        assert calendar and subprocess.run(["systemd-analyze", "calendar", calendar[1]]).returncode == 0

    def test_its_command(self, verify: Verify, tmp_path: Path) -> None:
        """It is a night; and what its exit codes mean to systemd is what they are."""
        unit = configparser.ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read(DOCS / "ccverify-nightly.service")
        done = run(verify, words(unit["Service"]["ExecStart"]), verify.folder / "s")
        assert done.returncode == 0, done.stderr
        assert unit["Service"]["SuccessExitStatus"].split() == ["1", "3"]


def test_the_cron_line(verify: Verify) -> None:
    """Five fields, a user, and a command that is a night."""
    (line,) = [line for line in (DOCS / "ccverify.cron").read_text().splitlines() if not line.startswith("#")]
    fields = line.split(None, 6)
    assert [bool(re.fullmatch(r"[\d*/,-]+", each)) for each in fields[:5]] == [True] * 5
    assert fields[5] == "root" and "%" not in fields[6]  # cron's own line end
    assert run(verify, words(fields[6]), verify.folder / "s").returncode == 0


class TestWorkflow:
    """GitHub's."""

    def test_its_form(self) -> None:
        """Every step runs or uses something, every action has a version, the night waits for the cells."""
        jobs = workflow()["jobs"]
        assert jobs["night"]["needs"] == "cells" and jobs["night"]["if"] == "always()"
        for job in jobs.values():
            for step in job["steps"]:
                assert ("run" in step) != ("uses" in step)
                assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])

    def test_its_commands(self, verify: Verify) -> None:
        """The cells' parts, and the night that is made of them; every file that is used is there."""
        jobs = workflow()["jobs"]
        (part,) = [step["run"] for step in jobs["cells"]["steps"] if "--part" in step.get("run", "")]
        (night,) = [step["run"] for step in jobs["night"]["steps"] if "--merge" in step.get("run", "")]
        assert "$(printf -- '--merge %s ' parts/*)" in night
        merged = []
        for arch in ("x86_64", "i686"):
            assert arch in jobs["cells"]["strategy"]["matrix"]["arch"]
            state = verify.folder / "parts" / arch
            done = run(verify, words(part.replace("${{ matrix.arch }}", arch)), state)
            assert done.returncode in (0, 1), done.stderr
            (upload,) = [step for step in jobs["cells"]["steps"] if "upload-artifact" in step.get("uses", "")]
            uploaded = {Path(each).name for each in upload["with"]["path"].split()}
            for each in state.iterdir():  # what is not uploaded is not there
                if each.name not in uploaded:
                    shutil.rmtree(each) if each.is_dir() else each.unlink()
            merged += ["--merge", str(state)]
        state = verify.folder / "night"
        done = run(verify, [*words(night.split("$(printf")[0]), *merged], state)
        assert done.returncode in (0, 1), done.stderr
        texts = [
            word for step in jobs["night"]["steps"] for word in step.get("run", "").split() if word.endswith(".md")
        ]
        assert "state/reports/nightly/report.md" in texts
        report = (state / "reports" / "nightly" / "report.md").read_text()
        assert "x86\\_64" in report or "x86&#95;64" in report
        assert report.count("tcc") >= 2
