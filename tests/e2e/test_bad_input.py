"""What users get wrong and what machines do to them: one clear line, the right exit code, nothing half-written."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import ClassVar

import pytest

from tests.e2e import fake
from tests.e2e.conftest import Verify
from verifiers.results import Reason, VerdictKind


def one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert exit code 2 and one line that says all of ``parts``."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("verify: ")
    for part in parts:
        assert part in lines[0]


class TestNames:
    """Unknown names suggest the nearest one."""

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            (["--project", "sqlit"], ["sqlit", "did you mean sqlite?"]),
            (["--project", "sqlite@3.40.2"], ["3.40.2", "did you mean 3.40.1?"]),
            (["--project", "sqlite", "--arch", "x86-64"], ["x86-64", "did you mean x86_64?"]),
            (["--project", "sqlite", "--cc", "clnag"], ["clnag", "did you mean clang?"]),
            (["--project", "sqlite", "--depth", "smok"], ["smok", "did you mean smoke?"]),
            (["--projcet", "sqlite"], ["--projcet", "--project"]),
            (["lst"], ["lst", "list"]),
            (["--project", "sqlite", "--mix", "lots"], ["lots", "10%"]),
            (["--project", "sqlite", "--mix", "110%"], ["110%"]),
            (["--project", "sqlite", "--sandbox", "jail"], ["jail", "bubblewrap"]),
            (["--project", "sqlite", "--case", "\udcff"], [r"\udcff", "UTF-8"]),
            ([], ["--project"]),
            (["--resume"], ["nothing to resume"]),
            (["show", "sqlite"], ["no finished cell"]),
            (["--seed", "3", "show", "sqlite"], ["verify --seed … show", "behind the subcommand"]),
            (["compare", "previous", "--cases", "-1"], ["--cases", "greater"]),
            (["--project", "sqlite", "--jobs", "0"], ["--jobs", "greater"]),
        ],
    )
    def test_unknown(self, verify: Verify, arguments: list[str], parts: list[str]) -> None:
        """One line, exit code 2, the nearest name."""
        one_line(verify.run(*arguments), *parts)


class TestCompilers:
    """A candidate that is none."""

    def test_missing(self, verify: Verify) -> None:
        """Nothing stands at the path."""
        one_line(verify.run("--project", "sqlite", "--cc", "/nowhere/mycc"), "/nowhere/mycc")

    def test_directory(self, verify: Verify) -> None:
        """A folder is no compiler."""
        one_line(verify.run("--project", "sqlite", "--cc", str(verify.folder)), "directory")

    def test_not_executable(self, verify: Verify) -> None:
        """A file without the x bit."""
        path = verify.folder / "mycc"
        path.write_text("#!/bin/sh\n")
        one_line(verify.run("--project", "sqlite", "--cc", str(path)), "executable")

    def test_wrong_architecture(self, verify: Verify) -> None:
        """A program for another machine."""
        path = verify.folder / "mycc"
        program = bytearray(Path("/bin/true").read_bytes())
        program[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
        path.write_bytes(program)
        path.chmod(0o755)
        one_line(verify.run("--project", "sqlite", "--cc", str(path)), "AArch64")

    def test_not_utf8(self, verify: Verify) -> None:
        """No result could name it."""
        one_line(verify.run("--project", "sqlite", "--cc", "/tmp/my\udcffcc"), "UTF-8")

    def test_one_that_does_not_start_harms_no_other(self, verify: Verify) -> None:
        """In a matrix it is its own cell's error."""
        script = 'folder=/nowhere; exec $folder/mycc "$@"'
        arguments = ["--cc", verify.compiler(script), "--cc", "gcc"]
        done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), *arguments)
        assert done.returncode == 3, done.stderr
        red, green, total = done.stdout.splitlines()
        assert red.startswith("ERROR tally@1.0") and "cannot be started inside the sandbox" in red
        assert green.startswith("pass tally@1.0")
        assert total.startswith("2 cells: 1 pass, 0 fail, 1 error")


class TestConfiguration:
    """verify.toml."""

    def test_malformed(self, verify: Verify) -> None:
        """The line that is no TOML."""
        verify.config = "[limits\n"
        one_line(verify.run("--project", "sqlite"), "verify.toml:1")

    def test_unknown_key(self, verify: Verify) -> None:
        """The nearest key."""
        verify.config = "\n[limits]\nstep_second = 3\n"
        one_line(verify.run("--project", "sqlite"), "verify.toml:3", "step_seconds")


