"""The sandbox, attacked by real programs run inside."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verifiers.boxes import (
    REPOSITORY,
    ROOT,
    SMALL,
    Box,
    any_box,
    attacking,
    attacks,
    box,
    make_box,
    needs_root,
    open_folder,
    python_for_others,
    start_parent,
    survivors,
    wait_until,
)
from verifiers.cgroup import Parents, find_parents
from verifiers.errors import InfrastructureError
from verifiers.limits import SANDBOX_UID, Mount
from verifiers.results import Reason
from verifiers.sandbox import (
    Bubblewrap,
    NoSandbox,
    SandboxMissing,
    UnknownSandbox,
    Unreachable,
    sandbox_for,
)

__all__ = ["any_box", "attacks", "box", "open_folder"]
NODES = ("null", "zero", "full", "random", "urandom", "tty")


@pytest.fixture(autouse=True)
def host_devices_unharmed() -> Iterator[None]:
    """Holds the host's device nodes before each test against those after it."""
    before = {node: os.stat(f"/dev/{node}") for node in NODES}
    yield
    for node, status in before.items():
        now = os.stat(f"/dev/{node}")
        for name in ("st_mode", "st_rdev", "st_ino", "st_uid", "st_gid"):
            assert getattr(now, name) == getattr(status, name), f"the host's /dev/{node} has another {name}"


class TestTheInside:
    def test_runs_as_an_unprivileged_user_without_any_capability(self, box: Box) -> None:
        """No capability is left, none can be had again, and the user has a name."""
        assert box.run(["sh", "-c", "id -u; id -un; groups; cat /proc/self/status"]).exit == 0
        lines = box.said.splitlines()
        assert lines[:3] == [str(SANDBOX_UID), "verify", "verify"]
        status = dict(line.split(":\t", 1) for line in lines[3:] if ":\t" in line)
        assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"
        if ROOT:
            assert status["CapBnd"] == "0" * 16

    def test_the_work_folder_is_the_one_that_can_be_written(self, box: Box) -> None:
        """/cell, /tmp (which is /cell/tmp) and /dev/shm take files; nothing else does."""
        script = (
            "for f in /cell/src /cell/build /cell/home /tmp /var/tmp /dev/shm; do echo x > $f/new || exit 9; done;"
            "for f in / /usr /etc /root /home /run /var /dev /sys /proc /opt /cell/.. /ccverify; do"
            "  if touch $f/new 2>/dev/null; then echo wrote $f; fi; done; cat /cell/tmp/new"
        )
        assert box.run(["sh", "-c", script]).exit == 0
        assert box.said == "x\n"
        assert (box.work / "build/new").read_text() == "x\n"
        if ROOT:
            assert (box.work / "build/new").stat().st_uid == SANDBOX_UID

    def test_homes_are_empty(self, box: Box) -> None:
        """/root, /home and /run show nothing of the host's."""
        box.run(["sh", "-c", "ls -A /root /home; ls -A /run"])
        assert box.said.split() == ["/home:", "/root:", "ccverify-guard"]

    def test_the_environment_is_what_was_given(self, box: Box) -> None:
        """Nothing of ours leaks in, odd values come through whole."""
        os.environ["CCVERIFY_SECRET"] = "x"
        try:
            box.run(["env", "-0"], env={"A": "two\nlines = é", "EMPTY": ""})
        finally:
            del os.environ["CCVERIFY_SECRET"]
        got = dict(word.split("=", 1) for word in box.said.split("\0") if word)
        assert got == {
            "A": "two\nlines = é",
            "EMPTY": "",
            "HOME": "/cell/home",
            "TMPDIR": "/tmp",
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "USER": "verify",
            "LOGNAME": "verify",
        }

    def test_a_big_environment_comes_through(self, box: Box) -> None:
        """More than a pipe holds: it is sent while the sandbox starts."""
        env = {f"V{number}": "x" * 100_000 for number in range(10)}
        assert box.run(["sh", "-c", 'test ${#V0} = 100000 && test "${#V9}" = 100000'], env=env).exit == 0

    def test_stdin_is_empty_and_descriptors_are_the_usual_three(self, box: Box) -> None:
        """None of ours is left open for the command to write to."""
        box.run(["sh", "-c", "cat; ls /proc/self/fd"])
        assert box.said.split() == ["0", "1", "2", "3"]  # 3 is ls's own

    def test_preloaded_libraries_never_run_with_privileges(self, box: Box) -> None:
        """The environment is the command's alone: a candidate's LD_PRELOAD reaches neither guard nor bwrap."""
        source = box.work / "src/evil.c"
        source.write_text(
            "#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\n"
            "__attribute__((constructor)) static void f(void) {"
            'dprintf(open("/cell/tmp/uids", O_CREAT|O_APPEND|O_WRONLY, 0666), "%d\\n", getuid()); }\n'
        )
        assert box.run(["gcc", "-shared", "-fPIC", "-o", "/cell/build/evil.so", "/cell/src/evil.c"]).exit == 0
        env = {"LD_PRELOAD": "/cell/build/evil.so", "LD_LIBRARY_PATH": "/cell/build"}
        assert box.run(["true"], env=env).exit == 0
        assert (box.work / "tmp/uids").read_text() == f"{SANDBOX_UID}\n"


