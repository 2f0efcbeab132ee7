"""The two roots of every error a user can see, each one line that says what to do next.

A subclass holds a ``msg`` template and raises with its fields, as tuxmake does:
``raise UnknownProject(name="sqlit", hint=" (did you mean sqlite?)")``.
"""

from __future__ import annotations

from typing import ClassVar

from verifiers.words import Reason


class CcverifyError(Exception):
    """An expected error: printed as one line, never as a traceback."""

    exit_code: ClassVar[int] = 3
    msg: ClassVar[str] = "{detail}"

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.msg.format(**fields))


class UsageError(CcverifyError):
    """The command line, the configuration or the candidate named there is wrong (exit code 2)."""

    exit_code = 2


class InfrastructureError(CcverifyError):
    """Our own side failed: network, disk, sandbox, a plugin (exit code 3)."""

    reason: ClassVar[Reason] = Reason.INTERNAL


class Unwritable(InfrastructureError):
    """The state folder cannot be written."""

    reason = Reason.DISK_FULL
    msg = "cannot write to {path}: {detail}; give another folder with --state DIR"


class StepFailed(Exception):
    """A step's command failed; carries what is known, for the engine to blame the right side."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
