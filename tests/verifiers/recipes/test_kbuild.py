"""What kconfig made of the wanted settings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from compiler.arches import arch
from verifiers.errors import StepFailed
from verifiers.recipes import Kbuild
from verifiers.recipes.kbuild import WANTED, dropped
from verifiers.results import Reason

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

MADE = ["# Linux", "CONFIG_64BIT=y", 'CONFIG_NAME="a b"', "CONFIG_SIZE=8192", "# CONFIG_BUG is not set", "CONFIG_M=m"]


class TestDropped:
    def test_what_is_there(self) -> None:
        """Values of each kind; what is not named is not set; comments say nothing."""
        wanted = ["# why", "", "CONFIG_64BIT=y", 'CONFIG_NAME="a b"', "CONFIG_SIZE=8192", "CONFIG_M=m"]
        assert not list(dropped([*wanted, "# CONFIG_BUG is not set", "# CONFIG_OTHER is not set"], MADE))

    @pytest.mark.parametrize("line", ["CONFIG_NET=y", "CONFIG_BUG=y", "CONFIG_M=y", "CONFIG_SIZE=819", "CONFIG_NAM=y"])
    def test_what_is_not(self, line: str) -> None:
        """Absent, unset, or another value."""
        assert list(dropped([line], MADE)) == [line]

    def test_set_though_it_was_not_to_be(self) -> None:
        """Selected by another one."""
        assert list(dropped(["# CONFIG_M is not set"], MADE)) == ["# CONFIG_M is not set (it is CONFIG_M=m)"]


class Project(Kbuild):
    """With real make in the place of kbuild."""

    name = "project"

    def wanted(self, work: Workspace) -> str:
        return "CONFIG_ONE=y\nCONFIG_TWO=y\n"


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
@pytest.mark.parametrize(("rule", "message"), [("cat", ""), ("grep -v TWO", "kconfig dropped CONFIG_TWO=y")])
def test_configure_names_what_was_dropped(tmp_path: Path, rule: str, message: str) -> None:
    """A setting that the configuration does not have ends the step."""
    source, build = tmp_path / "src", tmp_path / "build"
    source.mkdir(), build.mkdir()
    (source / "Makefile").write_text(f"allnoconfig:\n\t{rule} $(KCONFIG_ALLCONFIG) > $(O)/.config\n")

    def write(name: str, text: str) -> None:
        (build / name).parent.mkdir(exist_ok=True)
        (build / name).write_text(text)

    work = SimpleNamespace(
        **{"src": str(source), "build": str(build), "cc": "cc", "host_cc": "hostcc", "cross": True, "write": write},
        arch=arch("riscv64"),
        host_path=Path,
        run=lambda *argv: subprocess.run(argv, cwd=build, check=True),
    )
    recipe = Project()
    arguments = recipe.make_arguments(cast("Workspace", work))
    assert {"ARCH=riscv", "CROSS_COMPILE=riscv64-linux-gnu-", "CC=cc", "HOSTCC=hostcc"} < set(arguments)
    if not message:
        recipe.configure(cast("Workspace", work))
        assert (build / WANTED).read_text() == "CONFIG_ONE=y\nCONFIG_TWO=y\n"
        return
    with pytest.raises(StepFailed, match=message) as failed:
        recipe.configure(cast("Workspace", work))
    assert failed.value.reason is Reason.SETTING_DROPPED
