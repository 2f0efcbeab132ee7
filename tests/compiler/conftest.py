"""Folders that the unprivileged user may enter: pytest's own are closed to others."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests of large compilers that stay as they are."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture
def place() -> Iterator[Path]:
    """A fresh folder for fake compilers."""
    folder = Path(tempfile.mkdtemp(prefix="ccverify-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
