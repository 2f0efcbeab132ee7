"""The launcher ./verify: what it costs and runs once prepared, and (slow: real installations) how it prepares."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOW = "import os, sys\ndef main() -> None:\n    print(sys.argv[1:], os.getcwd())\n    sys.exit(len(sys.argv) - 1)\n"
PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.18"]
build-backend = "hatchling.build"
[project]
name = "ccverify"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = []
[project.optional-dependencies]
dev = ["iniconfig"]
[project.scripts]
verify = "verifiers.cli:main"
[tool.hatch.build.targets.wheel]
packages = ["verifiers"]
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with this launcher and a program that shows its arguments; its path has a space."""
    root = tmp_path / "a checkout"
    (root / "verifiers/cli").mkdir(parents=True)
    shutil.copy(ROOT / "verify", root)
    shutil.copy(ROOT / "verifiers/bootstrap.py", root / "verifiers")
    (root / "verifiers/__init__.py").touch()
    (root / "verifiers/cli/__init__.py").write_text(SHOW)
    (root / "pyproject.toml").write_text(PYPROJECT)
    return root


@pytest.fixture
def prepared(checkout: Path) -> Path:
    """The same with an environment that looks complete, although nothing was installed."""
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(sys.executable)
    (venv / "bin/verify").write_text(f"import sys; sys.path.insert(0, {str(checkout)!r})\n{SHOW}main()\n")
    (venv / "ccverify-at").write_text(f"{checkout}\n")
    shutil.copy(checkout / "pyproject.toml", venv / "ccverify-pyproject.toml")
    return checkout


