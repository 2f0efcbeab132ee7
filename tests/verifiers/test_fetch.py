"""Fetching from servers that do all the things servers do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verifiers.loopback import Handler, serving, whole
from verifiers.apt import Archive
from verifiers.download import Transfer
from verifiers.errors import CcverifyError, Unwritable
from verifiers.fetch import DownloadFailed, Fetcher, Offline, WrongChecksum
from verifiers.results import Reason, Source

BODY = random.Random(1).randbytes(300_000)
DEAD = "http://127.0.0.1:9"  # the discard port: nobody listens
QUICK = Transfer(timeout=0.5, attempts=3, pause=0.01)


def pin(*urls: str, body: bytes = BODY, size: int | None = None, pool: str = "") -> Source:
    digest = hashlib.sha256(body).hexdigest()
    length = len(body) if size is None else size
    return Source(version="1", filename="thing-1.tar.gz", sha256=digest, size=length, urls=urls, pool=pool)


def fetcher(folder: Path, **options: object) -> Fetcher:
    return Fetcher(folder, **{"archive": Archive, "transfer": QUICK, **options})  # type: ignore[arg-type]


def leftovers(folder: Path) -> list[str]:
    """Files in the cache that hold, or may hold, archive bytes."""
    return [path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


class TestGet:
    def test_fetches_checks_and_names_it(self, tmp_path: Path) -> None:
        """The archive lands below its hash under its own name, with nothing unfinished beside it."""
        with serving(whole(BODY)) as server:
            path = fetcher(tmp_path).get(pin(f"{server.url}/x.tar.gz"))
        assert path == tmp_path / hashlib.sha256(BODY).hexdigest() / "thing-1.tar.gz"
        assert path.read_bytes() == BODY
        assert leftovers(tmp_path) == ["thing-1.tar.gz"]

    def test_second_time_asks_nobody(self, tmp_path: Path) -> None:
        """A cached archive needs no server and no hashing."""
        with serving(whole(BODY)) as server:
            source = pin(f"{server.url}/x")
            fetcher(tmp_path).get(source)
            fetcher(tmp_path).get(source)
            assert len(server.asked) == 1
        assert fetcher(tmp_path, offline=True).get(source).read_bytes() == BODY

    def test_unknown_size(self, tmp_path: Path) -> None:
        """A pin without a size works; the hash alone decides."""
        with serving(whole(BODY)) as server:
            assert fetcher(tmp_path).get(pin(server.url, size=0)).read_bytes() == BODY

    def test_changed_cache_is_not_trusted(self, tmp_path: Path) -> None:
        """A cached file that was changed since its check is fetched again, also with size and mtime kept."""
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            path = fetcher(tmp_path).get(source)
            before = path.stat()
            path.write_bytes(b"X" + BODY[1:])
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert fetcher(tmp_path).get(source).read_bytes() == BODY
            assert len(server.asked) == 2

    def test_changed_cache_offline(self, tmp_path: Path) -> None:
        """Without the network a spoilt cached file is deleted, not used."""
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            path = fetcher(tmp_path).get(source)
        path.write_bytes(b"spoilt")
        with pytest.raises(Offline):
            fetcher(tmp_path, offline=True).get(source)
        assert not path.exists()

    def test_copied_cache_is_hashed_once(self, tmp_path: Path) -> None:
        """A file put there by hand (no record) is used after its hash was checked, and recorded."""
        source = pin()
        path = tmp_path / source.sha256 / source.filename
        path.parent.mkdir()
        path.write_bytes(BODY)
        assert fetcher(tmp_path, offline=True).get(source) == path
        assert json.loads((path.parent / ".checked").read_text())["sha256"] == source.sha256

    def test_offline_says_what_to_do(self, tmp_path: Path) -> None:
        """--offline without the file names the file and the way out, and makes no folder."""
        with pytest.raises(
            Offline, match=r"thing-1\.tar\.gz is not in the cache and --offline is given; run once without"
        ):
            fetcher(tmp_path / "new", offline=True).get(pin(DEAD))
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("name", ["../x.tar.gz", "/etc/passwd", "..", "", ".checked", "a/b"])
    def test_names_stay_in_the_cache(self, tmp_path: Path, name: str) -> None:
        """A recipe's file name cannot lead out of the cache, nor to its records."""
        source = pin(DEAD).model_copy(update={"filename": name})
        with pytest.raises(DownloadFailed, match="not a file name"):
            fetcher(tmp_path).get(source)
        assert not list(tmp_path.iterdir())

    def test_progress_ends_at_the_whole(self, tmp_path: Path) -> None:
        """Progress is (done, total) in bytes, never falls, and ends with all of it."""
        seen: list[tuple[int, int]] = []
        with serving(whole(BODY)) as server:
            fetcher(tmp_path, progress=lambda done, total: seen.append((done, total))).get(pin(server.url))
        assert seen[-1] == (len(BODY), len(BODY))
        assert seen == sorted(seen)


