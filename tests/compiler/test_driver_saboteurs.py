"""The driver around compilers that misbehave: it ends them, says so, and the right fault is read from its log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from compiler.driver import DriverLimits, faults
from tests.compiler.driver_rig import GCC, X86_64, Rig, alive, end
from verifiers.results import Reason

GRACE = 2.0  # seconds between SIGTERM and SIGKILL: compiler/driver/supervise.h


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def reasons(rig: Rig) -> list[Reason]:
    return [fault.reason for fault in faults(rig.calls(), X86_64)]


class TestCrash:
    def test_signal(self, rig: Rig) -> None:
        """A compiler that dies of a signal: 128 + its number, a line that says so, and no half-written object."""
        rig.configure(candidate=rig.saboteur('echo half > "$out"; kill -SEGV $$'))
        done = rig.run("-c", "src/a.c", "-o", "a.o")
        assert done.returncode == 128 + signal.SIGSEGV
        assert done.stderr == b"ccverify: the compiler died of SIGSEGV on src/a.c\n"
        assert not (rig.work / "a.o").exists()
        assert (rig.call().signal, rig.call().exit) == (signal.SIGSEGV, None)
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.unit, fault.message) == (Reason.COMPILER_CRASH, "src/a.c", "died of SIGSEGV")

    def test_wrapper_that_turns_it_into_a_status(self, rig: Rig) -> None:
        """A shell in between makes 139 of it."""
        rig.configure(candidate=rig.saboteur("sh -c 'kill -SEGV $$'; exit $?"))
        assert rig.run("-c", "a.c").returncode == 139
        assert reasons(rig) == [Reason.COMPILER_CRASH]

    def test_internal_error(self, rig: Rig) -> None:
        """What gcc says when cc1 crashes."""
        rig.configure(candidate=rig.saboteur("echo 'a.c:3:1: internal compiler error: in f, at g.cc:1' >&2; exit 1"))
        rig.run("-c", "a.c")
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.message) == (
            Reason.COMPILER_CRASH,
            "a.c:3:1: internal compiler error: in f, at g.cc:1",
        )


class TestTimeLimit:
    def test_hang_that_ignores_sigterm(self, rig: Rig) -> None:
        """SIGTERM, two seconds, SIGKILL; its children go too."""
        rig.configure(
            candidate=rig.saboteur("trap '' TERM INT HUP; sleep 100 & echo $! > pid; while :; do sleep 1; done"),
            limits=DriverLimits(seconds=1),
        )
        before = time.monotonic()
        done = rig.run("-c", "src/a.c")
        assert done.returncode == 124
        assert b"ccverify: the compiler took over 1 s on src/a.c; killed\n" in done.stderr
        assert time.monotonic() - before > 2.5
        assert rig.call().timeout and not alive(int((rig.work / "pid").read_text()))
        assert reasons(rig) == [Reason.COMPILER_TIMEOUT]

    def test_hang_that_obeys(self, rig: Rig) -> None:
        """It is asked first, and can clean up."""
        obeyed = rig.work / "obeyed"
        rig.configure(
            candidate=rig.saboteur(f"trap 'kill $!; touch {obeyed}; exit' TERM; sleep 1000 & wait"),
            limits=DriverLimits(seconds=0.3),
        )
        waited = []
        for _ in range(5):  # one that the machine leaves in peace will do
            before = time.monotonic()
            assert rig.run().returncode == 124
            waited.append(time.monotonic() - before)
            assert obeyed.exists()
            if waited[-1] < 0.3 + GRACE:
                break
        assert min(waited) < 0.3 + GRACE  # nobody waits for what has ended

    @pytest.mark.skipif(not shutil.which("setsid"), reason="needs setsid")
    def test_child_that_left_the_group(self, rig: Rig) -> None:
        """A session of its own does not save it."""
        rig.configure(
            candidate=rig.saboteur("setsid sh -c 'trap \"\" TERM; echo $$ > pid; sleep 100; sleep 100' & sleep 60"),
            limits=DriverLimits(seconds=1),
        )
        assert rig.run("-c", "a.c").returncode == 124
        pid = int((rig.work / "pid").read_text())
        try:
            assert not alive(pid)
        finally:
            end([pid] if alive(pid) else [])

    def test_pipe_held_by_a_process_left_behind(self, rig: Rig) -> None:
        """The call ends when the compiler does."""
        rig.configure(candidate=rig.saboteur("sleep 1000 & echo $! > pid; echo done >&2; exit 0"))
        before = time.monotonic()
        done = subprocess.run([rig.cc, "-c", "a.c"], cwd=rig.work, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert time.monotonic() - before < 300
        assert done.stderr == b"done\n"
        end([int((rig.work / "pid").read_text())])


class TestStopped:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_signal_to_the_driver_reaches_the_compiler(self, rig: Rig, number: signal.Signals) -> None:
        """The driver dies of it as a compiler would, the compiler with it, and it is nobody's fault."""
        rig.configure(candidate=rig.saboteur("trap '' TERM INT HUP; echo $$ > pid; while :; do sleep 0.2; done"))
        driver = subprocess.Popen([rig.cc, "-c", "a.c"], cwd=rig.work)
        _wait_for(rig.work / "pid")
        driver.send_signal(number)
        assert driver.wait(10) == -number
        assert not alive(int((rig.work / "pid").read_text()))
        assert rig.call().limit == "interrupted"
        assert reasons(rig) == []

    def test_driver_killed_outright(self, rig: Rig) -> None:
        """kill -9 leaves no compiler behind."""
        rig.configure(candidate=rig.saboteur("echo $$ > pid; exec sleep 50"))
        driver = subprocess.Popen([rig.cc, "-c", "a.c"], cwd=rig.work)
        _wait_for(rig.work / "pid")
        driver.kill()
        driver.wait(10)
        pid = int((rig.work / "pid").read_text())
        for _ in range(100):
            if not alive(pid):
                return
            time.sleep(0.02)
        end([pid])
        pytest.fail("the compiler outlived its driver")

    def test_reader_of_the_messages_gone(self, rig: Rig) -> None:
        """A closed stderr ends neither driver nor compiler; the call is logged."""
        rig.configure(candidate=rig.saboteur("echo one >&2; sleep 0.2; echo two >&2; exit 3"))
        read, write = os.pipe()
        driver = subprocess.Popen([rig.cc, "-c", "a.c"], cwd=rig.work, stderr=write)
        os.close(read)
        os.close(write)
        assert driver.wait(10) == 3
        assert rig.call().stderr == "one\ntwo\n"

    @pytest.mark.parametrize("where", ["", ">&2"])
    def test_reader_who_does_not_read(self, rig: Rig, where: str) -> None:
        """The time limit holds, and so does a signal to the driver."""
        rig.configure(candidate=rig.saboteur(f"exec yes {where}"), limits=DriverLimits(seconds=1.0))
        read, write = os.pipe()
        command = [rig.cc, "-c", "a.c"]
        with subprocess.Popen(command, cwd=rig.work, stdout=write, stderr=write) as driver:
            assert driver.wait(60) == 124
        rig.configure(candidate=rig.saboteur(f"exec yes {where}"))
        with subprocess.Popen(command, cwd=rig.work, stdout=write, stderr=write) as driver:
            time.sleep(1)
            driver.terminate()
            assert driver.wait(60) == -signal.SIGTERM
        os.close(read)
        os.close(write)
        assert [call.limit for call in rig.calls()] == ["", "interrupted"]
        assert [call.timeout for call in rig.calls()] == [True, False]

    def test_a_silent_compiler_does_not_wait_for_readers(self, rig: Rig) -> None:
        """It has nothing to say to them."""
        rig.configure(candidate=rig.saboteur("exit 0"), limits=DriverLimits(seconds=60.0))
        read, write = os.pipe()
        os.set_blocking(write, False)
        with suppress(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        with subprocess.Popen([rig.cc, "-E", "a.c"], cwd=rig.work, stdout=write, stderr=write) as driver:
            assert driver.wait(30) == 0
        os.close(read)
        os.close(write)

    @pytest.mark.parametrize("pages", [13, 14, 15])
    def test_one_pipe_that_is_nearly_full(self, rig: Rig, pages: int) -> None:
        """Both streams go there, and one takes the other's room."""
        rig.configure(candidate=rig.saboteur("yes & exec yes >&2"), limits=DriverLimits(seconds=1.0))
        read, write = os.pipe()
        os.write(write, b"x" * 4096 * pages)
        with subprocess.Popen([rig.cc, "-c", "a.c"], cwd=rig.work, stdout=write, stderr=write) as driver:
            assert driver.wait(60) == 124
        os.close(read)
        os.close(write)

    @pytest.mark.parametrize("where", ["", ">&2"])
    def test_reader_who_is_slow(self, rig: Rig, where: str) -> None:
        """Nothing is lost, also of what comes as the compiler ends."""
        rig.configure(candidate=rig.saboteur(f"i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); echo $i {where}; done"))
        read, write = os.pipe()
        with subprocess.Popen([rig.cc, "-c", "a.c"], cwd=rig.work, stdout=write, stderr=write) as driver:
            os.close(write)
            time.sleep(1)
            with open(read) as messages:
                assert messages.read().split() == [str(number) for number in range(1, 20001)]
            assert driver.wait(60) == 0


class TestMemory:
    def test_eater(self, rig: Rig, tmp_path: Path) -> None:
        """A real process that allocates without end, and says nothing when it cannot."""
        loop = "for (;;) { char *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); }"
        source = rig.write("eat.c", f"#include <stdlib.h>\n#include <string.h>\nint main(void) {{ {loop} }}\n")
        eater = tmp_path / "eater"
        subprocess.run([GCC, "-O0", "-o", eater, source], check=True)
        rig.configure(candidate=(str(eater),), limits=DriverLimits(memory=100 << 20))
        rig.run("-c", "a.c")
        call = rig.call()
        assert call.limit == "memory" and call.peak_kib < 120 << 10
        assert reasons(rig) == [Reason.COMPILER_OUT_OF_MEMORY]

    def test_gcc_itself(self, rig: Rig) -> None:
        """cc1 says out of memory, and gcc exits 1."""
        rig.configure(limits=DriverLimits(memory=30 << 20))
        rig.write("a.c", "int x[] = {" + "1 + 2 * 3 - 4," * 300_000 + "};\n")
        assert rig.run("-c", "a.c").returncode == 1
        assert reasons(rig) == [Reason.COMPILER_OUT_OF_MEMORY]

    def test_kernel_killer(self, rig: Rig) -> None:
        """SIGKILL that is not ours is the kernel's for want of memory."""
        rig.configure(candidate=rig.saboteur("kill -KILL $$"))
        assert rig.run("-c", "a.c").returncode == 137
        assert reasons(rig) == [Reason.COMPILER_OUT_OF_MEMORY]


class TestEndlessOutput:
    def test_messages(self, rig: Rig) -> None:
        """Killed at the limit, not one byte more passed on."""
        rig.configure(candidate=rig.saboteur("trap '' TERM; exec yes error >&2"), limits=DriverLimits(output=100_000))
        done = rig.run("-c", "a.c")
        assert done.returncode == 124
        messages, _, ours = done.stderr.partition(b"ccverify: ")
        assert len(messages) == 100_000 and ours == b"the compiler wrote messages without end on a.c; killed\n"
        assert rig.call().limit == "output"
        assert reasons(rig) == [Reason.COMPILER_OUTPUT_LIMIT]

    def test_chatter(self, rig: Rig) -> None:
        """The same on stdout."""
        rig.configure(candidate=rig.saboteur("exec yes chatter"), limits=DriverLimits(output=100_000))
        done = rig.run("-c", "a.c")
        assert (done.returncode, len(done.stdout)) == (124, 100_000)
        assert rig.call().limit == "output"
        assert reasons(rig) == [Reason.COMPILER_OUTPUT_LIMIT]

    def test_file(self, rig: Rig) -> None:
        """RLIMIT_FSIZE ends it, and the piece of a file goes."""
        rig.configure(candidate=rig.saboteur('exec cat /dev/zero > "$out"'), limits=DriverLimits(file=1 << 20))
        assert rig.run("-c", "a.c", "-o", "a.o").returncode == 128 + signal.SIGXFSZ
        assert rig.call().limit == "file" and not (rig.work / "a.o").exists()
        assert reasons(rig) == [Reason.COMPILER_OUTPUT_LIMIT]


class TestFalseWord:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("exit 0", "exit 0, but it did not write a.o"),
            (': > "$out"', "exit 0, but a.o is empty"),
            ('echo text > "$out"', "exit 0, but a.o is no ELF file"),
            (
                f'{GCC} -c "$src" -o "$out"; echo "a.c:1:2: error: no" >&2; exit 0',
                "exit 0 with an error: a.c:1:2: error: no",
            ),
            ('if [ -e "$out" ]; then exit 0; fi; exit 0', "exit 0, but it did not write a.o"),
        ],
    )
    def test_success_that_is_none(self, rig: Rig, body: str, message: str) -> None:
        """No output, an empty one, another file's, an error message, or the last run's left in place."""
        rig.write("a.c")
        subprocess.run([GCC, "-c", "a.c", "-o", "a.o"], cwd=rig.work, check=True)  # the stale one
        rig.configure(candidate=rig.saboteur(body))
        assert rig.run("-c", "a.c", "-o", "a.o").returncode == 0
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.message) == (Reason.FALSE_SUCCESS, message)

    def test_one_of_several_outputs_missing(self, rig: Rig) -> None:
        """The second of two objects."""
        rig.configure(candidate=rig.saboteur(f'{GCC} -c "$2"'))
        rig.write("a.c"), rig.write("b.c")
        rig.run("-c", "a.c", "b.c")
        (fault,) = faults(rig.calls(), X86_64)
        assert fault.message == "exit 0, but it did not write b.o"

    def test_silent_failure(self, rig: Rig) -> None:
        """It did its work and exits 1 without a word."""
        rig.write("a.c")
        rig.configure(candidate=rig.saboteur(f'{GCC} -c "$src" -o "$out"; exit 1'))
        assert rig.run("-c", "a.c", "-o", "a.o").returncode == 1
        assert reasons(rig) == [Reason.FALSE_FAILURE]

    def test_failure_with_warnings_only(self, rig: Rig) -> None:
        """A warning is no reason to fail."""
        rig.configure(candidate=rig.saboteur("echo 'a.c:1: warning: hm' >&2; exit 1"))
        rig.run("-c", "a.c")
        assert reasons(rig) == [Reason.FALSE_FAILURE]

    def test_warning_that_quotes_an_error_is_none(self, rig: Rig) -> None:
        """gcc on a source whose texts speak of errors: success stays success."""
        rig.write("a.c", '#warning a.c:1: error: not one\nint f(void) { int x = "b.c:1: error: y"; return x; }\n')
        assert rig.run("-c", "a.c").returncode == 0
        assert "error: not one" in rig.call().stderr
        assert reasons(rig) == []

    @pytest.mark.parametrize("compiler", ["/usr/bin/gcc", "/usr/bin/clang"])
    def test_quoted_source_is_not_the_compiler_s_word(self, rig: Rig, compiler: str) -> None:
        """Programs have such texts themselves, and compilers quote them, clang without a mark."""
        if not Path(compiler).exists():
            pytest.skip(f"needs {compiler}")
        rig.configure(candidate=(compiler,), limits=DriverLimits(file=1 << 30))
        rig.write("a.c", 'void f(void) {\nchar x = "a.c:1: error: out of memory, File too large";\n}\n')
        assert rig.run("-c", "a.c").returncode == 0
        rig.write(
            "b.c", 'void f(void) {\ng(h, "unknown option, Segmentation fault, out of memory, File too large");\n}\n'
        )
        assert rig.run("-c", "b.c").returncode == 1
        assert [(fault.unit, fault.reason) for fault in faults(rig.calls(), X86_64)] == [("b.c", Reason.REJECTS_VALID)]


def _wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists() and path.read_text().endswith("\n"):
            return
        time.sleep(0.01)
    pytest.fail(f"no {path}")
