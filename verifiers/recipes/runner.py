"""Runs one group of small programs inside the sandbox: ``python3 -I -S runner.py PLAN GROUP [TEST …]``.

A program of its own: the standard library only, no threads, and for each case two processes, the compiler and
the test's program. The plan is what ``programs.py`` writes: a ``Program`` a test. It prints a line a case, as soon as
the test is done (TABs between)::

    OUTCOME  name/level  digest of the program's output  CPU seconds  message  output

An exit status other than 0 is in the digest, for programs of which only the output is known. The output is a JSON
string: the first of what the program printed, or the compiler where there is no program.

and at the end ``END  number of cases``. Messages begin with a word: rejects-valid, bad-flag, undefined-symbol,
link-error, compiler-crash, compiler-timeout, compiler-out-of-memory, false-success, accepts-invalid, wrong-result,
test-crash, test-timeout.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import resource
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # not at run time: typing takes as long to import as all the rest
    from collections.abc import Mapping, Sequence
    from typing import Any

_ERROR = re.compile(rb"(?i)\berror\b|undefined |cannot |not (?:supported|implemented)|unrecognized|invalid")
_ANY = re.compile(rb"")
_GRACE = 3.0  # seconds between SIGTERM, which the driver passes on, and SIGKILL
_KEPT = 1 << 16  # bytes of messages that are searched
_SHOWN = 2000  # bytes of output that are shown
_GENERATED = 1200.0  # seconds to make a source, which takes half a second of CPU


class Runner:
    """The folder that the tests are compiled and run in, and the file that takes their output."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.cc: str = plan["cc"]
        self.root: bytes = plan["root"].encode()
        self.output = os.memfd_create("output", 0)
        self.actions = [(os.POSIX_SPAWN_DUP2, self.output, 1), (os.POSIX_SPAWN_DUP2, self.output, 2)]
        self.environment = dict(os.environ)
        self.bare = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}
        self.pid = 0
        self.stage = 0
        self.gently = False
        self.messages = {name: re.compile(text.encode()) for name, text in plan["messages"].items()}
        self.said = b""
        self.checked = ""
        self.hard: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
        for name, value in plan["limits"].items():
            which = getattr(resource, "RLIMIT_" + name)
            soft, hard = resource.getrlimit(which)
            value = min(value, hard) if hard != resource.RLIM_INFINITY else value
            self.hard[which] = ((value, hard), (soft, hard))
        signal.signal(signal.SIGALRM, self.alarm)

    def alarm(self, *_: object) -> None:
        """Time is up: ask the driver to end its compiler, then kill. A test's program is killed at once."""
        self.stage += 1
        with contextlib.suppress(ProcessLookupError):
            if self.stage == 1 and self.gently:
                os.kill(self.pid, signal.SIGTERM)
                signal.setitimer(signal.ITIMER_REAL, _GRACE)
            else:
                os.killpg(self.pid, signal.SIGKILL)

    def run(
        self, argv: list[str], environment: Mapping[str, str], seconds: float, gently: bool
    ) -> tuple[int, float, bool]:
        """Run one command. Returns its wait status, the CPU seconds it took, and whether its time was up."""
        self.stage, self.gently = 0, gently
        self.pid = os.posix_spawn(
            argv[0],
            argv,
            environment,
            file_actions=self.actions,
            setpgroup=0,
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
        signal.setitimer(signal.ITIMER_REAL, seconds)
        _, status, usage = os.wait4(self.pid, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # what it left behind
        return status, usage.ru_utime + usage.ru_stime, self.stage > 0

    def taken(self) -> bytes:
        """What was written since the last call, and how much."""
        size = os.fstat(self.output).st_size
        if not size:
            return b""
        data = os.pread(self.output, size, 0)
        os.ftruncate(self.output, 0)
        os.lseek(self.output, 0, os.SEEK_SET)
        return data

    def compile(self, test: dict[str, Any], flags: Sequence[str]) -> tuple[str, str]:
        """Compile one test. Returns (outcome, message), PASS where its file is there."""
        do, made = test["do"], made_by(test)
        argv = [self.cc, *arguments(test, flags)]
        status, _, late = self.run(argv, self.environment, self.plan["compile_seconds"] * test["factor"], True)
        said = self.said = self.taken().replace(self.root, b"")
        code = os.waitstatus_to_exitcode(status)
        if late or code == self.plan["compiler_timeout"]:
            return "TIMEOUT", "compiler-timeout: " + first_line(said)
        memory = code and self.telling(said, "compiler-out-of-memory")
        if memory:
            return "FAIL", "compiler-out-of-memory: " + memory
        crash = code and self.telling(said, "crash")
        if code and not crash and not self.placed(said):
            crash = self.telling(said, "uncaught")
        if code < 0 or code >= 128 or crash:
            number = -code if code < 0 else code - 128
            how = "died of " + signal_name(number) if code < 0 or code >= 128 else f"exit status {code}"
            return "CRASH", "compiler-crash: " + how + (": " + crash if crash else "")
        if do == "reject":
            return ("PASS", "") if code else ("FAIL", "accepts-invalid: the compiler must reject it")
        if code:
            return "FAIL", self.why_rejected(said, code)
        try:
            if os.stat(made).st_size:
                found = self.telling(said, "any-error")
                return ("FAIL", "false-success: exit 0 with an error: " + found) if found else ("PASS", "")
        except FileNotFoundError:
            pass
        return "FAIL", "false-success: exit 0, but it did not write its output"

    def why_rejected(self, said: bytes, code: int) -> str:
        """The message of a compiler that failed."""
        found = self.placed(said)
        if found:  # it read the source, whatever it said of options
            return "rejects-valid: " + found
        for word in ("bad-flag", "undefined-symbol"):
            found = self.telling(said, word)
            if found:
                return word + ": " + found
        plain = [each for each in said[:_KEPT].splitlines() if each[:1].strip() and b"warning: " not in each]
        telling = (
            telling_line(plain, _ERROR)
            or telling_line(plain, _ANY)
            or first_line(said)
            or f"exit status {code} without a message"
        )
        links = self.messages["link-error"].search(telling.encode())
        return ("link-error: " if links else "rejects-valid: ") + telling

    def placed(self, said: bytes) -> str:
        """The error that a place in the source goes with; of those behind a caret the last, as they may warn."""
        found = ""
        lines = said[:_KEPT].splitlines()
        for above, below in itertools.pairwise(lines):
            caret = self.messages["caret"].search(below)
            place = caret and self.messages["quoted"].search(above)
            if caret and place and caret[1]:
                found = text_of(place[1] + b" " + caret[1])
        return found or self.telling(said, "placed")

    def telling(self, said: bytes, word: str) -> str:
        """The first line that says so in a compiler's words, and not in source that it quotes; as ``telling_line``."""
        found = self.messages
        lines = said[:_KEPT].splitlines()
        kept = [
            line
            for line, below in itertools.pairwise([*lines, b""])
            if not found["mark"].search(below) and (found["any-error"].search(line) or not found["aside"].search(line))
        ]
        return telling_line(kept, found[word])

    def execute(self, test: dict[str, Any]) -> tuple[str, str, float, str]:
        """Run the program just made. Returns (outcome, digest, CPU seconds, message); ``said`` is what it printed."""
        seconds = self.plan["wall_seconds"] * test["factor"]
        for which, (ours, _) in self.hard.items():
            resource.setrlimit(which, ours)
        try:
            status, cpu, late = self.run(["./a.out", *test["arguments"]], self.bare, seconds, False)
        except OSError as error:
            return "FAIL", "", 0.0, "wrong-result: the program cannot be started: " + str(error.strerror)
        finally:
            for which, (_, theirs) in self.hard.items():
                resource.setrlimit(which, theirs)
        said = self.said = self.taken()
        code = os.waitstatus_to_exitcode(status)
        digest = hashlib.blake2b(said, digest_size=8).hexdigest() if said else "-"
        if code > 0:
            digest += f" exit {code}"
        if test["volatile"]:
            digest = ""
        if late or code == -signal.SIGXCPU:
            return "TIMEOUT", digest, cpu, f"test-timeout: it took longer than {seconds if late else self.cpu:g} s"
        if code == -signal.SIGABRT:
            return "FAIL", digest, cpu, "wrong-result: it called abort()" + after(said)
        if code < 0:
            return "CRASH", digest, cpu, "test-crash: it died of " + signal_name(-code) + after(said)
        if test["expect"] is not None:
            wrong = unexpected(said.replace(self.root, b"").decode("utf-8", "backslashreplace"), test["expect"])
            return ("FAIL", digest, cpu, "wrong-result: " + wrong) if wrong else ("PASS", digest, cpu, "")
        if code:
            return "FAIL", digest, cpu, f"wrong-result: exit status {code}" + after(said)
        return "PASS", digest, cpu, ""

    @property
    def cpu(self) -> int:
        """The CPU seconds that a program may take."""
        return int(self.plan["limits"]["CPU"])

    def attempt(self, test: dict[str, Any], *flags: str) -> tuple[str, str, float, str]:
        """Compile a test with the flags and run it; returns as ``execute`` does."""
        digest, cpu = "-", 0.0
        outcome, message = self.compile(test, flags)
        if outcome == "PASS" and test["do"] == "run":
            outcome, digest, cpu, message = self.execute(test)
        clear()
        return outcome, digest, cpu, message

    def cases(self, test: dict[str, Any]) -> list[bytes]:
        """One test at all of its levels, a line each."""
        levels: dict[str, str] = test["levels"]
        why = "" if all(levels.values()) else self.unfit(test)
        checked = self.checked
        results = []
        for level, skip in levels.items():
            self.said = b""
            skip = skip or why
            result = ("SKIP", "-", 0.0, skip) if skip else self.attempt(test, level)
            results.append((f"{test['name']}/{level}", result, self.said))
            if test["check"] and not skip and result[:2] != ("PASS", checked):
                what = result[3] or "it prints otherwise than when checked"
                why = f"set aside: {level}: {what}"
        if test["check"] and why:  # it may be undefined, or too slow: no level of it is held against anything
            results = [(name, ("SKIP", "-", 0.0, why), said) for name, _, said in results]
        return [line(name, result, said) for name, result, said in results]

    def unfit(self, test: dict[str, Any]) -> str:
        """Make the test's source where it is to be made, and check it; says why it is to be set aside, if so."""
        if test["generate"]:
            status, _, late = self.run(["/bin/sh", "-c", test["generate"]], self.bare, _GENERATED, False)
            said = self.taken()
            if status or late:
                return f"set aside: its generator {'took too long' if late else 'failed: ' + first_line(said)}"
        if test["check"]:
            outcome, self.checked, _, message = self.attempt(test, *test["check"])
            if outcome != "PASS":
                return f"set aside: {' '.join(test['check'])}: {message}"
        return ""

    def canary(self, group: str) -> bytes:
        """A compiler whose programs end well whatever they do would pass every test; b"" where this one's do not."""
        test = {"do": "run", "flags": ["-w"], "sources": [self.plan["canary"]], "factor": 1.0}
        test |= {"arguments": [], "volatile": False, "expect": None}
        outcome, _ = self.compile(test, ("-O0",))
        if outcome == "PASS":
            _, digest, cpu, message = self.execute(test)
            clear()
            if not message.startswith("wrong-result: it called abort()"):  # an emulator has more to say of it
                message = "wrong-result: a program that must call abort() did not: " + (message or "exit status 0")
                return line(group + "/canary", ("FAIL", digest, cpu, message), self.said)
        return b""

    def all(self, group: str, wanted: frozenset[str]) -> None:
        """The wanted tests of the group, and before them one program that must fail, told of only where it does not."""
        told = self.canary(group)
        write(told)
        count = int(bool(told))
        for test in self.plan["groups"][group]:
            if not wanted or test["name"] in wanted:
                lines = self.cases(test)
                count += len(lines)
                write(b"".join(lines))
        write(b"END\t%d\n" % count)


def made_by(test: dict[str, Any]) -> str:
    """The file that a test's compilation is to make."""
    return {"run": "a.out", "compile": "a.s"}.get(test["do"], "a.o")


def arguments(test: dict[str, Any], flags: Sequence[str]) -> list[str]:
    """The compiler's arguments for a test at a level."""
    how = {"run": [], "compile": ["-S"]}.get(test["do"], ["-c"])
    libraries = ["-lm"] if test["do"] == "run" else []
    return [*flags, *test["flags"], *how, "-o", made_by(test), *test["sources"], *libraries]


def write(data: bytes) -> None:
    """All of it to stdout, unbuffered: who is killed later has said this."""
    while data:
        data = data[os.write(1, data) :]


def line(name: str, result: tuple[str, str, float, str], said: bytes) -> bytes:
    """One case's line."""
    outcome, digest, cpu, message = result
    output = json.dumps(said[:_SHOWN].decode("utf-8", "backslashreplace")) if said else ""
    text = f"{outcome}\t{name}\t{digest}\t{cpu:.3f}\t{message}\t{output}"
    return " ".join(text.split("\n")).encode("utf-8", "backslashreplace") + b"\n"


def clear() -> None:
    """Empty the folder: no file of one test is there for the next."""
    for entry in os.scandir("."):
        if entry.is_dir(follow_symlinks=False):
            import shutil

            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def telling_line(lines: Sequence[bytes], pattern: re.Pattern[bytes]) -> str:
    """The first line that matches, as text; behind one that ends in a colon, the next."""
    for number, each in enumerate(lines):
        if pattern.search(each):
            return text_of(b" ".join(lines[number : number + 1 + each.endswith(b":")]))
    return ""


def first_line(said: bytes) -> str:
    """The first line that is not blank, as text."""
    return next((text_of(each) for each in said[:_KEPT].splitlines() if each.strip()), "")


def unexpected(said: str, expected: str) -> str:
    """The first line that is not as expected, blanks apart; "" where all are."""
    mine, theirs = ([" ".join(each.split()) for each in text.split("\n") if each.strip()] for text in (said, expected))
    for number, (one, other) in enumerate(itertools.zip_longest(mine, theirs), 1):
        if one != other:
            return f"line {number} of its output is {text_of((one or '').encode())!r}, not {(other or '')[:200]!r}"
    return ""


def after(said: bytes) -> str:
    """The last line that a failed program printed, as the end of a message."""
    lines = [each for each in said[-_KEPT:].splitlines() if each.strip()]
    return " after printing " + text_of(lines[-1]) if lines else ""


def text_of(data: bytes) -> str:
    """A line as text without TABs, at most 200 characters."""
    return " ".join(data[:400].decode("utf-8", "backslashreplace").split())[:200]


def signal_name(number: int) -> str:
    """SIGSEGV for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def main() -> None:
    """Read the plan and run it."""
    with open(sys.argv[1], "rb") as file:
        plan = json.load(file)
    os.closerange(3, 256)  # the jobserver's pipe is not for tests
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    folder = os.path.join(plan["folder"], sys.argv[2])
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    clear()
    Runner(plan).all(sys.argv[2], frozenset(sys.argv[3:]))


if __name__ == "__main__":
    main()