class TestBadServers:
    def test_wrong_bytes_are_not_kept(self, tmp_path: Path) -> None:
        """A file of the right size and another hash is deleted; the error names the place and both hashes."""
        wrong = bytes(reversed(BODY))
        with serving(whole(wrong)) as server, pytest.raises(WrongChecksum) as caught:
            fetcher(tmp_path).get(pin(f"{server.url}/x"))
        assert caught.value.reason == Reason.CHECKSUM
        for part in (server.url, hashlib.sha256(BODY).hexdigest(), hashlib.sha256(wrong).hexdigest(), "deleted"):
            assert part in str(caught.value)
        assert leftovers(tmp_path) == []

    def test_wrong_bytes_then_the_next_mirror(self, tmp_path: Path) -> None:
        """The next place is tried after one that gave wrong bytes."""
        with serving(whole(bytes(len(BODY)))) as bad, serving(whole(BODY)) as good:
            assert fetcher(tmp_path).get(pin(bad.url, good.url)).read_bytes() == BODY

    def test_login_page_instead(self, tmp_path: Path) -> None:
        """A page of another length (a captive portal) is recognised before it is downloaded."""
        with (
            serving(whole(b"<html>please log in</html>")) as server,
            pytest.raises(DownloadFailed, match="26 bytes long"),
        ):
            fetcher(tmp_path).get(pin(server.url))
        assert leftovers(tmp_path) == []

    def test_truncating_server_is_resumed(self, tmp_path: Path) -> None:
        """Every answer is cut; each attempt goes on where the last one ended until all is there."""

        def cut(handler: Handler) -> None:
            start = handler.offset()
            rest = BODY[start:]
            span = {"Content_Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if start else {}
            handler.give(rest[:70_000], status=206 if start else 200, announce=len(rest), **span)

        with serving(cut) as server:
            assert fetcher(tmp_path).get(pin(server.url)).read_bytes() == BODY
            assert [span for _, span in server.asked] == [
                "",
                *(f"bytes={n}-" for n in (70_000, 140_000, 210_000, 280_000)),
            ]

    def test_truncated_for_good(self, tmp_path: Path) -> None:
        """A server that never gives more fails after a few attempts; what came is kept, but never trusted."""
        with serving(lambda handler: handler.give(BODY[:1000], announce=len(BODY))) as server:
            with pytest.raises(DownloadFailed, match="ended after 1,000 of 300,000 bytes"):
                fetcher(tmp_path).get(pin(server.url))
            assert len(server.asked) == 3
        assert leftovers(tmp_path) == ["thing-1.tar.gz.part"]

    def test_truncated_without_a_length(self, tmp_path: Path) -> None:
        """An answer without Content-Length that ends early is seen by the pinned size."""

        def cut(handler: Handler) -> None:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(BODY[:5000])

        with serving(cut) as server, pytest.raises(DownloadFailed, match="ended after 5,000 of 300,000"):
            fetcher(tmp_path).get(pin(server.url))

    def test_never_ending_answer(self, tmp_path: Path) -> None:
        """A server that goes on sending is cut off at the pinned size."""

        def flood(handler: Handler) -> None:
            handler.send_response(200)
            handler.end_headers()
            for _ in range(1000):
                handler.wfile.write(BODY)

        with serving(flood) as server, pytest.raises(DownloadFailed, match="more than the 300,000 bytes"):
            fetcher(tmp_path).get(pin(server.url))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.part")) <= len(BODY)

    def test_hanging_server(self, tmp_path: Path) -> None:
        """A server that never answers costs the timeout a few times, and the next place is used."""
        gate = threading.Event()
        waited_for: list[bool] = []
        with serving(lambda _: waited_for.append(not gate.wait(120))) as bad, serving(whole(BODY)) as good:
            assert fetcher(tmp_path).get(pin(bad.url, good.url)).read_bytes() == BODY
            assert waited_for == []
            gate.set()

    def test_hanging_in_the_middle(self, tmp_path: Path) -> None:
        """Half a file and then silence is a timeout, not a wait for ever."""
        gate = threading.Event()

        def half(handler: Handler) -> None:
            handler.give(BODY[:1000], announce=len(BODY))
            handler.wfile.flush()
            gate.wait(20)

        with serving(half) as server:
            with pytest.raises(DownloadFailed, match=r"no answer within 0\.5 s"):
                fetcher(tmp_path).get(pin(server.url))
            gate.set()

    def test_trickling_server(self, tmp_path: Path) -> None:
        """A byte now and then keeps the connection alive, but not us."""
        gate = threading.Event()

        def trickle(handler: Handler) -> None:
            handler.give(b"", announce=len(BODY))
            for number in range(200):
                handler.wfile.write(BODY[number : number + 1])
                if gate.wait(0.1):
                    return

        with serving(trickle) as server:
            with pytest.raises(DownloadFailed, match="slower than 1,024 bytes a second"):
                fetcher(tmp_path, transfer=Transfer(timeout=0.5, attempts=1)).get(pin(server.url))
            gate.set()

    def test_not_found_is_not_repeated(self, tmp_path: Path) -> None:
        """A 404 is final for its place; the error lists every place with what was wrong there."""
        with serving(lambda handler: handler.send_error(404)) as first:
            with pytest.raises(DownloadFailed) as caught:
                fetcher(tmp_path).get(pin(f"{first.url}/a", f"{DEAD}/b"))
            assert len(first.asked) == 1
        assert f"{first.url}/a: HTTP 404 Not Found" in str(caught.value)
        assert f"{DEAD}/b: Connection refused" in str(caught.value)
        assert caught.value.reason == Reason.DOWNLOAD

    def test_busy_server_is_asked_again(self, tmp_path: Path) -> None:
        """A 503 passes."""

        def busy_once(handler: Handler) -> None:
            if len(handler.server.asked) == 1:
                handler.send_error(503)
            else:
                handler.give(BODY)

        with serving(busy_once) as server:
            assert fetcher(tmp_path).get(pin(server.url)).read_bytes() == BODY

    def test_redirect_in_a_circle(self, tmp_path: Path) -> None:
        """A redirection loop is an error like another."""

        def circle(handler: Handler) -> None:
            handler.give(b"", status=302, Location=handler.path)

        with serving(circle) as server, pytest.raises(DownloadFailed, match="HTTP 302"):
            fetcher(tmp_path).get(pin(f"{server.url}/x"))

    def test_rubbish_instead_of_http(self, tmp_path: Path) -> None:
        """A server that does not speak HTTP is one line in the error, not a traceback."""
        with serving(lambda handler: handler.wfile.write(b"\0\1\2 what?\r\n")) as server, pytest.raises(DownloadFailed):
            fetcher(tmp_path).get(pin(server.url))

    def test_no_place_at_all(self, tmp_path: Path) -> None:
        """A source that no place is known for says so."""
        with pytest.raises(DownloadFailed, match="no place is known"):
            fetcher(tmp_path).get(pin(pool="pool/main/t/thing/thing_1.orig.tar.gz"))

    @pytest.mark.parametrize("url", ["not a url", "gopher://127.0.0.1/x", "http://[::1/x", "http://127.0.0.1:no/x"])
    def test_url_that_is_none(self, tmp_path: Path, url: str) -> None:
        """A malformed URL in a recipe fails its place only."""
        with pytest.raises(DownloadFailed):
            fetcher(tmp_path).get(pin(url))


class TestResume:
    def part(self, folder: Path, source: Source, content: bytes) -> Path:
        path = folder / source.sha256 / f"{source.filename}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def test_goes_on_where_it_ended(self, tmp_path: Path) -> None:
        """Only the missing bytes are asked for and sent."""
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            self.part(tmp_path, source, BODY[:123_456])
            assert fetcher(tmp_path).get(source).read_bytes() == BODY
            assert [span for _, span in server.asked] == ["bytes=123456-"]

    def test_server_that_ignores_ranges(self, tmp_path: Path) -> None:
        """A 200 to a Range request starts the file anew instead of appending to it."""
        with serving(lambda handler: handler.give(BODY)) as server:
            source = pin(server.url)
            self.part(tmp_path, source, BODY[:5000])
            assert fetcher(tmp_path).get(source).read_bytes() == BODY
            assert len(server.asked) == 1

    def test_server_that_sends_another_range(self, tmp_path: Path) -> None:
        """A 206 for another offset than asked for is not appended."""

        def shifted(handler: Handler) -> None:
            if handler.offset():
                handler.give(BODY[9:], status=206, Content_Range=f"bytes 9-{len(BODY) - 1}/{len(BODY)}")
            else:
                handler.give(BODY)

        with serving(shifted) as server:
            source = pin(server.url)
            self.part(tmp_path, source, BODY[:5000])
            assert fetcher(tmp_path).get(source).read_bytes() == BODY

    def test_server_that_lies_about_the_range(self, tmp_path: Path) -> None:
        """A 206 that names the right offset and sends other bytes is caught by the hash, and the whole file fetched."""

        def lying(handler: Handler) -> None:
            start = handler.offset()
            if start:
                span = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
                handler.give(BODY[: len(BODY) - start], status=206, Content_Range=span)
            else:
                handler.give(BODY)

        with serving(lying) as server:
            source = pin(server.url)
            self.part(tmp_path, source, BODY[:5000])
            assert fetcher(tmp_path).get(source).read_bytes() == BODY

    @pytest.mark.parametrize("torn", [bytes(5000), bytes(len(BODY)), BODY + b"more"])
    def test_torn_part(self, tmp_path: Path, torn: bytes) -> None:
        """A part spoilt by a crash, complete or even too long, costs a whole download and no more."""
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            self.part(tmp_path, source, torn)
            assert fetcher(tmp_path).get(source).read_bytes() == BODY

    def test_complete_part(self, tmp_path: Path) -> None:
        """A run killed between the last byte and the renaming left all that is needed."""
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            self.part(tmp_path, source, BODY)
            assert fetcher(tmp_path).get(source).read_bytes() == BODY
            assert server.asked == []

    def test_unknown_size_complete_part(self, tmp_path: Path) -> None:
        """Without a pinned size the server's 416 for a complete part makes it fetch the whole again."""
        with serving(whole(BODY)) as server:
            source = pin(server.url, size=0)
            self.part(tmp_path, source, BODY)
            assert fetcher(tmp_path).get(source).read_bytes() == BODY

    def test_killed_run_is_gone_on_with(self, tmp_path: Path) -> None:
        """kill -9 in the middle leaves a part that the next run completes, and no lock that it waits for."""
        gate = threading.Event()

        def half_then_all(handler: Handler) -> None:
            if handler.offset() or gate.is_set():
                whole(BODY)(handler)
            else:
                handler.give(BODY[:200_000], announce=len(BODY))
                handler.wfile.flush()
                gate.wait(20)

        with serving(half_then_all) as server:
            source = pin(server.url)
            process = start(tmp_path, source)
            part = tmp_path / source.sha256 / f"{source.filename}.part"
            wait_for(lambda: part.exists() and part.stat().st_size == 200_000)
            process.kill()
            process.wait()
            gate.set()
            assert fetcher(tmp_path).get(source).read_bytes() == BODY
            assert server.asked[-1][1] == "bytes=200000-"


class TestOrder:
    POOL = "pool/main/t/thing/thing_1.orig.tar.gz"

    def test_archive_before_upstream(self, tmp_path: Path) -> None:
        """verify.toml's mirrors come first, then apt's archives, then upstream; a short pool path is completed."""
        archive = Archive(bases=("http://apt.example/debian",), security=("http://late.example/sec",))
        chosen = fetcher(tmp_path, mirrors=["http://mine.example/"], archive=lambda: archive)
        assert chosen.places(pin("http://up.example/x", pool="t/thing/thing_1.orig.tar.gz")) == (
            f"http://mine.example/{self.POOL}",
            f"http://apt.example/debian/{self.POOL}",
            "http://late.example/sec/pool/updates/main/t/thing/thing_1.orig.tar.gz",
            "http://up.example/x",
        )

    def test_remembers_who_answered(self, tmp_path: Path) -> None:
        """After a place was out of reach and another answered, that other one is tried first, also by a new run."""
        with serving(whole(BODY)) as server:
            source = pin(f"{DEAD}/x", f"{server.url}/x")
            assert fetcher(tmp_path).places(source)[0] == f"{DEAD}/x"
            fetcher(tmp_path).get(source)
            assert fetcher(tmp_path).places(source)[0] == f"{server.url}/x"

    def test_missing_file_is_no_fault_of_the_place(self, tmp_path: Path) -> None:
        """A 404 does not put a place behind others: it answers, and may have the next file."""
        with serving(lambda handler: handler.send_error(404)) as first:
            chosen = fetcher(tmp_path)
            with pytest.raises(DownloadFailed):
                chosen.get(pin(f"{first.url}/x"))
            assert chosen.places(pin(f"{first.url}/y", f"{DEAD}/y"))[0] == f"{first.url}/y"

    def test_rubbish_memory(self, tmp_path: Path) -> None:
        """A spoilt memory file is as good as none."""
        (tmp_path / ".answered").write_text("[1, {")
        with serving(whole(BODY)) as server:
            fetcher(tmp_path).get(pin(server.url))

    def test_login_is_used_and_not_shown(self, tmp_path: Path) -> None:
        """A mirror's user and password are sent, but stand in no message and no file."""
        with serving(lambda handler: handler.send_error(403)) as server:
            mirror = server.url.replace("//", "//me:s3cret@")
            lines: list[str] = []
            with pytest.raises(DownloadFailed) as caught:
                fetcher(tmp_path, mirrors=[mirror], say=lines.append).get(pin(pool=self.POOL))
            sent = server.headers_seen[0]["Authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"me:s3cret"
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert "s3cret" not in str(caught.value) + "".join(lines)
        assert b"s3cret" not in files

    def test_a_folder_as_mirror(self, tmp_path: Path) -> None:
        """file: URLs work, for machines without a network."""
        there = tmp_path / "mirror" / self.POOL
        there.parent.mkdir(parents=True)
        there.write_bytes(BODY)
        source = pin(pool=self.POOL)
        assert fetcher(tmp_path / "s", mirrors=[f"file://{tmp_path}/mirror"]).get(source).read_bytes() == BODY


def start(folder: Path, source: Source) -> subprocess.Popen[str]:
    """A process of its own that fetches."""
    code = (
        "import sys; from pathlib import Path\n"
        "from verifiers.fetch import Fetcher; from verifiers.results import Source\n"
        "print(Fetcher(Path(sys.argv[1])).get(Source.model_validate_json(sys.argv[2])))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), source.model_dump_json()], stdout=subprocess.PIPE, text=True
    )


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class TestTogether:
    def test_two_processes_share_one_download(self, tmp_path: Path) -> None:
        """Two runs that need the same archive at once: one downloads, the other waits, both have it."""

        def slow(handler: Handler) -> None:
            time.sleep(1)
            handler.give(BODY)

        with serving(slow) as server:
            source = pin(server.url)
            both = [start(tmp_path, source), start(tmp_path, source)]
            paths = [process.communicate(timeout=300)[0].strip() for process in both]
            assert [process.returncode for process in both] == [0, 0]
            assert paths[0] == paths[1]
            assert len(server.asked) == 1

    def test_the_waiting_one_takes_over(self, tmp_path: Path) -> None:
        """When the run that downloads is killed, the one that waits goes on from there."""
        gate = threading.Event()

        def half_then_all(handler: Handler) -> None:
            if handler.offset():
                whole(BODY)(handler)
            else:
                handler.give(BODY[:100_000], announce=len(BODY))
                handler.wfile.flush()
                gate.wait(20)

        with serving(half_then_all) as server:
            source = pin(server.url)
            first = start(tmp_path, source)
            wait_for(lambda: server.asked)
            second = start(tmp_path, source)
            part = tmp_path / source.sha256 / f"{source.filename}.part"
            wait_for(lambda: part.exists() and part.stat().st_size == 100_000)
            first.kill()
            first.wait()
            assert second.wait(timeout=300) == 0
            gate.set()

    def test_threads(self, tmp_path: Path) -> None:
        """Cells of one run fetch in threads: the same rules."""
        paths = []
        with serving(whole(BODY)) as server:
            source = pin(server.url)
            threads = [threading.Thread(target=lambda: paths.append(fetcher(tmp_path).get(source))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(paths) == 4
            assert len(server.asked) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]).returncode:
        pytest.skip("needs root and a mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestDisk:
    @pytest.mark.root
    @pytest.mark.parametrize("size", [len(BODY), 0], ids=["seen before", "seen while writing"])
    def test_full_disk(self, small_disk: Path, size: int) -> None:
        """A disk that is too small is named as such, not as a failed download, and is left with room on it."""
        with (
            serving(whole(BODY)) as server,
            pytest.raises(Unwritable, match=r"(?i)cannot write to .*small.*(full|space)"),
        ):
            fetcher(small_disk).get(pin(server.url, size=size))
        assert leftovers(small_disk) == []

    @pytest.mark.root
    def test_read_only_cache_serves_what_it_has(self, small_disk: Path) -> None:
        """From a read-only file system a checked archive is used; a missing one is one clear error."""
        body = BODY[:1000]
        with serving(whole(body)) as server:
            source = pin(server.url, body=body)
            fetcher(small_disk).get(source)
            subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
            (path,) = [fetcher(small_disk).get(source)]
            assert path.read_bytes() == body
            with pytest.raises(Unwritable, match="Read-only"):
                fetcher(small_disk).get(pin(server.url))

    def test_cache_that_is_a_file(self, tmp_path: Path) -> None:
        """A state folder that is none is an error of ours, not a traceback."""
        (tmp_path / "sources").write_text("")
        with pytest.raises(CcverifyError, match="cannot write to"):
            fetcher(tmp_path / "sources").get(pin(DEAD))


class TestProxies:
    def test_apt_proxy_is_for_the_archive(self, tmp_path: Path) -> None:
        """apt's proxy is used for apt's archive, and for nothing else."""
        with serving(whole(BODY)) as proxy, serving(whole(BODY)) as upstream:
            base = "http://archive.invalid/debian"
            archive = Archive(bases=(base,), proxies={"http": proxy.url})
            pool = "pool/main/t/thing/thing_1.orig.tar.gz"
            fetcher(tmp_path / "a", archive=lambda: archive).get(pin(pool=pool))
            assert proxy.asked == [(f"{base}/{pool}", "")]
            fetcher(tmp_path / "b", archive=lambda: archive).get(pin(f"{upstream.url}/x"))
            assert len(proxy.asked) == 1

    def test_environment_proxy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """http_proxy is honoured for upstream."""
        with serving(whole(BODY)) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            fetcher(tmp_path).get(pin("http://upstream.invalid/x"))
            assert proxy.asked == [("http://upstream.invalid/x", "")]


@pytest.mark.slow
class TestReal:
    def test_sqlite_from_this_machines_archive(self, tmp_path: Path) -> None:
        """SQLite 3.40.1 comes from where apt gets its packages, through real configuration and network."""
        source = Source(
            version="3.40.1",
            filename="sqlite3_3.40.1.orig.tar.xz",
            sha256="aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655",
            size=8019048,
            pool="pool/main/s/sqlite3/sqlite3_3.40.1.orig.tar.xz",
        )
        assert Fetcher(tmp_path).get(source).stat().st_size == source.size


class TestPip:
    """A wheel, from a folder that pip is told of as it is told of any other place."""

    @pytest.fixture
    def wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
        shelf = tmp_path / "shelf"
        shelf.mkdir()
        info = {
            "METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }
        path = shelf / "thing-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as file:
            for name, text in info.items():
                file.writestr(f"thing-1.0.dist-info/{name}", text)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
        return path.read_bytes()

    def test_a_wheel_is_had_and_checked(self, tmp_path: Path, wheel: bytes) -> None:
        """It is in the cache like any archive."""
        assert fetcher(tmp_path / "cache").get(pin("pip:thing==1.0", body=wheel)).read_bytes() == wheel

    def test_another_wheel_is_refused(self, tmp_path: Path, wheel: bytes) -> None:
        """The pin decides, not the version."""
        with pytest.raises(WrongChecksum):
            fetcher(tmp_path / "cache").get(pin("pip:thing==1.0"))
        assert leftovers(tmp_path / "cache") == []

    def test_one_that_pip_does_not_find(self, tmp_path: Path, wheel: bytes) -> None:
        """Pip's own words."""
        with pytest.raises(DownloadFailed, match="that satisfies the requirement thing"):
            fetcher(tmp_path / "cache").get(pin("pip:thing==2.0"))