def environment(root: Path, **changes: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CCVERIFY_", "PYTHON"))}
    return plain | {"XDG_CACHE_HOME": str(root.parent / "cache")} | changes


def run(root: Path, *arguments: str, cwd: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [str(root / "verify"), *arguments]
    return subprocess.run(
        command, cwd=cwd or root.parent, env=environment(root, **changes), capture_output=True, text=True
    )


class TestPrepared:
    def test_passes_arguments_and_status_on(self, prepared: Path) -> None:
        """Arguments, working folder and exit status are the program's own; the launcher says nothing."""
        done = run(prepared, "a b", "", "*")
        assert done.stdout == f"['a b', '', '*'] {prepared.parent}\n"
        assert (done.returncode, done.stderr) == (3, "")

    def test_through_links(self, prepared: Path) -> None:
        """It finds its checkout through absolute and relative links, and as `sh verify`."""
        (prepared.parent / "one").symlink_to(prepared / "verify")
        (prepared.parent / "two").symlink_to("one")
        for command, cwd in (
            (["./two"], prepared.parent),
            (["sh", "two"], prepared.parent),
            (["sh", "verify"], prepared),
        ):
            done = subprocess.run(command, cwd=cwd, env=environment(prepared), capture_output=True, text=True)
            assert (done.stdout, done.stderr) == (f"[] {cwd}\n", "")

    def test_files_beside_the_user_are_not_imported(self, prepared: Path) -> None:
        """Modules in the folder where the user stands, or on PYTHONPATH, have no part in it."""
        (prepared.parent / "verifiers.py").write_text("raise SystemExit('hijacked')")
        (prepared.parent / "os.py").write_text("raise SystemExit('hijacked')")
        assert run(prepared).returncode == 0
        assert run(prepared, PYTHONPATH=str(prepared.parent), PYTHONHOME="/nonexistent").returncode == 0

    def test_prepare_prints_the_path(self, prepared: Path) -> None:
        """CCVERIFY_PREPARE=base prints where the environment is and runs nothing."""
        done = run(prepared, "x", CCVERIFY_PREPARE="base")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{prepared}/.venv\n", "")

    @pytest.mark.parametrize("spoil", ["pyproject.toml", ".venv/ccverify-at", ".venv/bin/python"])
    def test_stale_is_not_run(self, prepared: Path, spoil: str) -> None:
        """Another pyproject.toml, another place, a Python that is gone: then it is not run as it is."""
        (prepared / spoil).unlink()
        (prepared / spoil).write_text("changed")
        done = run(prepared, CCVERIFY_PYTHON="/bin/false")
        assert done.returncode == 3
        assert done.stdout == ""


class TestPython:
    def test_unsuitable_choice(self, checkout: Path) -> None:
        """A CCVERIFY_PYTHON that will not do is one line and status 3."""
        done = run(checkout, CCVERIFY_PYTHON="/bin/false")
        assert done.returncode == 3
        assert done.stderr.startswith("verify: CCVERIFY_PYTHON=/bin/false is not a Python 3.11 or later")
        assert done.stderr.count("\n") == 1

    @pytest.mark.root
    @pytest.mark.parametrize("root", [True, False])
    def test_without_ensurepip(self, checkout: Path, root: bool) -> None:
        """Where Debian's python3-venv is missing, root has it installed; others are told the line."""
        bwrap = shutil.which("bwrap")
        library = "/usr/lib/python3.11/ensurepip"
        if not bwrap or not Path(library).is_dir() or os.geteuid() != 0:
            pytest.skip("needs root, bubblewrap and Debian 12's Python")
        tools = checkout.parent / "tools"
        tools.mkdir()
        (tools / "apt-get").write_text('#!/bin/sh\necho "$*" >>"${0%/*}/calls"\necho "E: no network"\nexit 100\n')
        (tools / "apt-get").chmod(0o755)
        shutil.copytree(checkout, checkout.parent / "copy")
        # Only Debian's Python, and that without its ensurepip.
        box = [
            bwrap,
            "--ro-bind",
            "/",
            "/",
            "--tmpfs",
            library,
            "--bind",
            str(checkout.parent),
            "/srv",
            "--dev",
            "/dev",
        ]
        who = [] if root else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        (checkout.parent).chmod(0o755)
        done = subprocess.run(
            [*box, *who, "/srv/copy/verify"],
            env={"PATH": "/srv/tools:/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
        )
        line = "apt-get install -y --no-install-recommends python3-venv"
        assert done.returncode == 3
        if root:
            assert done.stderr.splitlines() == [
                "verify: installing Debian packages: python3-venv",
                f"verify: apt-get could not install python3-venv: no network; try by hand: {line}",
            ]
            assert [call.split()[-1] for call in (tools / "calls").read_text().splitlines()][1] == "update"
        else:
            assert done.stderr.endswith(f"with: sudo {line}\n")
            assert not (tools / "calls").exists()


@pytest.mark.slow
class TestPrepares:
    """Real environments, with real downloads of the build backend."""

    def test_first_use(self, checkout: Path) -> None:
        """The first use says in one line what it does; the second only runs; a changed pyproject is installed."""
        first = run(checkout, "x")
        assert (first.stdout, first.returncode) == (f"['x'] {checkout.parent}\n", 1)
        assert first.stderr.count("\n") == 1
        assert run(checkout).stderr == ""
        with (checkout / "pyproject.toml").open("a") as file:
            file.write("# changed\n")
        changed = run(checkout)
        assert "bringing its Python environment up to date" in changed.stderr
        assert run(checkout).stderr == ""
        dev = run(checkout, CCVERIFY_PREPARE="dev")
        assert dev.stdout == f"{checkout}/.venv\n"
        assert subprocess.run([checkout / ".venv/bin/python", "-c", "import iniconfig"]).returncode == 0
        assert run(checkout, CCVERIFY_PREPARE="dev").stderr == ""

    def test_two_at_once(self, checkout: Path) -> None:
        """Of two first uses at the same time one prepares, the other waits; both run."""
        command = [str(checkout / "verify")]
        both = [
            subprocess.Popen(
                command, cwd="/", env=environment(checkout), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        said = [process.communicate() for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert sum("making its Python environment" in err for _, err in said) == 1

    @pytest.mark.parametrize("seconds", [0.5, 3, 6])
    def test_killed_first_use(self, checkout: Path, seconds: float) -> None:
        """kill -9 of all of it, at any time: the next use repairs it."""
        process = subprocess.Popen(
            [str(checkout / "verify")],
            env=environment(checkout),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        done = run(checkout)
        assert (done.returncode, done.stdout) == (0, f"[] {checkout.parent}\n")

    def test_moved_checkout(self, checkout: Path) -> None:
        """A checkout that was moved makes its environment anew instead of running the old place's code."""
        run(checkout)
        moved = checkout.rename(checkout.parent / "moved")
        (moved / "verifiers/cli/__init__.py").write_text(SHOW.replace("print(", "print('moved', "))
        assert run(moved).stdout.startswith("moved ")

    def test_no_network(self, checkout: Path) -> None:
        """Without a package index: one line that says so, status 3, and the next use starts over."""
        dead = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_CACHE_DIR": "1"}
        done = run(checkout, **dead, PIP_RETRIES="0", PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="")
        assert done.returncode == 3
        assert "check the network" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert run(checkout).returncode == 0

    def test_somebody_elses_venv(self, checkout: Path) -> None:
        """A .venv that the user made for something else is not touched."""
        (checkout / ".venv").mkdir()
        (checkout / ".venv/pyvenv.cfg").write_text("mine")
        assert run(checkout).returncode == 0
        assert [path.name for path in (checkout / ".venv").iterdir()] == ["pyvenv.cfg"]
        assert run(checkout).stderr == ""

    @pytest.mark.root
    def test_read_only_checkout(self, checkout: Path) -> None:
        """A checkout that cannot be written gets its environment below XDG_CACHE_HOME, byte code included."""
        subprocess.run(["mount", "--bind", str(checkout), str(checkout)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", str(checkout)], check=True)
            assert run(checkout, "x").returncode == 1
            assert run(checkout).stderr == ""
            venv = run(checkout, CCVERIFY_PREPARE="base").stdout.strip()
            assert venv.startswith(str(checkout.parent / "cache/ccverify/venv-"))
            assert list(Path(f"{venv}.pycache").rglob("cli/*.pyc"))
        finally:
            subprocess.run(["umount", str(checkout)], check=True)
