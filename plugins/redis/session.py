"""A scripted session with the Redis that was built; prints TAP. Runs in the sandbox: ``python3 -I -S session.py``.

Usage: ``session.py DIALOGUE TABLES PROGRAMS VERSION``. PROGRAMS is the folder of ``redis-server`` and the other
programs. DIALOGUE has the commands and the answers that are known for them (its first lines say how), TABLES what the
server must say of its commands, categories and settings. Nothing that is expected is computed by a Redis.

The servers listen on unix sockets (a cluster node on a port of its own) below a temporary folder. It needs nothing but
Python's standard library, so that nothing else has to be there in the sandbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

Reply = Any
"""What JSON can say: a bulk string is itself (one character a byte), "+OK" a status, "-ERR ..." an error, null none."""

PATIENCE: Final = 120.0  # seconds that a reply or a program may take: emulated, beside other work
_INFO: Final = "server clients memory persistence stats replication cpu modules errorstats cluster keyspace"
_SHOWN: Final = 600  # characters of a reply that are shown


class Gone(Exception):
    """The server closed the connection, or does not speak the protocol."""


class Hung(Gone):
    """The server said nothing for PATIENCE seconds: it is not worth to try the other parts."""


class Connection:
    """One client's connection: RESP2 and RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

    def __init__(self, path: str | tuple[str, int]) -> None:
        family = socket.AF_UNIX if isinstance(path, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def send(self, words: Sequence[bytes]) -> None:
        """Send one command."""
        parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)]
        try:
            self.socket.sendall(b"".join(parts))
        except OSError as error:
            raise Gone(str(error)) from error

    def read(self) -> Reply:
        """The next reply."""
        try:
            return self._read()
        except TimeoutError as error:
            raise Hung(f"no reply in {PATIENCE:g} s") from error
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error

    def ask(self, *words: str) -> Reply:
        """Send one command and read its reply."""
        self.send([word.encode("latin-1") for word in words])
        return self.read()

    def close(self) -> None:
        """Close it."""
        self.file.close()
        self.socket.close()

    def _read(self) -> Reply:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Gone("the server closed the connection" if not line else f"a torn line: {line[:80]!r}")
        kind, rest = line[:1], line[1:-2].decode("latin-1")
        if kind in b"+-":
            return line[:-2].decode("latin-1")
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            return self._text(int(rest)) if kind == b"$" else {"verbatim": self._text(int(rest))}
        if kind in b"*~>":
            items = None if rest == "-1" else [self._read() for _ in range(int(rest))]
            return items if kind == b"*" else {"set" if kind == b"~" else "push": items}
        if kind == b"%":
            return {"map": [[self._read(), self._read()] for _ in range(int(rest))]}
        if kind in b",(":
            return {"double" if kind == b"," else "big": rest}
        if kind == b"#":
            return rest == "t"
        if kind == b"_":
            return None
        raise Gone(f"this is no reply: {line[:80]!r}")

    def _text(self, length: int) -> str | None:
        if length < 0:
            return None
        data = self.file.read(length + 2)
        if len(data) != length + 2 or not data.endswith(b"\r\n"):
            raise Gone(f"a string of {length} bytes has another length")
        return data[:-2].decode("latin-1")