class TestMounts:
    def test_below_a_masked_home(self, box: Box, tmp_path: Path) -> None:
        """A tool that lies below a 0700 home is mounted back and can be reached by the unprivileged user."""
        tool = tmp_path / "closed/tool"
        tool.mkdir(parents=True)
        (tool / "hello").write_text("#!/bin/sh\necho hello from $0\n")
        (tool / "hello").chmod(0o755)
        tool.chmod(0o755)
        if ROOT:
            tool.parent.chmod(0o700)
        for place in ("/root/deep/er", "/tmp/deep/er", "/var/tmp/even/deep/er"):
            assert box.run([f"{place}/hello"], mounts=[Mount(tool, place)]).exit == 0
            assert f"hello from {place}/hello\n" in box.said
        assert box.run(["touch", "/root/deep/er/new"], mounts=[Mount(tool, "/root/deep/er")]).exit == 1
        assert not (tool / "new").exists()

    def test_writable_in_read_only(self, box: Box, tmp_path: Path) -> None:
        """/ccverify is read-only, /ccverify/log in it can be written, whatever the order they are given in."""
        tree, log = tmp_path / "tree", tmp_path / "log"
        tree.mkdir(mode=0o755)
        log.mkdir()
        box.sandbox.adopt(log)
        mounts = [
            Mount(log, "/ccverify/log", writable=True),
            Mount(Path("/usr"), "/ccverify/real/usr"),
            Mount(tree, "/ccverify"),
        ]
        script = "echo x > /ccverify/log/units.jsonl; touch /ccverify/no; /ccverify/real/usr/bin/id -u"
        box.run(["sh", "-c", script], mounts=mounts)
        assert box.said.splitlines()[1:] == [str(SANDBOX_UID)]
        assert "Read-only" in box.said or "Permission" in box.said
        assert (log / "units.jsonl").read_text() == "x\n"

    def test_a_missing_source_is_an_error_of_ours(self, box: Box) -> None:
        """It names the path, in one line, and nothing of the command ran."""
        with pytest.raises(InfrastructureError, match="/nonexistent/x") as raised:
            box.run(["touch", "/cell/ran"], mounts=[Mount(Path("/nonexistent/x"), "/ccverify")])
        assert raised.value.reason == Reason.SANDBOX
        assert "\n" not in str(raised.value)
        assert not (box.work / "ran").exists()

    def test_tripwire_over_a_compiler_proper(self, box: Box, tmp_path: Path) -> None:
        """A static program bound over cc1 sees the call and hands on to the real one under /ccverify/real."""
        engine = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip()
        assert engine.startswith("/usr/")
        real = os.path.realpath(engine)
        source, wire = tmp_path / "wire.c", tmp_path / "wire"
        source.write_text(
            "#include <fcntl.h>\n#include <unistd.h>\n"
            'int main(int c, char **v) { char p[4096]; ssize_t n = readlink("/proc/self/exe", p + 14, 4000);\n'
            'for (int i = 0; i < 14; i++) p[i] = "/ccverify/real"[i]; p[14 + n] = 0;\n'
            'int fd = open("/cell/tmp/wire", O_CREAT | O_APPEND | O_WRONLY, 0644); write(fd, p, 14 + n); close(fd);\n'
            "execv(p, v); return 70; }\n"
        )
        subprocess.run(["gcc", "-static", "-o", str(wire), str(source)], check=True)
        (box.work / "src/a.c").write_text("int f(void) { return 42; }\n")
        mounts = [Mount(wire, real), Mount(Path("/usr"), "/ccverify/real/usr")]
        done = box.run(["gcc", "-c", "-o", "/cell/build/a.o", "/cell/src/a.c"], mounts=mounts)
        assert (done.exit, box.said) == (0, "")
        assert (box.work / "tmp/wire").read_text() == f"/ccverify/real{real}"
        assert (box.work / "build/a.o").read_bytes()[:4] == b"\x7fELF"
        assert not os.path.samefile(wire, real)


