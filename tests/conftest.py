"""What holds for all tests: those marked ``root`` are skipped for others."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        skip = pytest.mark.skip(reason="needs root")
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(skip)