class Server:
    """A ``redis-server`` in a folder of its own, with its log."""

    def __init__(self, program: Path, folder: Path, *options: str) -> None:
        self.folder = folder
        self.socket = str(folder / "redis.sock")
        self.log = folder / "redis.log"
        self.options = options
        self.argv = [
            str(program),
            *("--port", "0", "--unixsocket", self.socket, "--dir", str(folder), "--logfile", str(self.log)),
            *("--save", "", "--daemonize", "no", "--maxclients", "100", "--maxmemory", "1gb"),
            *("--enable-debug-command", "yes", "--enable-protected-configs", "yes"),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Connection:
        """Start it and connect; raises Gone when it does not answer."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        output = subprocess.DEVNULL
        argv = [*self.argv, *self.options, *options]
        self.process = subprocess.Popen(argv, stdin=output, stdout=output, stderr=self.log.open("ab"))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError, Gone):
                connection = Connection(self.socket)
                if connection.ask("PING") == "+PONG":
                    return connection
                connection.close()
            if (code := self.process.poll()) is not None:
                raise Gone(f"redis-server ended at once, {_ending(code)}: {self.last_words()}")
            time.sleep(0.02)
        raise Hung(f"redis-server did not answer in {PATIENCE:g} s: {self.last_words()}")

    def wait(self) -> str:
        """Wait until it has ended by itself; how it did."""
        if self.process is None:
            return "never ran"
        try:
            return _ending(self.process.wait(PATIENCE))
        except subprocess.TimeoutExpired:
            return "still runs"

    def kill(self) -> None:
        """End it now."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The end of its log, in one line."""
        lines = self.log.read_text("latin-1", errors="replace").splitlines() if self.log.exists() else []
        telling = [line for line in lines if re.search(r"crash|BUG|assert|rror|atal|== ", line)]
        return " | ".join((telling or lines)[-3:])[-_SHOWN:]


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


class Tap:
    """The cases' results, one line each; of a failed one also what was expected and what came."""

    def __init__(self) -> None:
        self.count = self.failed = 0

    def case(self, name: str, expected: object, came: object, passed: bool) -> None:
        """Report one case."""
        self.count += 1
        self.failed += not passed
        shown = re.sub(r"[^ -~]|#", "?", name)[:110]
        print(f"{'ok' if passed else 'not ok'} {self.count} - {shown}", flush=True)
        if not passed:
            print(f"# expected: {_show(expected)}\n# came:     {_show(came)}", flush=True)

    def equal(self, name: str, expected: object, came: object) -> None:
        """A case that passes when both are the same."""
        self.case(name, expected, came, _same(expected, came))

    def finish(self) -> int:
        """The plan; the process's exit status."""
        print(f"1..{self.count}")
        if self.failed:
            print(f"# {self.failed} of {self.count} failed")
        return 1 if self.failed else 0


def _show(value: object) -> str:
    text = value if isinstance(value, str) and value.startswith("-") else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _same(one: object, other: object) -> bool:
    return json.dumps(one) == json.dumps(other)  # 1 is not true, 1.0 is not 1


def digest(value: object) -> str:
    """A short hash of a reply."""
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=6).hexdigest()


