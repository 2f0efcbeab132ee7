"""Running, measuring, bounding and ending a tree of processes, with real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verifiers.boxes import (
    MIB,
    REPOSITORY,
    SMALL,
    Box,
    any_box,
    attacking,
    attacks,
    box,
    make_box,
    needs_root,
    open_folder,
    start_parent,
    survivors,
    wait_until,
)
from verifiers import guard, process
from verifiers.cgroup import Group, Parents, find_parents
from verifiers.diskwatch import DiskWatch
from verifiers.results import Reason

__all__ = ["any_box", "attacks", "box", "open_folder"]


class TestTheEnd:
    @pytest.mark.parametrize("code", [0, 1, 77, 139, 255])
    def test_exit_codes(self, any_box: Box, code: int) -> None:
        """An exit code is passed on as it is, also one that looks like a signal's."""
        done = any_box.do("exit", str(code))
        assert (done.exit, done.signal, done.stopped, done.detail) == (code, None, None, "")
        assert done.ok == (code == 0)

    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
    def test_signals(self, any_box: Box, number: int) -> None:
        """A death by signal is one, whatever the signal."""
        done = any_box.do("signal", str(number))
        assert (done.exit, done.signal, done.stopped) == (None, number, None)

    def test_a_command_that_is_none(self, any_box: Box) -> None:
        """127 and 126 with a line in the log, as a shell does."""
        assert any_box.run(["no-such-program"]).exit == 127
        assert any_box.said == "ccverify: cannot run no-such-program: No such file or directory\n"
        assert any_box.run(["/etc/passwd"]).exit == 126
        assert any_box.run(["true"], cwd="/nonexistent").exit == 126

    def test_path_is_the_environments(self, any_box: Box) -> None:
        """The command is looked up where the given PATH says."""
        tool = any_box.work / "build/mytool"
        tool.write_text("#!/bin/sh\necho mine\n")
        tool.chmod(0o755)
        path = f"{any_box.sandbox.inside}/build:/usr/bin:/bin"
        assert any_box.run(["mytool"], env={"PATH": path}).exit == 0
        assert any_box.said == "mine\n"


class TestOutput:
    def test_both_streams_in_order(self, any_box: Box) -> None:
        """stderr and stdout land in the log as they were written."""
        any_box.run(["sh", "-c", "echo 1; echo 2 >&2; echo 3"])
        assert any_box.said == "1\n2\n3\n"

    def test_stdout_apart(self, any_box: Box, tmp_path: Path) -> None:
        """stdout goes to its file, replacing what was there; stderr to the log."""
        out = tmp_path / "out"
        out.write_text("something longer than before")
        any_box.run(["sh", "-c", "echo 1; echo 2 >&2"], stdout=out)
        assert (any_box.said, out.read_text()) == ("2\n", "1\n")

    def test_without_end(self, any_box: Box) -> None:
        """It is stopped at the limit, which the log says and keeps to."""
        done = any_box.do("print-for-ever")
        assert done.stopped == Reason.OUTPUT_LIMIT
        assert "more than 1048576 bytes" in done.detail
        assert len(any_box.said) < SMALL.log + 200
        assert any_box.said.endswith("[ccverify: it wrote more than 1048576 bytes of output; stopped]\n")
        assert any_box.survivors() == []

    def test_without_end_to_a_file(self, any_box: Box, tmp_path: Path) -> None:
        """The limit holds for stdout's file too."""
        done = any_box.do("print-for-ever", stdout=tmp_path / "out")
        assert done.stopped == Reason.OUTPUT_LIMIT
        assert (tmp_path / "out").stat().st_size < SMALL.log + 200

    def test_a_full_disk_under_the_log(self, any_box: Box) -> None:
        """The log cannot be written: stopped with a clean reason, no exception, and nothing pending in a buffer."""
        with open("/dev/full", "wb") as log:
            done = any_box.sandbox.run(
                ["sh", "-c", "echo hello; sleep 30"],
                cwd=any_box.sandbox.inside,
                env={},
                log=log,
                limits=SMALL,
                mounts=any_box.mounts,
            )
        assert (done.stopped, done.detail) == (Reason.DISK_FULL, "cannot write the log: No space left on device")
        assert done.usage.seconds < 10

    def test_a_log_with_a_text_before(self, any_box: Box, tmp_path: Path) -> None:
        """What the caller had written and not flushed stays in front."""
        with open(tmp_path / "log", "wb") as log:
            log.write(b"$ echo hello\n")
            any_box.sandbox.run(["echo", "hello"], cwd=any_box.sandbox.inside, env={}, log=log, limits=SMALL, mounts=())
            log.write(b"done\n")
        assert (tmp_path / "log").read_bytes() == b"$ echo hello\nhello\ndone\n"


