"""One budget of jobs for several makes: real make, real processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

from verifiers.jobserver import Jobserver

MAKEFILE = """
jobs = $(addprefix job,1 2 3 4 5 6)
all: $(jobs)
$(jobs): ; @sh count.sh
"""
COUNT = """
mkdir running/$$; ls running | wc -l >> seen; sleep 0.15; rmdir running/$$
"""


def make(folder: Path, server: Jobserver) -> subprocess.CompletedProcess[bytes]:
    with server.job():
        return subprocess.run(
            ["make"],
            cwd=folder,
            env={**os.environ, "MAKEFLAGS": server.makeflags},
            pass_fds=server.fds,
            capture_output=True,
            check=False,
        )


def prepare(folder: Path) -> None:
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "count.sh").write_text(COUNT)
    (folder / "running").mkdir()


def free(server: Jobserver) -> int:
    """Tokens in the pipe."""
    count = 0
    while True:
        try:
            count += len(os.read(server.fds[0], 1))
        except BlockingIOError:
            os.write(server.fds[1], b"+" * count)
            return count


class TestShared:
    def test_makes_share(self, tmp_path: Path) -> None:
        """Two makes at once run three jobs together, not three each, and both come to their end."""
        prepare(tmp_path)
        server = Jobserver(3)
        threads = [threading.Thread(target=make, args=(tmp_path, server)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = [int(line) for line in (tmp_path / "seen").read_text().split()]
        assert len(seen) == 12
        assert max(seen) == 3
        assert free(server) == 3

    def test_one_alone_has_all(self, tmp_path: Path) -> None:
        """What is free is used, and make says nothing of a jobserver."""
        prepare(tmp_path)
        server = Jobserver(4)
        done = make(tmp_path, server)
        assert (done.returncode, done.stderr) == (0, b"")
        assert max(int(line) for line in (tmp_path / "seen").read_text().split()) == 4

    def test_one_that_knows_no_jobserver_holds_what_is_free(self) -> None:
        """It has what others leave, nobody has it at the same time, and all comes back."""
        server = Jobserver(4)
        with server.job(), server.job(all_free=True) as width:
            assert width == 3
            assert free(server) == 0
        assert free(server) == 4
        with server.job(), server.job(), server.job(), server.job(all_free=True) as width:
            assert width == 1
        assert free(server) == 4

    def test_waits_for_its_turn(self) -> None:
        """No more commands at once than jobs."""
        server, order = Jobserver(1), []

        def second() -> None:
            with server.job():
                order.append("second")

        with server.job():
            thread = threading.Thread(target=second)
            thread.start()
            time.sleep(0.3)
            order.append("first")
        thread.join()
        assert order == ["first", "second"]


class TestLoss:
    def test_killed_make_costs_nothing(self, tmp_path: Path) -> None:
        """The tokens that a killed make held are there again for the next."""
        prepare(tmp_path)
        (tmp_path / "count.sh").write_text("sleep 60")
        server = Jobserver(4)
        with server.job():
            process = subprocess.Popen(
                ["make"],
                cwd=tmp_path,
                env={**os.environ, "MAKEFLAGS": server.makeflags},
                pass_fds=server.fds,
                start_new_session=True,
                stderr=subprocess.DEVNULL,
            )
            while free(server) > 0:
                time.sleep(0.02)
            os.killpg(process.pid, 9)
            process.wait()
            assert free(server) == 0
        assert free(server) == 4

    def test_forged_tokens_are_taken_out(self) -> None:
        """A build that writes tokens of its own gets no more of them for the next one."""
        server = Jobserver(2)
        with server.job():
            os.write(server.fds[1], b"++++++")
        assert free(server) == 2

    def test_a_filled_pipe_holds_nobody_back(self) -> None:
        """Nor does one whose ends a build has made blocking again: the description of both is shared."""
        server = Jobserver(2)

        def hostile() -> None:
            with server.job():
                os.set_blocking(server.fds[1], False)
                with contextlib.suppress(BlockingIOError):
                    while os.write(server.fds[1], b"+"):
                        pass
                for end in server.fds:
                    os.set_blocking(end, True)

        thread = threading.Thread(target=hostile, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert free(server) == 2

    def test_nobody_waits_when_the_run_ends(self) -> None:
        """After ctrl-C no thread hangs for a token."""
        stop = threading.Event()
        server = Jobserver(1, stop)
        with server.job():
            thread = threading.Thread(target=lambda: server.job().__enter__())
            thread.start()
            stop.set()
            thread.join(5)
            assert not thread.is_alive()
