"""Tells people: webhooks, mail and all else that apprise knows. ``pip install 'ccverify[notify]'`` brings it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from verifiers.errors import InfrastructureError, UsageError
from verifiers.results import Reason


class NotInstalled(UsageError):
    """The extra is missing."""

    msg = (
        "[nightly.notify] names URLs, and apprise is not installed: pip install 'ccverify[notify]', or .venv/bin/pip "
        "install apprise in a checkout"
    )


class NotDelivered(InfrastructureError):
    """Somebody could not be told."""

    reason = Reason.INTERNAL
    msg = "the notification by {place} was not delivered; it is sent again after the next night, or with --resume"


class BadAddress(UsageError):
    """Apprise cannot make anything of a URL, or its variable is not set."""

    msg = "[nightly.notify] urls: {place}: {detail}"


def send(url: str, title: str, body: str) -> None:
    """Send to a URL; raises NotDelivered naming it, without what may be secret in it."""
    if not _address(url).notify(title=title, body=body, body_format="text"):
        raise NotDelivered(place=_shown(url))


def check(urls: Sequence[str]) -> None:
    """Raise what is wrong with them before a night begins, not after it."""
    for url in urls:
        _address(url)


def _address(url: str) -> Any:
    """Apprise's object for one URL."""
    try:
        import apprise
    except ImportError:
        raise NotInstalled() from None
    found = apprise.Apprise()
    if not found.add(_expanded(url, os.environ)):
        raise BadAddress(place=_shown(url), detail="apprise knows no such address; see its list of services")
    return found


def _expanded(url: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise BadAddress(place=_shown(url), detail=f"${found[1]} is not set")
        return environ[found[1]]

    return re.sub(r"\$([A-Z_][A-Z0-9_]*)", value, url)


def _shown(url: str) -> str:
    """A URL without what follows its scheme, which may hold a password; a variable by its name."""
    return url if re.fullmatch(r"\$[A-Z_][A-Z0-9_]*", url) else f"{url.split(':', 1)[0]}://…"