class TestBounds:
    def test_an_endless_file(self, any_box: Box) -> None:
        """The file size limit ends its writer by SIGXFSZ."""
        done = any_box.do("file-for-ever", "endless", limits=replace(SMALL, file=8 * MIB))
        assert done.signal == signal.SIGXFSZ
        assert (any_box.work / "endless").stat().st_size == 8 * MIB

    def test_many_files(self, any_box: Box) -> None:
        """Each file small, together too much: the growth of the work folder is bounded."""
        script = "i=0; while :; do i=$((i+1)); head -c 4194304 /dev/zero > f$i; done"
        done = any_box.run(["sh", "-c", script], replace(SMALL, disk=32 * MIB))
        assert done.stopped == Reason.DISK_FULL
        assert done.detail == f"it added more than 32 MiB to {any_box.work}"
        assert any_box.survivors() == []

    @needs_root
    def test_a_full_disk(self, open_folder: Path, attacks: Path) -> None:
        """A small file system as work folder: stopped before it is quite full, and said so."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(open_folder)], check=True)
        try:
            open_folder.chmod(0o755)
            done = make_box("bubblewrap", open_folder / "work", attacks).do("file-for-ever", "endless", "20000")
            assert done.stopped == Reason.DISK_FULL
            assert "is full" in done.detail
        finally:
            subprocess.run(["umount", "-l", str(open_folder)], check=True)

    def test_growth_by_others_does_not_count(self, tmp_path: Path) -> None:
        """Another program that fills the same disk is not this run's doing."""
        (tmp_path / "work").mkdir()
        watch = DiskWatch(tmp_path / "work", 8 * MIB)
        (tmp_path / "other").write_bytes(os.urandom(24 * MIB))
        os.sync()
        assert watch.look() == ""
        watch = DiskWatch(tmp_path / "work", 8 * MIB)
        (tmp_path / "work/own").write_bytes(os.urandom(24 * MIB))
        os.sync()
        assert "added more than 8 MiB" in watch.look()

    def test_time(self, any_box: Box) -> None:
        """The wall clock's limit, with what it had used."""
        done = any_box.do("burn-for-ever", limits=replace(SMALL, seconds=1))
        assert (done.stopped, done.detail) == (Reason.STEP_TIMEOUT, "it took longer than 1 s")
        assert done.usage.cpu_seconds > 0.05  # that killed time counts at all; a busy machine gives it little