class Expected:
    """A known answer, as a line of the dialogue has it: an operator, if any, and JSON."""

    def __init__(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        self.operator = word if word in ("sorted", "match", "digest", "near") else ""
        self.text = rest.strip() if self.operator else line
        self.value: Any = self.text if self.operator in ("match", "digest") else json.loads(self.text)

    def fits(self, came: Reply) -> bool:
        """Whether that reply is the known answer."""
        if self.operator == "sorted":
            came = came.get("set") if isinstance(came, dict) else came
            return isinstance(came, list) and _same(sorted(came, key=json.dumps), sorted(self.value, key=json.dumps))
        if self.operator == "match":
            return re.fullmatch(self.value, came if isinstance(came, str) else json.dumps(came), re.DOTALL) is not None
        if self.operator == "digest":
            return bool(digest(came) == self.value)
        if self.operator == "near":  # a number of seconds or milliseconds that are left
            return isinstance(came, int) and 0 < came <= self.value
        return _same(self.value, came)

    def shown(self, came: Reply) -> object:
        """What to show as having come."""
        return f"{digest(came)} of {_show(came)}" if self.operator == "digest" else came


class Line:
    """A command of the dialogue, by which connection, and the answer that is known for it (None: do not read one)."""

    def __init__(self, text: str) -> None:
        found = re.match(r"(\d):\s*", text)
        self.connection = int(found[1]) if found else 1
        self.text = text[found.end() :] if found else text
        self.words = [_word(word) for word in re.findall(r'"(?:\\.|[^"\\])*"|\S+', self.text)]
        self.expected: Expected | None = None


def _word(word: str) -> bytes:
    text = json.loads(word) if word.startswith('"') else word
    repeated = re.fullmatch(r"(.+)\*(\d{2,})", text, re.DOTALL) if not word.startswith('"') else None
    return (repeated[1] * int(repeated[2]) if repeated else text).encode("latin-1")


def dialogue(lines: Iterable[str], version: str) -> Iterator[tuple[str, list[Line]]]:
    """The sections that are meant for that version, each with its lines."""
    major = version.partition(".")[0]
    name, wanted = "", False
    script: list[Line] = []
    for raw in lines:
        line = raw.rstrip("\n")
        if line.startswith("== "):
            if script:
                yield name, script
            name, _, only = line[3:].partition(" @")
            script, wanted = [], not only or only == major
        elif line.startswith("  ") and wanted:
            text = line.strip()
            if mine := re.match(r"(\d+)\| ", text):
                if mine[1] != major:
                    continue
                text = text[mine.end() :]
            script[-1].expected = Expected(text)
        elif line and not line.startswith("#") and wanted:
            script.append(Line(line))
    if script:
        yield name, script


class Session:
    """One run: the servers, the cases."""

    def __init__(self, files: tuple[Path, Path], programs: Path, version: str, folder: Path) -> None:
        with files[0].open(encoding="utf-8") as lines:
            self.sections = dict(dialogue(lines, version))
        self.tables: dict[str, dict[str, str]] = json.loads(files[1].read_text(encoding="utf-8"))
        self.programs = programs
        self.folder = folder
        self.tap = Tap()
        self.server = self.fresh("main")

    def fresh(self, name: str, *options: str) -> Server:
        """A server in a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        return Server(self.programs / "redis-server", folder, *options)

    def run(self) -> int:
        """Everything; the exit status."""
        parts: tuple[tuple[str, Callable[[], None]], ...] = (
            ("commands", self.commands),
            ("tables", self.compare_tables),
            ("persistence", self.persistence),
            ("tools", self.tools),
            ("cluster", self.cluster),
        )
        for name, part in parts:
            try:
                part()
            except Gone as gone:
                self.lost(name, gone)
                if isinstance(gone, Hung):
                    break
            finally:
                self.server.kill()
        return self.tap.finish()

    def lost(self, name: str, gone: Gone) -> None:
        """A case that says how the server was lost."""
        self.tap.case(f"{name}: the server stays up", "it does", f"{gone}: {self.server.last_words()}", False)

    def talk(self, name: str, first: Connection, server: Server) -> None:
        """Play one section: a case a known answer. The connections but the first are closed again."""
        connections = {1: first}
        try:
            for line in self.sections[name]:
                if line.connection not in connections:
                    connections[line.connection] = Connection(server.socket)
                connection = connections[line.connection]
                if line.words:
                    connection.send(line.words)
                if line.expected is None:
                    time.sleep(0.05)  # a command that blocks: it has to arrive before the next one
                    continue
                came = connection.read()
                title = f"{name}: {line.text or 'the next reply'}"
                self.tap.case(title, line.expected.text, line.expected.shown(came), line.expected.fits(came))
        finally:
            for number, connection in connections.items():
                if number != 1:
                    connection.close()

    def commands(self) -> None:
        """Every section whose name is not a part of another part; a lost server is started anew for the next one."""
        for name in self.sections:
            if ":" in name:
                continue
            try:
                connection = self.server.start()
                try:
                    self.talk(name, connection, self.server)
                finally:
                    connection.close()
            except Hung:
                raise
            except Gone as gone:
                self.lost(name, gone)
            finally:
                self.server.kill()

    def compare_tables(self) -> None:
        """What the server says of its commands, their documentation, categories and settings."""
        connection = self.server.start()
        said = tables_of(connection)
        connection.close()
        for kind, entries in self.tables.items():
            if kind == "help":
                continue
            for name in sorted(entries.keys() | said[kind].keys()):
                self.tap.equal(f"{kind}: {name}", entries.get(name), said[kind].get(name))

    def persistence(self) -> None:
        """The same data set after a reload from RDB, and from AOF."""
        connection = self.server.start()
        self.talk("load: data", connection, self.server)
        self.talk("load: save", connection, self.server)
        self.ends(connection, "SHUTDOWN NOSAVE")
        self.checks("redis-check-rdb", "dump.rdb", r"\[offset \d+\] \\o/ RDB looks OK! \\o/")
        connection = self.server.start()
        self.talk("load: again", connection, self.server)
        self.talk("load: aof", connection, self.server)
        self.rewritten(connection)
        self.talk("load: rewrite", connection, self.server)
        self.rewritten(connection)
        self.talk("load: append", connection, self.server)
        self.ends(connection, "SHUTDOWN")
        self.checks("redis-check-aof", "appendonlydir/appendonly.aof.manifest", r"All AOF files and manifest are valid")
        connection = self.server.start("--appendonly", "yes")
        self.talk("load: appended", connection, self.server)
        self.ends(connection, "SHUTDOWN")

    def rewritten(self, connection: Connection) -> None:
        """Cases: a rewrite of the AOF ends, well."""
        until = time.monotonic() + PATIENCE
        while "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0" not in (
            info := connection.ask("INFO", "persistence")
        ):
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        for field in ("aof_enabled:1", "aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:ok"):
            self.tap.case(f"aof: {field}", field, info[-_SHOWN:], field in info)

    def ends(self, connection: Connection, command: str) -> None:
        """A case: the server ends by that command, with exit status 0."""
        connection.send([word.encode() for word in command.split()])
        how = self.server.wait()
        connection.close()
        self.tap.case(
            f"{command} ends the server", "exit status 0", f"{how}: {self.server.last_words()}", how == "exit status 0"
        )

    def checks(self, program: str, file: str, pattern: str) -> None:
        """A case: a checking program likes a file."""
        status, output = self.program(program, str(self.server.folder / file))
        passed = status == "exit status 0" and re.search(pattern, output) is not None
        self.tap.case(f"{program} {file}", pattern, f"{status}: {output[-_SHOWN:]}", passed)

    def program(self, name: str, *arguments: str, stdin: bytes = b"") -> tuple[str, str]:
        """Run one of the programs; how it ended and what it printed."""
        argv = [str(self.programs / name), *arguments]
        environment = {**os.environ, "HOME": str(self.folder)}
        try:
            done = subprocess.run(
                argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, env=environment
            )
        except subprocess.TimeoutExpired as late:
            return "still runs", (late.stdout or b"").decode("latin-1")
        return _ending(done.returncode), done.stdout.decode("latin-1")

    def tools(self) -> None:
        """``redis-cli`` and ``redis-benchmark`` against a server."""
        self.server = self.fresh("tools")
        connection = self.server.start()
        for line in self.sections["tools: redis-cli"]:
            words = [word.decode("latin-1") for word in line.words]
            stdin = b""
            if "<" in words:
                words, stdin = words[: words.index("<")], line.words[-1]
            status, output = self.program("redis-cli", "-s", self.server.socket, *words, stdin=stdin)
            if line.expected is not None:
                came = [status.removeprefix("exit status "), output]
                self.tap.case(f"redis-cli: {line.text}", line.expected.text, came, line.expected.fits(came))
        for topic, known in self.tables["help"].items():
            status, output = self.program("redis-cli", "-s", "nowhere", "help", topic)
            self.tap.equal(f"redis-cli: help {topic}", known, digest(output) if "status 0" in status else status)
        tests = "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset"
        options = ("-q", "-n", "200", "-c", "5", "-P", "4", "-d", "20", "--csv", "-t", tests)
        status, output = self.program("redis-benchmark", "-s", self.server.socket, *options)
        rows = re.findall(r'^"([A-Z]+)[^"]*",(?:"[^"]*",?)+\s*$', output, re.MULTILINE)
        ran, expected = (
            " ".join(rows),
            "SET GET INCR LPUSH RPUSH LPOP RPOP SADD HSET SPOP ZADD ZPOPMIN LPUSH LRANGE MSET",
        )
        passed = status == "exit status 0" and ran == expected
        self.tap.case("redis-benchmark", expected, [status, ran, output[-_SHOWN:]], passed)
        self.talk("tools: after the benchmark", connection, self.server)
        connection.close()

    def cluster(self) -> None:
        """One node of a cluster: key slots are CRC16."""
        port = _free_port()
        self.server = self.fresh("node", "--port", str(port), "--cluster-enabled", "yes")
        connection = self.server.start()
        self.talk("node: cluster", connection, self.server)
        connection.close()


def _free_port() -> int:
    """A port that is free, and so is the one 10000 above, for the cluster's bus."""
    for port in range(21000, 22000):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 10000))
            return port
    raise Gone("no free port")


