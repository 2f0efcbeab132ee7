"""Debian packages: which of some are missing, the line that installs them, and installing them where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from verifiers.errors import InfrastructureError

_LOCK_SECONDS: Final = 300  # to wait for another apt
_INSTALL_SECONDS: Final = 1800


class PackagesMissing(InfrastructureError):
    """Packages are needed that we may not install."""

    msg = "missing packages: {names}; install them with: {line}"


class InstallFailed(InfrastructureError):
    """apt-get did not install the packages."""

    msg = "apt-get could not install {names}: {detail}; try by hand: {line}"


def versions(names: Iterable[str]) -> dict[str, str]:
    """Name -> version of those that are installed; {} where there is no dpkg."""
    wanted = list(dict.fromkeys(names))
    if not wanted or not shutil.which("dpkg-query"):
        return {}
    form = "${Package}\t${Package}:${Architecture}\t${db:Status-Status}\t${Version}\n"
    done = subprocess.run(["dpkg-query", "-W", "-f", form, *wanted], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        name, qualified, status, version = line.split("\t")
        if status == "installed":
            found[name] = found[qualified] = version
    return {name: found[name] for name in wanted if name in found}


def missing(names: Iterable[str]) -> list[str]:
    """Those that are not installed, in the order given; all of them where there is no dpkg."""
    wanted = list(dict.fromkeys(names))
    there = versions(wanted)
    return [name for name in wanted if name not in there]


def install_line(names: Iterable[str]) -> str:
    """The exact command that installs the packages, for a user to copy."""
    line = "apt-get install -y --no-install-recommends " + " ".join(dict.fromkeys(names))
    return line if os.geteuid() == 0 else f"sudo {line}"


def may_install() -> bool:
    """Whether ``install`` can work here: root, and there is apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(names: Iterable[str], say: Callable[[str], None]) -> list[str]:
    """Install those that are missing and return them; ``say`` is told one line when there are any.

    Raises PackagesMissing where we may not, and InstallFailed where apt-get does not manage to.
    """
    wanted = missing(names)
    if not wanted:
        return []
    if not may_install():
        raise PackagesMissing(names=" ".join(wanted), line=install_line(wanted))
    say(f"installing Debian packages: {' '.join(wanted)}")
    command = ["install", "-y", "--no-install-recommends", "--", *wanted]
    updated = not _have_lists()
    if updated:
        _apt_get(["update"])
    failure = _apt_get(command)
    if failure and not updated:  # an old index names files that are gone
        _apt_get(["update"])
        failure = _apt_get(command)
    left = missing(wanted)
    if failure or left:
        detail = failure or f"{' '.join(left)} did not come in"
        raise InstallFailed(names=" ".join(wanted), detail=detail, line=install_line(wanted))
    return wanted


def _have_lists() -> bool:
    lists = Path("/var/lib/apt/lists")
    return lists.is_dir() and any("_Packages" in path.name for path in lists.iterdir())


def _apt_get(words: Sequence[str]) -> str:
    """Run apt-get; "" when it went well, else what it said of the error."""
    options = ["-q", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", "-o", "Dpkg::Use-Pty=0"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["apt-get", *options, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_INSTALL_SECONDS} s"
    except OSError as error:
        return error.strerror or str(error)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    return (errors or lines or [f"exit status {done.returncode}"])[0]