class TestTheMeasure:
    def test_cpu_of_orphans(self, any_box: Box) -> None:
        """An orphan that was never waited for and is killed at the end counts in full."""
        done = any_box.do("orphan-burn", "0.1")
        assert done.exit == 0
        assert 0.09 < done.usage.cpu_seconds < 0.4

    @pytest.mark.skipif(not find_parents().cpu, reason="needs a cgroup that counts CPU time")
    def test_cpu_of_children_not_waited_for(self, any_box: Box) -> None:
        """A parent that ignores SIGCHLD hides its children from rusage, not from the cgroup."""
        assert any_box.do("unwaited-burn", "0.3").usage.cpu_seconds > 0.29

    def test_peak_is_the_programs_not_ours(self, any_box: Box) -> None:
        """The largest process inside, not the size of the Python that started it."""
        ballast = bytearray(os.urandom(MIB)) * 64
        assert any_box.do("exit", "0").usage.peak_kib < 8 * 1024
        assert 64 * 1024 <= any_box.do("eat", "64").usage.peak_kib < 80 * 1024
        assert ballast

    def test_wall_time(self, any_box: Box) -> None:
        """Seconds from the start to the end."""
        assert 0.3 <= any_box.run(["sleep", "0.3"]).usage.seconds < 30

    def test_the_end_is_seen_at_once(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        """And not at the next look at the disk."""
        monkeypatch.setattr(process, "_DISK_EVERY", 300.0)
        assert box.do("exit", "0").usage.seconds < 150


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def resumed(self) -> Iterator[None]:
        """Takes each test's interrupt back."""
        yield
        process.resume()
        assert not process.is_interrupted()

    @pytest.mark.parametrize("name", ["bubblewrap", "none"])
    def test_ctrl_c(self, name: str, open_folder: Path, attacks: Path) -> None:
        """A result, not a traceback; nothing is left."""
        token = make_box(name, open_folder / "work", attacks).token
        parent = start_parent(name, open_folder / "work", attacks, "ignore-term", token)
        assert wait_until(lambda: attacking(token))
        parent.send_signal(signal.SIGINT)
        out, err = parent.communicate(timeout=300)
        assert (out, err, parent.returncode) == ("interrupted interrupted\n", "", 0)
        assert survivors(token) == []

    def test_of_all_threads(self, box: Box, open_folder: Path, attacks: Path) -> None:
        """interrupt() ends the runs of other threads, and none starts until resume()."""
        other = make_box("none", open_folder / "work", attacks)
        results: list[object] = []
        threads = [
            threading.Thread(target=lambda each=each: results.append(each.do("hold").stopped)) for each in (box, other)
        ]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: attacking(box.token) and attacking(other.token))
        process.interrupt()
        for thread in threads:
            thread.join(10)
        assert results == [Reason.INTERRUPTED] * 2
        assert box.do("exit", "0").stopped == Reason.INTERRUPTED
        process.resume()
        assert box.do("exit", "0").exit == 0

    def test_runs_in_threads_do_not_mix(self, box: Box, open_folder: Path, attacks: Path) -> None:
        """Several at once: each has its own output and result, and descriptors are all given back."""
        before = len(os.listdir("/proc/self/fd"))
        boxes = [make_box("bubblewrap", open_folder / str(number), attacks) for number in range(6)]
        codes: dict[int, int | None] = {}

        def work(number: int) -> None:
            codes[number] = boxes[number].run(["sh", "-c", f"echo {number}; exit {number}"]).exit

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert codes == {number: number for number in range(6)}
        assert [each.said for each in boxes] == [f"{number}\n" for number in range(6)]
        assert len(os.listdir("/proc/self/fd")) == before