def hostile(name: str, **fields: object) -> bytes:
    """A tarball with one bad member."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO())
    return raw.getvalue()


class TestSources:
    """Archives."""

    def test_wrong_hash(self, verify: Verify) -> None:
        """It is never used nor kept."""
        verify.sha256 = "0" * 64
        cell, code = verify.cell("--cc", "gcc")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.CHECKSUM, 3)
        assert not list((verify.folder / "state" / "sources").rglob("*.gz*"))

    def test_truncated(self, verify: Verify) -> None:
        """A download that ends early is no archive."""
        plugin = verify.plugin()
        whole = (verify.served / "tally-1.0.tar.gz").read_bytes()
        (verify.served / "tally-1.0.tar.gz").write_bytes(whole[:-100])
        done = verify.run("--project", "tally", "--plugin", str(plugin), "--cc", "gcc")
        assert done.returncode == 3
        assert done.stdout.startswith("ERROR tally@1.0")
        assert "download" in done.stdout or "checksum" in done.stdout

    def test_offline(self, verify: Verify) -> None:
        """Nothing is fetched, and the line says so."""
        cell, code = verify.cell("--cc", "gcc", "--offline")
        assert (cell.verdict.reason, code) == (Reason.DOWNLOAD, 3)
        assert "--offline" in cell.verdict.message

    @pytest.mark.parametrize(
        "data",
        [
            hostile("../../escaped"),
            hostile("/etc/escaped"),
            hostile("tally/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            hostile("tally/link", type=tarfile.SYMTYPE, linkname="../../../outside"),
        ],
    )
    def test_hostile_archive(self, verify: Verify, data: bytes) -> None:
        """Names and links that leave the work folder."""
        (verify.served / "tally-1.0.tar.gz").write_bytes(data)
        plugin = fake.write_plugin(verify.folder, f"{verify.url}/tally-1.0.tar.gz", data)
        done = verify.run("--project", "tally", "--plugin", str(plugin), "--cc", "gcc")
        assert done.returncode == 3
        assert "archive" in done.stdout.splitlines()[0], done.stdout
        assert not Path("/etc/escaped").exists()


class TestStateFolder:
    """The disk."""

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs")
    @pytest.mark.parametrize("mib", [1, 40, 60])
    def test_full_disk(self, verify: Verify, mib: int) -> None:
        """A full disk is our side's failure, whether it is so from the start or a build fills it."""
        makefile = (fake.TREE / "Makefile.in").read_text()
        verify.changes = {
            "Makefile.in": makefile.replace("all: tally", "all: tally\n\thead -c 80000000 /dev/zero > big")
        }
        small = verify.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", small], check=True)
        verify.state = small
        try:
            done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "gcc")
        finally:
            subprocess.run(["umount", "-l", small], check=True)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "pass" not in done.stdout.replace("0 pass", "")
        assert "space" in done.stdout + done.stderr

    def test_doctor_leaves_what_resume_goes_on_with(self, verify: Verify) -> None:
        """It is no run."""
        cut = verify.folder / "state" / "work" / "abc" / "cut.json"
        cut.parent.mkdir(parents=True)
        cut.write_text("{}")
        assert "sandbox" in verify.run("doctor", "--project", "sqlite").stdout
        assert cut.exists()

    def test_not_a_folder(self, verify: Verify) -> None:
        """The state folder's place is taken by a file."""
        verify.state = verify.folder / "file"
        verify.state.write_text("")
        done = verify.run("--project", "sqlite", "--cc", "gcc")
        assert done.returncode == 3
        assert done.stderr.startswith("verify: cannot write to")
        assert len(done.stderr.splitlines()) == 1

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs")
    def test_read_only(self, verify: Verify) -> None:
        """A folder on a read-only file system."""
        small = verify.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", small], check=True)
        verify.state = small
        try:
            done = verify.run("--project", "sqlite", "--cc", "gcc")
        finally:
            subprocess.run(["umount", small], check=True)
        assert done.returncode == 3
        assert "--state" in done.stderr
        assert len(done.stderr.splitlines()) == 1


class TestMixFiles:
    """--mix-files."""

    def test_no_pattern(self, verify: Verify) -> None:
        """An empty list is no mix, and must not silently stand for none at all."""
        (verify.folder / "units").write_text("# none\n\n")
        one_line(verify.run("--project", "sqlite", "--mix-files", str(verify.folder / "units")), "names no unit")


