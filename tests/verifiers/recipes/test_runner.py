"""The runner of small programs, with compilers that are shell scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest

from verifiers.recipes import runner
from verifiers.recipes.programs import MESSAGES, Do, Program
from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats import programs

CC = """#!/bin/sh
# a compiler for the runner's tests: what the source says, as a shell script
flags="$*"
for word; do case $word in *.c) source=$word;; esac; last=$word; done
while [ $# -gt 0 ]; do [ "$1" = -o ] && output=$2; shift; done
. "$source"
"""
PROGRAM = "printf '#!/bin/sh\\n%s\\n' '{}' > $output; chmod +x $output"
AT_A_LEVEL = "says='echo 1'; case $flags in *{}*) says='{}';; esac\n" + PROGRAM.replace("'{}'", '"$says"')
"""With some flags another program."""


def run(
    folder: Path,
    tests: dict[str, str],
    do: Do = "run",
    wall: float = 60.0,
    only: tuple[str, ...] = (),
    canary: str = "kill -ABRT $$",
    **more: Any,
) -> dict[str, TestCase]:
    """Run the runner over sources that are shell scripts, and read what it prints."""
    cc = folder / "cc"
    cc.write_text(CC)
    cc.chmod(0o755)
    entries = []
    for name, text in tests.items():
        (folder / name).write_text(text + "\n")
        program = Program(name, (str(folder / name),), {"-O0": ""}, do=do)
        entries.append({**asdict(program), **more})
    (folder / "canary.c").write_text(PROGRAM.format(canary))
    whole = {
        "cc": str(cc),
        "canary": str(folder / "canary.c"),
        "root": f"{folder}/",
        "folder": str(folder / "work"),
        "compile_seconds": 5.0,
        "compiler_timeout": 124,
        "wall_seconds": wall,
        "limits": {"CPU": 1, "FSIZE": 1 << 20, "CORE": 0},
        "messages": MESSAGES,
        "groups": {"group": entries},
    }
    (folder / "plan.json").write_text(json.dumps(whole))
    done = subprocess.run(
        [sys.executable, "-I", "-S", runner.__file__, folder / "plan.json", "group", *only],
        stdout=subprocess.PIPE,
        timeout=300,
        check=True,
    )
    found = {case.name: case for case in programs.parser("group")(done.stdout.splitlines(keepends=True))}
    assert "group/summary" not in found
    assert not os.listdir(folder / "work" / "group")
    return found


class TestRunner:
    def test_outcomes(self, tmp_path: Path) -> None:
        """What a program does, and what is said of it."""
        programs = {
            "good.c": "exit 0",
            "bad.c": "echo one; echo two; exit 3",
            "abort.c": "kill -ABRT $$",
            "crash.c": "kill -SEGV $$",
            "spins.c": "while :; do :; done",
            "floods.c": "exec cat /dev/zero",
        }
        found = run(tmp_path, {name: PROGRAM.format(text) for name, text in programs.items()})
        assert {name: (case.outcome, case.message) for name, case in found.items()} == {
            "good.c/-O0": (CaseOutcome.PASS, ""),
            "bad.c/-O0": (CaseOutcome.FAIL, "wrong-result: exit status 3 after printing two"),
            "abort.c/-O0": (CaseOutcome.FAIL, "wrong-result: it called abort()"),
            "crash.c/-O0": (CaseOutcome.CRASH, "test-crash: it died of SIGSEGV"),
            "spins.c/-O0": (CaseOutcome.TIMEOUT, "test-timeout: it took longer than 1 s"),
            "floods.c/-O0": (CaseOutcome.CRASH, found["floods.c/-O0"].message),
        }
        assert found["floods.c/-O0"].message.startswith("test-crash: it died of SIGXFSZ")

    def test_a_program_that_waits(self, tmp_path: Path) -> None:
        """It takes no CPU time, but has only so long."""
        case = run(tmp_path, {"a.c": PROGRAM.format("exec sleep 30")}, wall=1.0)["a.c/-O0"]
        assert (case.outcome, case.message) == (CaseOutcome.TIMEOUT, "test-timeout: it took longer than 1 s")

    def test_what_compilers_do(self, tmp_path: Path) -> None:
        """Rejected, crashed, hung, or successful in word only."""
        found = run(
            tmp_path,
            {
                "rejects.c": f"echo; echo {tmp_path}/rejects.c:1: error: no; exit 1",
                "flag.c": "echo 'cc: error: unrecognized command-line option -fx'; exit 1",
                "undefined.c": "echo 'ld: a.c: undefined reference to f'; exit 1",
                "links.c": "echo '/usr/bin/ld: cannot find -lx: error'; exit 1",
                "silent.c": "exit 1",
                "grumbles.c": "echo 'cc: warning: unknown option -w'; echo 'a.c, line 1: no y'; echo cannot; exit 1",
                "grumbles too.c": "echo 'cc: unknown option -w'; echo 'a.c:1:2: error: no y'; exit 1",
                "points.c": "printf 'cc: unknown option -w\\na.c:1: int y z;\\n           ^ no y\\n'; exit 1",
                "quotes.c": "printf 'a.c:1:2: error: no y\\n    1 | say(Aborted);\\n'; exit 1",
                "quotes too.c": "printf 'a.c:1: Aborted();\\n       ^ no y\\n'; exit 1",
                "warns.c": "printf 'a.c:1: y;\\n      ^ warning: unused\\na.c:2: undefined reference to f\\n'; exit 1",
                "starves.c": "echo 'cc1: out of memory allocating 65536 bytes'; exit 1",
                "half.c": PROGRAM.format("exit 0") + "; echo 'a.c:1:5: error: vectors are not supported'",
                "labels.c": PROGRAM.format("exit 0")
                + "; printf 'a.c:5:1: warning: unused label\\nerror:\\n^~~~~~\\nwarning: error: old\\n'",
                "raises.c": "printf 'Traceback (most recent call last):\\n  File cc.py\\nKeyError: -w\\n'; exit 1",
                "ice.c": "echo 'x.c:1: internal compiler error: oh'; exit 1",
                "dies.c": "exit 139",
                "killed.c": "kill -SEGV $$",
                "hangs.c": "exec sleep 30",
                "told.c": "exit 124",
                "nothing.c": "exit 0",
                "empty.c": ": > $output",
                "text.c": "echo no program > $output; chmod +x $output",
            },
        )
        told = {name.partition(".")[0]: (str(case.outcome), case.message) for name, case in found.items()}
        assert told.pop("text")[0] == "fail"
        assert told == {
            "rejects": ("fail", "rejects-valid: rejects.c:1: error: no"),
            "flag": ("fail", "bad-flag: cc: error: unrecognized command-line option -fx"),
            "undefined": ("fail", "undefined-symbol: ld: a.c: undefined reference to f"),
            "links": ("fail", "link-error: /usr/bin/ld: cannot find -lx: error"),
            "silent": ("fail", "rejects-valid: exit status 1 without a message"),
            "grumbles": ("fail", "rejects-valid: a.c, line 1: no y"),
            "grumbles too": ("fail", "rejects-valid: a.c:1:2: error: no y"),
            "points": ("fail", "rejects-valid: a.c:1: no y"),
            "quotes": ("fail", "rejects-valid: a.c:1:2: error: no y"),
            "quotes too": ("fail", "rejects-valid: a.c:1: no y"),
            "warns": ("fail", "undefined-symbol: a.c:2: undefined reference to f"),
            "starves": ("fail", "compiler-out-of-memory: cc1: out of memory allocating 65536 bytes"),
            "half": ("fail", "false-success: exit 0 with an error: a.c:1:5: error: vectors are not supported"),
            "labels": ("pass", ""),
            "raises": ("crash", "compiler-crash: exit status 1: Traceback (most recent call last): KeyError: -w"),
            "ice": ("crash", "compiler-crash: exit status 1: x.c:1: internal compiler error: oh"),
            "dies": ("crash", "compiler-crash: died of SIGSEGV"),
            "killed": ("crash", "compiler-crash: died of SIGSEGV"),
            "hangs": ("timeout", "compiler-timeout: "),
            "told": ("timeout", "compiler-timeout: "),
            "nothing": ("fail", "false-success: exit 0, but it did not write its output"),
            "empty": ("fail", "false-success: exit 0, but it did not write its output"),
        }

    def test_yesterdays_program(self, tmp_path: Path) -> None:
        """A failed compilation never runs what the test before left."""
        found = run(tmp_path, {"a.c": PROGRAM.format("exit 0"), "b.c": "true"})
        assert found["b.c/-O0"].outcome is CaseOutcome.FAIL

    def test_what_must_be_rejected(self, tmp_path: Path) -> None:
        found = run(tmp_path, {"yes.c": "exit 1", "no.c": ": > $output", "ice.c": "exit 139"}, "reject")
        assert [str(found[f"{name}.c/-O0"].outcome) for name in ("yes", "no", "ice")] == ["pass", "fail", "crash"]

    def test_only_compiled(self, tmp_path: Path) -> None:
        """A test to be compiled passes where its object is there, and nothing is run."""
        found = run(tmp_path, {"a.c": "echo x > $output; [ $output = a.o ] || exit 1"}, "assemble")
        assert found["a.c/-O0"].outcome is CaseOutcome.PASS

    def test_output_counts(self, tmp_path: Path) -> None:
        """Programs that print otherwise have another digest."""
        found = run(
            tmp_path, {"a.c": PROGRAM.format("echo 1"), "b.c": PROGRAM.format("echo 2"), "c.c": PROGRAM.format(":")}
        )
        digests = [found[f"{name}.c/-O0"].digest for name in "abc"]
        assert len(set(digests)) == 3
        assert digests[2] == "-"
        volatile = run(tmp_path, {"a.c": PROGRAM.format("echo 1")}, volatile=True)
        assert volatile["a.c/-O0"].digest == ""

    @pytest.mark.parametrize("does", ["exit 0", "exit 1", "kill -SEGV $$"])
    def test_a_compiler_that_makes_all_pass(self, tmp_path: Path, does: str) -> None:
        """A program that must abort is made first, and it is told where it does not."""
        found = run(tmp_path, {"a.c": PROGRAM.format("exit 0")}, canary=does)
        assert [(name, str(case.outcome)) for name, case in found.items()] == [
            ("group/canary", "fail"),
            ("a.c/-O0", "pass"),
        ]

    def test_an_emulator_that_tells_of_the_abort(self, tmp_path: Path) -> None:
        """What is printed besides is no reason to doubt it."""
        found = run(tmp_path, {"a.c": PROGRAM.format("exit 0")}, canary="echo uncaught signal 6; kill -ABRT $$")
        assert list(found) == ["a.c/-O0"]

    def test_some_alone(self, tmp_path: Path) -> None:
        """Named tests are run, and no others."""
        found = run(tmp_path, {"a.c": "exit 1", "b.c": "exit 1", "c.c": "exit 1"}, only=("c.c", "a.c"))
        assert list(found) == ["a.c/-O0", "c.c/-O0"]

    def test_skipped(self, tmp_path: Path) -> None:
        """The reason of a skip is in the message, and nothing is compiled."""
        skipped = run(tmp_path, {"a.c": "exit 1"}, levels={"-O0": "dg-require-dll"})["a.c/-O0"]
        assert (skipped.outcome, skipped.message) == (CaseOutcome.SKIP, "dg-require-dll")

    def test_what_is_left_behind(self, tmp_path: Path) -> None:
        """A program's children end with it."""
        pid = tmp_path / "pid"
        run(tmp_path, {"a.c": PROGRAM.format(f"sleep 60 & echo $! > {pid}")})
        with suppress(FileNotFoundError):  # gone, or a zombie that nobody has waited for yet
            stat = Path(f"/proc/{int(pid.read_text())}/stat")
            assert stat.read_text().rpartition(")")[2].split()[0] in "ZX"

    def test_what_it_must_print(self, tmp_path: Path) -> None:
        """Blanks apart; then its exit status, which nobody has written down, is held against the oracle's."""
        programs = {name: PROGRAM.format(f"echo 1  2; echo; exit {code}") for name, code in (("a.c", 3), ("c.c", 4))}
        found = run(tmp_path, {**programs, "b.c": PROGRAM.format("echo 1; echo 3")}, expect="1 2\n")
        assert found["a.c/-O0"].outcome is found["c.c/-O0"].outcome is CaseOutcome.PASS
        assert found["a.c/-O0"].digest != found["c.c/-O0"].digest
        assert found["b.c/-O0"].message == "wrong-result: line 1 of its output is '1', not '1 2'"

    def test_levels_that_disagree(self, tmp_path: Path) -> None:
        """A program that prints otherwise when checked, or at one of its levels, is set aside at all of them."""
        levels = {"-O0": "", "-O2": ""}
        found = run(
            tmp_path,
            {
                "same.c": PROGRAM.format("echo 1"),
                "trap.c": AT_A_LEVEL.format("-check", "kill -ILL $$"),
                "level.c": AT_A_LEVEL.format("-O2", "echo 2"),
            },
            levels=levels,
            check=["-check"],
        )
        assert {name: str(case.outcome) for name, case in found.items()} == {
            "same.c/-O0": "pass",
            "same.c/-O2": "pass",
            "trap.c/-O0": "skip",
            "trap.c/-O2": "skip",
            "level.c/-O0": "skip",
            "level.c/-O2": "skip",
        }
        assert found["trap.c/-O0"].message == "set aside: -check: test-crash: it died of SIGILL"
        assert found["level.c/-O0"].message == "set aside: -O2: it prints otherwise than when checked"

    def test_a_source_that_is_made(self, tmp_path: Path) -> None:
        """By a command; where that fails, the test is skipped with what was said."""
        good = f"cp {tmp_path}/a.c {tmp_path}/made.c"
        made = {"sources": [str(tmp_path / "made.c")]}
        program = {"a.c": PROGRAM.format("exit 0")}
        assert run(tmp_path, program, generate=good, **made)["a.c/-O0"].outcome is CaseOutcome.PASS
        failed = run(tmp_path, program, generate="echo no seed; exit 1", **made)["a.c/-O0"]
        assert (str(failed.outcome), failed.message) == ("skip", "set aside: its generator failed: no seed")

    def test_every_action_is_known(self) -> None:
        text = Path(runner.__file__).read_text()
        assert all(f'"{each}"' in text for each in set(get_args(Do)) - {"assemble"})