class TestTheHostIsSafe:
    @pytest.mark.parametrize("node", NODES)
    def test_device_nodes(self, box: Box, node: str) -> None:
        """chmod, unlink, rename and replacing of a device node all fail; the fixture looks at the host's."""
        for words in (
            ("chmod", f"/dev/{node}"),
            ("unlink", f"/dev/{node}"),
            ("rename", f"/dev/{node}", "/dev/x"),
            ("replace", f"/dev/{node}"),
        ):
            assert box.do(*words).exit in (errno.EPERM, errno.EACCES, errno.EBUSY, errno.EROFS, errno.EEXIST), words
        assert box.run(["sh", "-c", "echo x > /dev/null; head -c 1 /dev/zero | wc -c"]).exit == 0

    def test_no_device_node_can_be_made(self, box: Box) -> None:
        """Not even in the work folder."""
        assert box.do("mknod", "/cell/tmp/null").exit == errno.EPERM

    def test_in_a_user_namespace_of_its_own_neither(self, box: Box) -> None:
        """Root in a nested user namespace cannot lift a mask, remount the root or harm a node."""
        script = (
            "umount /root && echo lifted; mount -o remount,rw / && echo remounted; umount -l /usr && echo unmounted;"
            "chmod 755 /dev/null && echo harmed; mount -o remount,bind,rw /usr && echo rw; touch /usr/x && echo wrote"
        )
        box.run(["unshare", "-Urm", "sh", "-c", script])
        done = {"lifted", "remounted", "unmounted", "harmed", "rw", "wrote"}
        assert not done & set(box.said.splitlines()), box.said
        assert "Operation not permitted" in box.said  # it did try

    def test_files_of_the_host(self, box: Box, tmp_path: Path) -> None:
        """What lies in a home or is another's is not there or not readable."""
        for path in ("/root/.bashrc", "/root/.ssh", "/etc/shadow", str(tmp_path)):
            assert box.do("read", path).exit in (errno.ENOENT, errno.EACCES), path

    def test_root_cannot_be_had_back(self, box: Box) -> None:
        """setuid(0) fails, setuid programs do not raise, and a setuid file made inside is nobody's root."""
        assert box.do("setuid").exit in (errno.EPERM, errno.EINVAL)  # EINVAL: there is no such user in there
        script = "cp /usr/bin/id /cell/tmp/id && chmod u+s /cell/tmp/id && /cell/tmp/id -u; setpriv --reuid 0 id -u"
        box.run(["sh", "-c", script])
        assert box.said.splitlines()[0] == str(SANDBOX_UID)
        assert "\n0\n" not in f"\n{box.said}"

    def test_the_hosts_processes(self, box: Box) -> None:
        """They cannot be named, and the guard, which can, is neither killed nor traced."""
        with subprocess.Popen(["sleep", "60"]) as host:
            for what in ("ptrace", "kill"):
                assert box.do(what, str(host.pid)).exit == errno.ESRCH
            assert host.poll() is None
            host.kill()
        assert box.do("ptrace", "1").exit == errno.EPERM
        assert box.do("kill", "1").exit in (0, errno.EPERM)
        assert box.do("kill", "-1").exit in (errno.EPERM, errno.ESRCH)

    def test_no_network(self, box: Box) -> None:
        """Neither outside, nor a server of the host's on loopback or an abstract socket; the loopback inside works."""
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind("\0" + box.token)
            abstract.listen()
            port = server.getsockname()[1]
            assert box.do("connect", "127.0.0.1", str(port)).exit == errno.ECONNREFUSED
            assert box.run([box.attack, "abstract", box.token]).exit == errno.ECONNREFUSED
        assert box.do("connect", "192.0.2.1", "80").exit == errno.ENETUNREACH
        assert box.do("loopback").exit == 0

    def test_a_link_as_stdout_is_not_followed(self, box: Box, tmp_path: Path) -> None:
        """A candidate that leaves a link where our own output will go does not make us write elsewhere."""
        victim = tmp_path / "victim"
        victim.write_text("precious")
        (box.work / "tmp/out").symlink_to(victim)
        assert box.run(["echo", "hello"], stdout=box.work / "tmp/out").exit == 0
        assert victim.read_text() == "precious"
        assert (box.work / "tmp/out").read_text() == "hello\n"
        (box.work / "build/sub").symlink_to(tmp_path)
        with pytest.raises(ValueError, match="leads out"):
            box.run(["true"], stdout=box.work / "build/sub/victim")

    @needs_root
    def test_adopting_does_not_follow_links(self, box: Box, tmp_path: Path) -> None:
        """Handing a tree over hands over the link, not the file it names."""
        victim = tmp_path / "victim"
        victim.write_text("")
        (box.work / "src/link").symlink_to(victim)
        (box.work / "src/sub").mkdir()
        (box.work / "src/sub/file").write_text("")
        box.sandbox.adopt(box.work / "src")
        assert victim.stat().st_uid == 0
        assert (box.work / "src/link").lstat().st_uid == SANDBOX_UID
        assert (box.work / "src/sub/file").stat().st_uid == SANDBOX_UID