class TestTheGroup:
    def test_version_2_is_found(self, tmp_path: Path) -> None:
        """The nearest group from ours upwards that hands both controllers on; none, where nothing can be written."""
        mount = tmp_path / "cgroup"
        for folder, passed in ((mount, "cpu memory pids"), (mount / "user", "memory pids"), (mount / "user/me", "")):
            folder.mkdir()
            (folder / "cgroup.subtree_control").write_text(passed)
            (folder / "cgroup.procs").write_text("")
        (tmp_path / "cgroup.txt").write_text("")
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text("0::/user/me\n")
        (proc / "mountinfo").write_text(f"30 20 0:26 / {mount} rw,nosuid - cgroup2 cgroup2 rw\n")
        found = find_parents(proc)
        assert (found.memory, found.version) == (mount / "user", 2)
        (mount / "user/cgroup.subtree_control").write_text("memory")
        find_parents.cache_clear()
        assert find_parents(proc).memory == mount
        find_parents.cache_clear()
        assert find_parents(tmp_path / "none") == Parents()
        find_parents.cache_clear()

    def test_none_is_no_error(self) -> None:
        """Without a folder to make it in, a group limits nothing and costs nothing."""
        group = Group.make(MIB, 1, Parents())
        assert (group.join, group.has_memory, group.has_pids, group.cpu_seconds()) == ((), False, False, 0.0)
        group.remove()

    @pytest.mark.skipif(not find_parents().folders, reason="needs a writable cgroup")
    def test_removal_ends_what_is_in_it(self) -> None:
        """A process left in the group is killed, and the folders are gone."""
        group = Group.make(64 * MIB, 10)
        folders = [file.parent for file in group.join]
        assert folders
        assert (group.has_memory, group.has_pids) == (bool(group.parents.memory), bool(group.parents.pids))
        child = subprocess.Popen(["sleep", "60"])
        for file in group.join:
            file.write_text(str(child.pid))
        group.remove()
        assert child.wait(5) == -signal.SIGKILL
        assert not any(folder.exists() for folder in folders)

    @pytest.mark.skipif(not find_parents().folders, reason="needs a writable cgroup")
    def test_a_living_runs_group_stays(self) -> None:
        """The sweep takes only groups whose maker is no more."""
        group = Group.make(64 * MIB, 10)
        other = "from verifiers.cgroup import Group; Group.make(1 << 26, 10).remove(); Group.make(1 << 26, 10)"
        subprocess.run([sys.executable, "-c", other], cwd=REPOSITORY, check=True)  # leaves one behind
        assert all(file.parent.exists() for file in group.join)
        Group.make(64 * MIB, 10).remove()
        left = {path.name for folder in find_parents().folders for path in folder.glob("ccverify-*")}
        group.remove()
        assert not [name for name in left if not Path(f"/proc/{name.split('-')[2]}").exists()]


class TestTheGuard:
    def test_is_built_once(self, tmp_path: Path) -> None:
        """The second time it is found; a changed or foreign-writable one is not used."""
        first = guard.guard(tmp_path)
        stamp = first.stat().st_mtime_ns
        assert guard.guard(tmp_path) == first
        assert first.stat().st_mtime_ns == stamp
        first.chmod(0o777)
        assert guard.guard(tmp_path).stat().st_mode & 0o777 == 0o755

    def test_two_at_once(self, tmp_path: Path) -> None:
        """Two processes that build it get the same whole file, and leave nothing beside it."""
        code = f"from pathlib import Path; from verifiers.guard import guard; print(guard(Path({str(tmp_path)!r})))"
        both = [
            subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE) for _ in range(2)
        ]
        names = {each.communicate()[0] for each in both}
        assert len(names) == 1
        assert len(list(tmp_path.iterdir())) == 1

    def test_no_compiler(self, tmp_path: Path) -> None:
        """One line with what to install."""
        with pytest.raises(guard.GuardNotBuilt, match="apt install gcc"):
            guard.guard(tmp_path, ["false"])
        assert list(tmp_path.iterdir()) == []

    def test_a_killed_guard_is_no_sandbox_failure(self, open_folder: Path, attacks: Path) -> None:
        """Where nothing protects it, the guard's death is a death by signal, not an error of ours."""
        bare = make_box("none", open_folder / "work", attacks)

        def kill() -> None:
            wait_until(lambda: attacking(bare.token))
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = entry.read_bytes().split(b"\0")
                except OSError:
                    continue
                if bare.token.encode() in words and b"guard" in words[0]:
                    os.kill(int(entry.parent.name), signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        done = bare.do("hold")
        thread.join()
        assert (done.signal, done.stopped) == (9, None)
        assert wait_until(lambda: bare.survivors() == [], 5)
