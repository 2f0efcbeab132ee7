"""A workspace that keeps the commands that a recipe's steps run, and runs none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from compiler.arches import arch

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


class Recorder:
    """The few parts of a workspace that the recipes of our plugins use. A foreign target is aarch64, and emulated."""

    def __init__(
        self,
        depth: object,
        version: str = "",
        *,
        cross: bool = False,
        root: Path = Path("/"),
        configure: tuple[str, ...] = (),
    ) -> None:
        self.src, self.build, self.root = "/cell/src", "/cell/build", root
        self.cc, self.host_cc, self.libraries = "/ccverify/bin/cc", "/ccverify/bin/host-cc", ""
        self.depth, self.cross, self.emulated = depth, cross, cross
        self.arch, self.build_triple = arch("aarch64" if cross else "x86_64"), "x86_64-linux-gnu"
        self.source = SimpleNamespace(version=version)
        self.accommodations = (SimpleNamespace(configure=configure),)
        self.sandbox = SimpleNamespace(adopt=lambda path: self.adopted.append(path))
        self.adopted: list[Path] = []
        self.ran: list[tuple[tuple[str, ...], dict[str, str]]] = []

    def run(self, *argv: str, cwd: str = "", env: dict[str, str] | None = None, seconds: float = 0.0) -> None:
        self.ran.append((argv, env or {}))

    def unpack(self) -> None:
        self.host_path(self.src).mkdir(parents=True)

    def tool(self, name: str) -> str:
        return f"{self.arch.triple}-{name}" if self.cross else name

    def host_path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    @property
    def makes(self) -> list[tuple[str, ...]]:
        return [argv for argv, _ in self.ran if argv[0] == "make"]

    @property
    def work(self) -> Workspace:
        """Itself, as recipes know it."""
        return cast("Workspace", self)
