"""A build that was cut short goes on where it was."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from compiler.driver import read_log
from tests.e2e import fake
from tests.e2e.conftest import Verify
from tests.e2e.test_bad_input import wait_for
from verifiers.resume import Cut, read

# A recipe that goes on, and writes a file of its own before it builds.
WRITES = """
def configure(self, work):
    work.write("ours.txt", "ours")
    Autotools.configure(self, work)

Tally.resumes = True
Tally.configure = configure
"""
LONGER_AGO = 60.0  # seconds: no file of then can be half-written


def compiled(log: Path) -> Counter[str]:
    """How often each unit was compiled by the candidate, successfully."""
    return Counter(
        Path(call.unit).name
        for call in read_log(log)
        if call.role == "candidate" and call.kind == "compile" and call.ok
    )


def cut_short(verify: Verify, how: signal.Signals) -> tuple[Path, Cut]:
    """The candidate's folder after its build was ended before the link, all of it made to look older."""
    makefile = (fake.TREE / "Makefile.in").read_text()
    verify.changes = {
        "Makefile.in": makefile.replace("\t$(CC) -o tally $(OBJECTS)", "\tsleep 4\n\t$(CC) -o tally $(OBJECTS)")
    }
    verify.body = WRITES
    process = verify.start("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang")
    wait_for(verify.folder / "state" / "logs", "*/*/candidate-build.log")
    wait_for(verify.folder / "state" / "work", "*/cell/build/tally")  # the stub: the link waits
    time.sleep(0.3)
    process.send_signal(how)
    process.communicate(timeout=300)
    (note,) = (verify.folder / "state" / "work").glob("*/cut.json")
    cut = read(note.parent)
    assert cut
    assert [str(step.step) for step in cut.steps] == ["fetch", "configure"]
    for path in (note.parent / "cell/build").rglob("*"):
        os.utime(path, (cut.last - LONGER_AGO, cut.last - LONGER_AGO), follow_symlinks=False)
    return note.parent, cut


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_was_compiled_is_not_compiled_again(verify: Verify, how: signal.Signals) -> None:
    """But for what may be half-written; the times are those of all attempts, and the folder is gone afterwards."""
    folder, cut = cut_short(verify, how)
    (folder / "cell/build/scale.o").write_bytes(b"\x7fELF")  # half an object, written just now
    done = verify.run("--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("pass tally@1.0 x86_64 clang")
    (log,) = (verify.folder / "state" / "logs").glob("*/*/candidate-units.jsonl")
    times = compiled(log)
    assert times["main.c"] == times["text.c"] == times["table.c"] == 1
    assert times["scale.c"] == 2
    assert [path for path in (verify.folder / "state" / "work").iterdir() if path.is_dir()] == []
    script = (log.parent / "reproduce.sh").read_text()
    assert "configure" in script and "ours.txt" in script  # what was done before the cut is in it too
    assert cut.seconds >= 0


def test_what_a_test_had_half_written(verify: Verify) -> None:
    """A test makes its data where there are none, and kill -9 left half of them: no run may be judged by these."""
    script = "[ -e data ] || { echo half > data; sleep 3; echo whole > data; }; grep -q whole data && ./tally"
    verify.body = f"""
        Tally.resumes = True
        Tally.suites = lambda self, work: [Suite("check", ("sh", "-c", {script!r}), tap.parse, seconds=60)]
    """
    process = verify.start("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang")
    wait_for(verify.folder / "state" / "work", "*/cell/build/data")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    (data,) = (verify.folder / "state" / "work").glob("*/cell/build/data")
    assert data.read_text() == "half\n"
    done = verify.run("--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("pass tally@1.0 x86_64 clang")


def test_without_resume_it_is_cleared_away(verify: Verify) -> None:
    """Another run does not go on with it."""
    cut_short(verify, signal.SIGKILL)
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "gcc")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path for path in (verify.folder / "state" / "work").iterdir() if path.is_dir()] == []


def test_a_changed_recipe_begins_anew(verify: Verify) -> None:
    """What was built by another recipe is not taken for the new one's."""
    cut_short(verify, signal.SIGKILL)
    verify.body += "Tally.configure_arguments = ('--quiet',)\n"
    verify.plugin()
    done = verify.run("--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    logs = sorted((verify.folder / "state" / "logs").glob("*/*/candidate-units.jsonl"))
    assert set(compiled(logs[-1]).values()) == {1}


def test_a_red_build_is_not_gone_on_with(verify: Verify) -> None:
    """Its folder is kept to be looked at; the next run begins in a fresh one, and compiles everything."""
    verify.body = "Tally.resumes = True\n"
    cc = verify.compiler('case "$*" in *" words.o"*) echo "error: no" >&2; exit 1;; esac\nexec gcc "$@"')
    asked = ("--project", "tally", "--plugin", str(verify.plugin()), "--cc", cc, "--fresh")
    for _ in range(2):
        assert verify.run(*asked).returncode == 1
    logs = sorted((verify.folder / "state" / "logs").glob("*/*/candidate-units.jsonl"))
    first, second = (compiled(log) for log in logs)
    assert first == second
    assert set(first.values()) == {1}