def wait_for(path: Path, pattern: str, seconds: float = 300) -> None:
    """Wait until a file that matches exists."""
    end = time.monotonic() + seconds
    while not list(path.glob(pattern)):
        assert time.monotonic() < end, f"no {pattern}"
        time.sleep(0.02)


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name the folder or stand in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is somebody else's
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if str(folder) in command or (process / "cwd").resolve().is_relative_to(folder):
                found.append(command)
    return found


class TestInterruption:
    """Ctrl-C and kill -9 in every step, then --resume."""

    SLOW: ClassVar = {
        "configure": {"configure": "#!/bin/sh\nsleep 2\n" + (fake.TREE / "configure").read_text().split("\n", 1)[1]},
        "build": {
            "Makefile.in": (fake.TREE / "Makefile.in")
            .read_text()
            .replace("\t$(CC) -o tally $(OBJECTS)", "\tsleep 2\n\t$(CC) -o tally $(OBJECTS)")
        },
        "test": {
            "main.c": (fake.TREE / "main.c")
            .read_text()
            .replace('printf("1..5', 'sleep(2); printf("1..5')
            .replace("#include <stdio.h>", "#include <stdio.h>\n#include <unistd.h>")
        },
    }

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    @pytest.mark.parametrize("step", SLOW)
    def test_resume(self, verify: Verify, step: str, how: signal.Signals) -> None:
        """The run leaves no process, no verdict and no half-built tree; the next one goes on."""
        verify.changes = self.SLOW[step]
        plugin = str(verify.plugin())
        process = verify.start("--project", "tally", "--plugin", plugin, "--cc", "clang")
        wait_for(verify.folder / "state" / "logs", f"*/*/oracle-{step}*.log")
        time.sleep(0.3)
        process.send_signal(how)
        out, err = process.communicate(timeout=300)
        assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL), err
        assert "Traceback" not in err
        assert "pass tally" not in out
        work = verify.folder / "state" / "work"
        time.sleep(0.5)
        assert not processes_of(work)
        done = verify.run("--resume")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("pass tally@1.0 x86_64 clang")
        assert [path for path in work.iterdir() if path.is_dir()] == []

    @pytest.mark.parametrize("missing", ["calibrate.o", "calibrate.out"])
    def test_while_a_compiler_is_asked_what_it_is(self, verify: Verify, missing: str) -> None:
        """Nothing was learned of it: neither that it cannot be started, nor that it links no hello world."""
        cc = verify.compiler(f'[ -e calibrate.c ] && [ ! -e {missing} ] && sleep 3\nexec gcc "$@"')
        asked = ("--project", "tally", "--plugin", str(verify.plugin()), "--cc", cc, "--cc", "tcc", "--jobs", "1")
        process = verify.start(*asked)
        wait_for(verify.folder / "state" / "work", f"*/cell/home/calibrate.{'c' if missing.endswith('.o') else 'o'}")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        done = verify.run("--resume", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "hello world" not in done.stdout

    def test_a_run_that_is_still_at_work(self, verify: Verify) -> None:
        """It is not taken away from the process that runs it."""
        verify.changes = self.SLOW["build"]
        process = verify.start("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang")
        wait_for(verify.folder / "state" / "logs", "*/*/oracle-build.log")
        one_line(verify.run("--resume"), "still at work")
        process.communicate(timeout=300)
        assert process.returncode == 0

    def test_a_run_that_still_chooses_its_cells(self, verify: Verify) -> None:
        """It is at work as well: two processes would write the same logs, and read each other's."""
        asked = verify.folder / "asked"
        verify.body = f"""
            def skip(self, arch, depth, version):
                import pathlib, time
                path = pathlib.Path({str(asked)!r})
                if path.exists() and not path.read_text():
                    path.write_text("chooses")
                    while path.read_text() == "chooses":
                        time.sleep(0.1)
                path.touch()
                return ""

            Tally.skip = skip
        """
        process = verify.start("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang")
        wait_for(verify.folder, "asked")
        while not asked.read_text():
            time.sleep(0.05)
        try:
            one_line(verify.run("--resume"), "still at work")
        finally:
            asked.write_text("go on")
            process.communicate(timeout=300)
        assert process.returncode == 0

    def test_an_error_of_ours_is_not_kept(self, verify: Verify) -> None:
        """What stood in the way may be gone: that cell is run again, too."""
        full = verify.folder / "full"
        full.touch()
        verify.changes = self.SLOW["build"]
        verify.body = f"""
            ours = Tally.configure

            def configure(self, work):
                import pathlib
                mine = work.label == "candidate" and work.compiler.name.startswith("gcc")
                if mine and pathlib.Path({str(full)!r}).exists():
                    raise OSError("no room")
                ours(self, work)

            Tally.configure = configure
        """
        asked = ("--plugin", str(verify.plugin()), "--cc", "gcc", "--cc", "clang", "--jobs", "1")
        process = verify.start("--project", "tally", *asked)
        wait_for(verify.folder / "state" / "logs", "*/*clang*/candidate-build.log")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
        assert "ERROR tally@1.0 x86_64 gcc" in out
        full.unlink()
        done = verify.run("--resume")
        assert done.returncode == 0, done.stdout + done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["pass", "pass"]

    def test_a_compiler_changed_before_resume(self, verify: Verify) -> None:
        """A cell that was finished with another compiler is run again."""
        verify.changes = self.SLOW["build"]
        cc = verify.compiler('exec gcc "$@"')
        asked = ("--project", "tally", "--plugin", str(verify.plugin()), "--cc", cc, "--cc", "clang", "--jobs", "1")
        process = verify.start(*asked)
        wait_for(verify.folder / "state" / "logs", "*/*clang*/candidate-build.log")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
        verify.compiler(
            'for word in "$@"; do shift; case $word in -D*) ;; *) set -- "$@" "$word";; esac; done\nexec gcc "$@"'
        )
        done = verify.run("--resume")
        assert done.returncode == 1, done.stdout
        assert done.stdout.splitlines()[0].startswith("FAIL tally@1.0 x86_64 mycc")


class TestCache:
    """The second time."""

    def test_second_run_is_answered_from_the_cache(self, verify: Verify) -> None:
        """It says so, and --fresh runs again."""
        first, _ = verify.cell("--cc", "clang")
        second, code = verify.cell("--cc", "clang")
        assert (first.cached, second.cached, code) == (False, True, 0)
        assert second.verdict == first.verdict
        fresh, _ = verify.cell("--cc", "clang", "--fresh")
        assert not fresh.cached
        said = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang").stdout
        assert said.startswith("pass tally@1.0 ") and "(cached)" in said

    def test_a_changed_compiler_is_run_again(self, verify: Verify) -> None:
        """Also one of the same name and size."""
        cc = verify.compiler('exec gcc -O1 "$@"')
        verify.cell("--cc", cc)
        verify.compiler('exec gcc -O2 "$@"')
        again, _ = verify.cell("--cc", cc)
        assert not again.cached

    def test_what_a_compiler_is_under_other_limits(self, verify: Verify) -> None:
        """What it showed with too little memory to compile anything is not held against it later."""
        cc = verify.compiler('perl -e \'$x = "x" x 90_000_000\' || exit 1\nexec gcc "$@"')
        config, verify.config = verify.config, verify.config.replace("512 MiB", "64 MiB")
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.FAIL, 1), cell.verdict
        verify.config = config
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict

    def test_a_torn_baseline_is_not_trusted(self, verify: Verify) -> None:
        """The oracle simply runs again."""
        verify.cell("--cc", "clang")
        (kept,) = (verify.folder / "state" / "baselines").glob("*.json.gz")
        kept.write_bytes(kept.read_bytes()[:100])
        cell, code = verify.cell("--cc", "tcc")
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0)