def tables_of(connection: Connection) -> dict[str, dict[str, str]]:
    """What a server says of its own tables: a digest a command, a digest an ACL category, the value of a setting."""
    described = {item[0]: _plain(item) for item in connection.ask("COMMAND")}
    documented = _pairs(connection.ask("COMMAND", "DOCS"))
    categories = connection.ask("ACL", "CAT")
    settings = _pairs(connection.ask("CONFIG", "GET", "*"))
    ours = {"dir", "unixsocket", "logfile", "pidfile", "bind", "port"}
    return {
        "COMMAND INFO": {name: digest(value) for name, value in described.items()},
        "COMMAND DOCS": {name: digest(_plain(value)) for name, value in documented.items()},
        "ACL CAT": {name: digest(sorted(connection.ask("ACL", "CAT", name.lstrip("+")))) for name in categories},
        "CONFIG GET": {name: value for name, value in sorted(settings.items()) if name not in ours},
        "HELP": {name: digest(connection.ask(name, "HELP")) for name in _with_help(connection)},
        "INFO fields": {name: digest(_fields(connection.ask("INFO", name))) for name in _INFO.split()},
    }


def _with_help(connection: Connection) -> Iterator[str]:
    """The commands that have a subcommand HELP."""
    for name in sorted(connection.ask("COMMAND", "LIST")):
        if name.endswith("|help"):
            yield name.removesuffix("|help")


def _fields(info: str) -> list[str]:
    return [line.partition(":")[0] for line in info.split("\r\n")]


def _pairs(flat: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _plain(value: Reply) -> Reply:
    """A reply in which subcommands, which come in the order of a hash table, are sorted."""
    if not isinstance(value, list):
        return value
    items = [_plain(item) for item in value]
    listed = items and all(isinstance(item, list) and item and isinstance(item[0], str) for item in items)
    named = listed and all("|" in item[0] for item in items)
    if named:
        return sorted(items, key=json.dumps)
    if "subcommands" in items[:-1:2] and isinstance(items[items.index("subcommands") + 1], list):
        place = items.index("subcommands") + 1
        items[place] = sorted(_pairs(items[place]).items())
    return items


def main() -> int:
    """Run the session in a temporary folder."""
    script, tables, programs, version = sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    try:
        return Session((Path(script), Path(tables)), Path(programs), version, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
