"""Small fake compilers and shortcuts for the tests of discovery."""

from __future__ import annotations

from pathlib import Path

from compiler.arches import arch
from compiler.discovery import resolve
from compiler.model import Compiler
from compiler.probe import Runner
from verifiers.config import Config

X86_64 = arch("x86_64")


def script(path: Path, body: str, mode: int = 0o755) -> Path:
    """A shell script, in folders that every user may enter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return path


def found(
    spec: str | Path | None, cache: Path | None = None, config: Config | None = None, runner: Runner | None = None
) -> Compiler:
    """As resolve, for x86_64."""
    return resolve(None if spec is None else str(spec), X86_64, config, cache=cache, runner=runner)
