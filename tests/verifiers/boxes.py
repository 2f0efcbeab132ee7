"""What the sandbox's tests share: the attacking program, a folder anybody can reach, and looking for survivors."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from verifiers.limits import Completed, Limits, Mount
from verifiers.sandbox import Sandbox, sandbox_for

MIB = 1 << 20
SMALL = Limits(seconds=20, memory=256 * MIB, processes=64, file=64 * MIB, disk=64 * MIB, log=MIB)
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="needs root")
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Box:
    """A sandbox, the attacking program in it, and a token by which its processes are found on the host."""

    sandbox: Sandbox
    work: Path
    attack: str
    mounts: tuple[Mount, ...]
    said: str = ""
    token: str = field(default_factory=lambda: f"token-{uuid.uuid4().hex}")

    def run(self, argv: Sequence[str], limits: Limits = SMALL, **more: object) -> Completed:
        log = io.BytesIO()
        options: dict[str, object] = {"cwd": self.sandbox.inside, "env": {}, "mounts": self.mounts, **more}
        done = self.sandbox.run(argv, log=log, limits=limits, **options)  # type: ignore[arg-type]
        self.said = log.getvalue().decode(errors="replace")
        return done

    def do(self, *words: str, limits: Limits = SMALL, **more: object) -> Completed:
        """Runs the attacking program. The token is its last argument."""
        return self.run([self.attack, *words, self.token], limits, **more)

    def survivors(self) -> list[list[str]]:
        return survivors(self.token)


def attacking(token: str) -> bool:
    """Whether the attacking program itself runs, and not only what starts it."""
    return any(command[0].endswith("attacks") for command in survivors(token))


def survivors(token: str) -> list[list[str]]:
    """The command lines of the host's processes that have the token on theirs, this one apart."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if token.encode() in command:
                found.append(command.decode(errors="replace").split("\0"))
    return found


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="session")
def attacks() -> Iterator[Path]:
    """The attacking program, in a folder that anybody can read."""
    folder = Path(tempfile.mkdtemp(prefix="ccverify-attacks-"))
    folder.chmod(0o755)
    binary = folder / "attacks"
    source = Path(__file__).with_name("attacks.c")
    subprocess.run(["gcc", "-O1", "-static", "-o", str(binary), str(source)], check=True)
    yield binary
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that an unprivileged user can get to, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="ccverify-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def make_box(name: str, work: Path, attacks: Path) -> Box:
    inside = "/ccverify-attacks" if name == "bubblewrap" else str(attacks)
    return Box(sandbox_for(name, work), work, inside, (Mount(attacks, inside),))


@pytest.fixture
def box(tmp_path: Path, attacks: Path) -> Box:
    """Bubblewrap over a fresh work folder, below pytest's folder of mode 0700."""
    return make_box("bubblewrap", tmp_path / "work", attacks)


@pytest.fixture(params=["bubblewrap", "none"])
def any_box(request: pytest.FixtureRequest, open_folder: Path, attacks: Path) -> Box:
    """Each kind of sandbox in turn."""
    return make_box(request.param, open_folder / "work", attacks)


PARENT = """
import io, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts in the background without one
from pathlib import Path
from verifiers.limits import Limits, Mount
from verifiers.sandbox import sandbox_for
name, work, attack, *words = sys.argv[1:]
inside = "/ccverify-attacks" if name == "bubblewrap" else attack
sandbox = sandbox_for(name, Path(work))
done = sandbox.run([inside, *words], cwd=sandbox.inside, env={}, log=io.BytesIO(), limits=Limits(seconds=60),
                   mounts=[Mount(Path(attack), inside)])
print(done.stopped, done.detail, flush=True)
"""


def python_for_others() -> tuple[str, str]:
    """A Python that an ordinary user can start, and what its PYTHONPATH needs to have this one's packages.

    As root, this one may lie below a closed home folder.
    """
    real = Path(sys.executable).resolve()
    if all(folder.stat().st_mode & 0o001 for folder in real.parents):
        return sys.executable, os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    system = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    if not system.exists():
        pytest.skip("this Python is not an ordinary user's to run")
    return str(system), os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")])


def start_parent(name: str, work: Path, attacks: Path, *words: str) -> subprocess.Popen[str]:
    """A Python of its own that runs the attacking program, to be killed or interrupted from here."""
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, name, str(work), str(attacks), *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