class TestReproduce:
    """reproduce.sh."""

    def test_does_the_same_by_hand(self, verify: Verify) -> None:
        """The script alone builds the project with the candidate and shows the failing case."""
        script = 'for word in "$@"; do shift; case $word in -D*) ;; *) set -- "$@" "$word";; esac; done\nexec gcc "$@"'
        cell, _ = verify.cell("--cc", verify.compiler(script))
        assert cell.verdict.reason is Reason.WRONG_RESULT
        path = verify.folder / "state" / cell.folder / "reproduce.sh"
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        place = verify.folder / "by-hand"
        place.mkdir()
        place.chmod(0o777)
        done = subprocess.run(["sh", str(path), str(place)], capture_output=True, text=True, cwd="/", **user)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        assert "not ok 1 - scaled" in done.stdout


class TestShow:
    """verify show."""

    def test_a_finished_cell(self, verify: Verify) -> None:
        """Steps, reason, failing case, log and how to repeat it."""
        verify.cell(
            "--cc",
            verify.compiler(
                'for word in "$@"; do shift; case $word in -D*) ;; *) set -- "$@" "$word";; esac; done\nexec gcc "$@"'
            ),
        )
        done = verify.run("show", "tally")
        assert done.returncode == 0
        for part in (
            "wrong-result",
            "check/scaled",
            "candidate-test.log",
            "reproduce.sh",
            "red again in a fresh folder",
        ):
            assert part in done.stdout