class TestNothingSurvives:
    def test_a_daemon(self, any_box: Box) -> None:
        """Forked twice, in its own session, deaf to every signal, all descriptors closed: gone with the command."""
        done = any_box.do("daemon")
        assert done.exit == 0
        assert any_box.survivors() == []

    def test_a_program_deaf_to_sigterm(self, any_box: Box) -> None:
        """The time limit ends it."""
        done = any_box.do("ignore-term", limits=replace(SMALL, seconds=0.5))
        assert (done.stopped, done.exit, done.signal) == (Reason.STEP_TIMEOUT, None, None)
        assert 0.5 <= done.usage.seconds < 3
        assert any_box.survivors() == []

    def test_a_fork_bomb(self, any_box: Box) -> None:
        """It is held at the limit of processes, and all of it ends."""
        done = any_box.do("fork-bomb", limits=replace(SMALL, seconds=1, processes=40))
        assert done.stopped == Reason.STEP_TIMEOUT
        assert any_box.survivors() == []

    def test_the_number_of_processes(self, any_box: Box) -> None:
        """No more than asked for exist at once."""
        any_box.do("fork-count", limits=replace(SMALL, processes=40))
        assert 20 <= int(any_box.said) <= 40
        assert any_box.survivors() == []

    @needs_root
    def test_without_a_cgroup(self, any_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root without a writable cgroup: resource limits stand in."""
        monkeypatch.setattr("verifiers.cgroup.find_parents", Parents)
        any_box.do("fork-count", limits=replace(SMALL, processes=40))
        assert 20 <= int(any_box.said) <= 40
        assert any_box.do("daemon").exit == 0
        assert any_box.do("eat", "400").exit == 4
        assert any_box.survivors() == []

    @pytest.mark.parametrize("name", ["bubblewrap", "none"])
    @pytest.mark.parametrize("words", [("hold",), ("daemon",), ("ignore-term",)])
    def test_when_the_parent_is_killed(self, name: str, words: tuple[str], open_folder: Path, attacks: Path) -> None:
        """kill -9 of the Python that runs it: everything ends with it."""
        token = make_box(name, open_folder / "work", attacks).token
        extra = ("orphan-burn", "5") if words == ("daemon",) else words
        parent = start_parent(name, open_folder / "work", attacks, *extra, token)
        assert wait_until(lambda: attacking(token))
        parent.kill()
        parent.communicate()
        assert wait_until(lambda: survivors(token) == [], 5)

    def test_stale_groups_go_with_the_next_run(self, box: Box, open_folder: Path, attacks: Path) -> None:
        """A killed run's cgroup is removed by the next one; a run leaves none of its own."""

        def groups() -> set[str]:
            return {str(path) for folder in find_parents().folders for path in folder.glob("ccverify-*")}

        parent = start_parent("bubblewrap", open_folder / "work", attacks, "hold", box.token)
        assert wait_until(lambda: attacking(box.token))
        mine = {path for path in groups() if f"-{parent.pid}-" in path}
        assert bool(mine) == bool(find_parents().folders)
        parent.kill()
        parent.communicate()
        assert wait_until(lambda: survivors(box.token) == [], 5)
        box.do("exit", "0")
        assert not {path for path in groups() if f"-{parent.pid}-" in path or f"-{os.getpid()}-" in path}


class TestMemory:
    def test_of_one_process(self, box: Box) -> None:
        """More than the limit is not to be had: killed and noted in a cgroup, refused without one."""
        done = box.do("eat", "400")
        if find_parents().memory:
            assert done.signal == 9
            assert done.oom_kills >= 1
            assert done.detail.startswith("memory: 1 process killed at the limit of 256 MiB")
            assert done.stopped is None
        else:
            assert (done.exit, box.said) == (4, "refused\n")

    @pytest.mark.skipif(not find_parents().memory, reason="needs a memory cgroup")
    def test_of_the_whole_tree(self, box: Box) -> None:
        """Twelve processes of 32 MiB each are too much together."""
        assert box.do("eat-in-children", "12").oom_kills >= 1

    def test_within_the_limit(self, box: Box) -> None:
        """Nothing is noted."""
        done = box.do("eat", "100")
        assert (done.exit, done.detail, done.oom_kills) == (0, "", 0)


class TestWhereThereIsNone:
    def test_bwrap_missing(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line, with both ways on."""
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(SandboxMissing) as raised:
            box.do("exit", "0")
        assert raised.value.reason == Reason.SANDBOX
        assert "apt install bubblewrap" in str(raised.value)
        assert "--sandbox none" in str(raised.value)

    def test_namespaces_forbidden(self, open_folder: Path, attacks: Path) -> None:
        """A machine that gives no user namespaces: one line, no traceback of bwrap's making, exit code 3."""
        python, path = python_for_others()
        parent = [python, "-c", PARENT_ERROR, str(open_folder / "work")]
        inside = 'echo 0 > /proc/sys/user/max_user_namespaces || exit 77; exec "$@"'
        command = ["unshare", "-Ur", "sh", "-c", inside, "sh", *parent]
        if ROOT:
            open_folder.chmod(0o777)
            command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
        env = {**os.environ, "HOME": str(open_folder), "PYTHONPATH": path}
        ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=env)
        if ran.returncode == 77 or "Permission denied: '" in ran.stderr:
            pytest.skip("cannot forbid namespaces here, or Python is not an ordinary user's to run")
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith("sandbox the sandbox cannot be had here: bwrap: ")
        assert "--sandbox none" in ran.stdout
        assert ran.stdout.count("\n") == 1

    def test_unknown_name(self, tmp_path: Path) -> None:
        """A usage error that names the two."""
        with pytest.raises(UnknownSandbox, match="bubblewrap, none"):
            sandbox_for("docker", tmp_path)


PARENT_ERROR = """
import io, sys
from pathlib import Path
from verifiers.errors import InfrastructureError
from verifiers.limits import Limits
from verifiers.sandbox import Bubblewrap
try:
    Bubblewrap(Path(sys.argv[1])).run(["true"], cwd="/cell", env={}, log=io.BytesIO(), limits=Limits())
except InfrastructureError as error:
    print(error.reason, error)
"""


class TestNoSandbox:
    @needs_root
    def test_is_not_root_either(self, open_folder: Path, attacks: Path) -> None:
        """Without walls, but still as the unprivileged user."""
        bare = make_box("none", open_folder / "work", attacks)
        bare.run(["sh", "-c", "id -u; echo x > new; grep NoNewPrivs /proc/self/status"])
        assert bare.said.split() == [str(SANDBOX_UID), "NoNewPrivs:", "1"]

    @needs_root
    def test_a_closed_folder_is_refused(self, tmp_path: Path, attacks: Path) -> None:
        """The unprivileged user could not get there, and the line says what to do."""
        with pytest.raises(Unreachable, match="--state DIR"):
            make_box("none", tmp_path / "work", attacks).do("exit", "0")

    def test_names_and_folders(self, open_folder: Path) -> None:
        """Both are known by name; inside, one is at a fixed path and the other where it is."""
        assert Bubblewrap(open_folder / "a").inside == "/cell"
        assert NoSandbox(open_folder / "b").inside == str(open_folder / "b")
        assert sorted(path.name for path in (open_folder / "b").iterdir()) == ["build", "home", "src", "tmp"]


@needs_root
def test_all_of_it_as_an_ordinary_user() -> None:
    """The same tests by a user without root or a cgroup: plain unprivileged bubblewrap."""
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    folder = Path("/tmp") / f"ccverify-ordinary-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    python, path = python_for_others()
    env = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder), "PYTHONPATH": path}
    env["TMPDIR"] = str(folder)
    here = Path(__file__).parent
    try:
        options = ["-q", "-p", "no:cacheprovider", f"--basetemp={folder}/pytest", f"--rootdir={REPOSITORY}"]
        files = [str(here / "test_sandbox.py"), str(here / "test_process.py")]
        command = [*user, python, "-B", "-m", "pytest", *options, *files]
        ran = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout[-6000:]
        assert " passed" in ran.stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert stat.S_IMODE(os.stat("/dev/null").st_mode) == 0o666
