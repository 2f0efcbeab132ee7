"""Runs the real command on the small project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import fake
from verifiers.results import CellResult, MatrixResult


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@dataclass
class Verify:
    """The command with one state folder, one plugin and one verify.toml."""

    folder: Path
    url: str
    served: Path
    config: str = "[limits]\ncompile_seconds = 60\ncompile_memory = '512 MiB'\n"
    body: str = ""
    changes: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    state: Path | None = None

    def plugin(self) -> Path:
        data = fake.archive(self.changes)
        (self.served / "tally-1.0.tar.gz").write_bytes(data)
        return fake.write_plugin(self.folder, f"{self.url}/tally-1.0.tar.gz", data, self.body, self.sha256)

    def command(self, *arguments: str) -> list[str]:
        (self.folder / "verify.toml").write_text(self.config)
        state = self.state or self.folder / "state"
        return [
            sys.executable,
            "-m",
            "verifiers",
            *arguments,
            "--state",
            str(state),
            "--config",
            str(self.folder / "verify.toml"),
        ]

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), stdout=pipe, stderr=pipe, text=True, env=environment, cwd=cwd or self.folder
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def cell(self, *arguments: str) -> tuple[CellResult, int]:
        """Run the project's one cell and give its result and the exit code."""
        done = self.run("--project", "tally", "--plugin", str(self.plugin()), "--json", *arguments)
        assert done.stdout, done.stderr
        matrix = MatrixResult.model_validate_json(done.stdout)
        (cell,) = matrix.cells
        return cell, done.returncode

    def compiler(self, script: str, name: str = "mycc") -> str:
        """A compiler that is a shell script; returns its path."""
        bin_folder = self.folder / "compiler"
        bin_folder.mkdir(exist_ok=True)
        path = bin_folder / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
        return str(path)


@contextmanager
def serving(folder: Path) -> Iterator[Verify]:
    """The command in a folder, and its archive on a server."""
    served = folder / "served"
    served.mkdir()
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)  # an unprivileged candidate must be able to reach its own program

    class Handler(_Quiet):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(served))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Verify(folder, f"http://127.0.0.1:{server.server_port}", served)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What any run learns of this machine's compilers, at more cost than a small cell: digests, answers, the driver."""
    with serving(tmp_path_factory.mktemp("known")) as verify:
        done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "clang", "--cc", "tcc")
        assert done.returncode == 0, done.stdout + done.stderr
        return verify.folder / "state" / "cache"


@pytest.fixture
def verify(tmp_path_factory: pytest.TempPathFactory, known: Path) -> Iterator[Verify]:
    """With a state folder in which nothing has run, on a machine whose compilers are known."""
    with serving(tmp_path_factory.mktemp("verify")) as verify:
        shutil.copytree(known, verify.folder / "state" / "cache")
        yield verify
