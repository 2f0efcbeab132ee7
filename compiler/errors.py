"""What can be wrong with a compiler or an arch that the user named."""

from __future__ import annotations

from typing import ClassVar

from verifiers.errors import InfrastructureError, UsageError
from verifiers.results import Reason


class UnknownArch(UsageError):
    """No arch has that name."""

    msg = "unknown arch {name!r}{hint}; known are: {known}"


class UnknownFamily(UsageError):
    """No compiler family has that name."""

    msg = "unknown compiler family {name!r}{hint}; known are: {known}"


class UnknownCompiler(UsageError):
    """Neither a family, nor an entry of verify.toml, nor a command on PATH."""

    msg = (
        "unknown compiler {name!r}{hint}; give a family ({families}), a path such as ./mycc, "
        "or an entry [compiler.NAME] of verify.toml"
    )


class MalformedCompiler(UsageError):
    """The command's text cannot be split into words, or is empty."""

    msg = "{where} names no usable command ({text!r}): {detail}"


class CompilerNotInstalled(UsageError):
    """A known family that this machine does not have; ``fields["packages"]`` are Debian packages."""

    msg = "no {family} found on this machine; install it with: {install}"


class NoCandidate(UsageError):
    """Nothing was named and nothing but the oracle was found; ``fields["packages"]`` are Debian packages."""

    msg = "found no C compiler to test besides the oracle {oracle}; name one with --cc NAME or --cc PATH, or: {install}"


class CompilerMissing(UsageError):
    """The path names nothing."""

    msg = "the compiler {path} does not exist{hint}; check the path given by {where}"


class CompilerIsDirectory(UsageError):
    """The path names a folder."""

    msg = "the compiler {path} is a directory; give the compiler's own file{hint}"


class CompilerNotExecutable(UsageError):
    """The file may not be executed by the user that candidates run as."""

    msg = "the compiler {path} is not executable{by}; run: chmod {mode} {path}"


class CompilerWrongArchitecture(UsageError):
    """An ELF program for another machine, and no emulator is registered for it."""

    msg = "the compiler {path} is a program for {machine}, which this machine cannot run; give a build for {host}"


class CompilerCannotStart(UsageError):
    """The kernel refuses to start it, for another reason than its machine."""

    msg = "the compiler {path} cannot be started: {detail}"


class OracleMissing(InfrastructureError):
    """The trusted compiler of an arch is not installed; ``fields["packages"]`` are Debian packages."""

    reason: ClassVar[Reason] = Reason.ORACLE_FAILED
    msg = "no oracle compiler for {arch}: found none of {commands}; install it with: {install}"
