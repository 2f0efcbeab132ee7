"""One archive from one place: a resumable transfer that ends, whatever the server does.

The bytes go to a ``.part`` file. Whether they are the right ones is the caller's business (``fetch.py``): here only the
pinned size is known.
"""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol, cast

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all; 0 where unknown), at most ten times a second, and at the end."""

_CHUNK: Final = 1 << 18
_LARGEST: Final = 8 << 30  # of an archive whose size is not pinned
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP status worth another attempt


class PlaceFailed(Exception):
    """A place did not give the file; the text says why."""

    def __init__(self, why: str, *, again: bool = False, unreachable: bool = False) -> None:
        super().__init__(why)
        self.again = again  # the same place may well answer the next time
        self.unreachable = unreachable  # there was no answer at all


class _Answer(Protocol):
    status: int | None
    headers: Mapping[str, str]

    def read(self, amount: int = ..., /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Transfer:
    """How to download: the patience, and where progress is told.

    ``timeout`` is the longest silence in seconds; ``slowest`` the fewest bytes a second, over twice that, to wait for.
    """

    timeout: float = 30.0
    attempts: int = 3
    pause: float = 1.0  # seconds before the second attempt, doubled for each one after it
    slowest: int = 1024
    progress: Progress | None = None
    proxies: Mapping[str, str] | None = None  # None: the environment's

    def run(self, url: str, part: Path, size: int) -> None:
        """Complete ``part`` from ``url``, going on from what it holds. ``size`` is 0 where it is not known.

        Raises PlaceFailed for the place's faults, and OSError only for our own disk's.
        """
        failures, best = 0, _length(part)
        while True:
            try:
                return self._attempt(url, part, size)
            except PlaceFailed as error:
                # What came a good way counts as a new start: a server that cuts every connection gets us there too.
                gained, best = _length(part) - best, max(best, _length(part))
                failures = 1 if gained > max(size // 20, 1 << 16) else failures + 1
                if not error.again or failures >= self.attempts:
                    raise
            time.sleep(self.pause * 2 ** (failures - 1))

    def _attempt(self, url: str, part: Path, size: int) -> None:
        start = _length(part)
        if size and start > size:
            start = 0
        if size and start == size:
            return
        answer, start = self._open(url, start, size)
        try:
            total = size or _announced(answer, start)
            with part.open("r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                done = self._copy(answer, file, start, total)
        finally:
            answer.close()
        if total and done < total:
            raise PlaceFailed(f"the connection ended after {done:,} of {total:,} bytes", again=True)

    def _open(self, url: str, start: int, size: int) -> tuple[_Answer, int]:
        """An answer and the offset its body begins at: 0, also where a resumption was asked for but not given."""
        if not start:
            answer = self._request(url, 0)
        else:
            try:
                answer = self._request(url, start)
            except PlaceFailed as error:
                if not str(error).startswith("HTTP 416"):
                    raise
                answer, start = self._request(url, 0), 0
        if start and answer.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
            if span and int(span[1]) == start and (span[2] == "*" or not size or int(span[2]) == size):
                return answer, start
            answer.close()  # the server resumes something else; the whole file then
            answer = self._request(url, 0)
        announced = _announced(answer, 0)
        if answer.status == 206 or (size and announced and announced != size):
            answer.close()
            raise PlaceFailed(f"what it has is {announced:,} bytes long, not {size:,}")
        return answer, 0

    def _request(self, url: str, start: int) -> _Answer:
        import urllib.error  # 40 ms of imports (ssl, email) that a run answered from the cache has no use for
        import urllib.request

        bare, login = _without_login(url)
        headers = {"User-Agent": "ccverify", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        handlers = [urllib.request.ProxyHandler(dict(self.proxies))] if self.proxies is not None else []
        try:
            request = urllib.request.Request(bare, headers=headers)
            if login:
                request.add_unredirected_header("Authorization", "Basic " + b64encode(login.encode()).decode())
            opened = urllib.request.build_opener(*handlers).open(request, timeout=self.timeout)
            return cast(_Answer, opened)
        except urllib.error.HTTPError as error:
            error.close()
            raise PlaceFailed(f"HTTP {error.code} {error.reason}", again=error.code in _AGAIN) from None
        except _network_errors() as error:
            raise PlaceFailed(_why(error, self.timeout), again=_passes(error), unreachable=True) from None

    def _copy(self, answer: _Answer, file: IO[bytes], done: int, total: int) -> int:
        told, began, mark = 0.0, time.monotonic(), done
        read = getattr(answer, "read1", answer.read)  # read1 hands on what is there instead of waiting for a full chunk
        while True:
            now = time.monotonic()
            if self.progress and now - told >= 0.1:
                told = now
                self.progress(done, total)
            if now - began >= 2 * self.timeout:
                if done - mark < self.slowest * (now - began):
                    raise PlaceFailed(f"slower than {self.slowest:,} bytes a second", again=True)
                began, mark = now, done
            try:
                chunk = read(_CHUNK)
            except _network_errors() as error:
                raise PlaceFailed(_why(error, self.timeout), again=True) from None
            if not chunk:
                break
            done += len(chunk)
            if done > (total or _LARGEST):
                raise PlaceFailed(f"it sent more than the {total or _LARGEST:,} bytes that are due")
            file.write(chunk)
            file.flush()  # runs that wait for this one look at the part's size
        if self.progress:
            self.progress(done, total)
        return done


def shown(url: str) -> str:
    """The URL without a password that it may hold, for messages."""
    return _without_login(url)[0]


def _without_login(url: str) -> tuple[str, str]:
    from urllib.parse import unquote

    found = re.match(r"([\w+.-]+://)([^/?#]*)@", url)
    return (found[1] + url[found.end() :], unquote(found[2])) if found else (url, "")


def _announced(answer: _Answer, start: int) -> int:
    text = answer.headers.get("Content-Length") or ""
    return start + int(text) if text.isascii() and text.isdigit() else 0


def _length(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _network_errors() -> tuple[type[Exception], ...]:
    from http.client import HTTPException

    return (OSError, HTTPException, ValueError)


def _passes(error: Exception) -> bool:
    """Whether another attempt makes sense: not for unknown names, refused connections, bad certificates."""
    from http.client import HTTPException

    reason = getattr(error, "reason", error)
    return isinstance(reason, TimeoutError | ConnectionResetError | BrokenPipeError | HTTPException)


def _why(error: Exception, timeout: float) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return " ".join(str(reason).split()) or type(reason).__name__
