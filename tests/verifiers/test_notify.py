"""Webhooks and mail on loopback, and what is said where they fail; what is secret in an address is never shown."""

from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator

import pytest

from verifiers.nightly.notify import BadAddress, NotDelivered, NotInstalled, check, send


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of SMTP as one message needs (RFC 5321)."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mail: list[str] = []


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    text += line
                self.server.mail.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def address(box: Mailbox) -> str:
    return (
        f"mailto://127.0.0.1:{box.server_address[1]}?smtp=127.0.0.1&mode=insecure&from=cc@x.example&to=team@x.example"
    )


class TestSend:
    """Delivered, or said."""

    def test_mail(self, mailbox: Mailbox) -> None:
        """Title and lines arrive, as text."""
        send(address(mailbox), "ccverify: 1 newly failing", "FAIL newly failing p <b>\n  case a")
        (mail,) = mailbox.mail
        assert "Subject: ccverify: 1 newly failing" in mail
        assert "To: team@x.example" in mail
        assert "text/plain" in mail and "<br" not in mail

    def test_an_address_from_the_environment(self, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that no secret stands in verify.toml."""
        monkeypatch.setenv("CCVERIFY_MAIL", address(mailbox))
        send("$CCVERIFY_MAIL", "t", "b")
        assert len(mailbox.mail) == 1

    def test_nobody_there(self) -> None:
        """The message shows no password."""
        with pytest.raises(NotDelivered) as caught:
            send("json://user:hunter2@127.0.0.1:9/x", "t", "b")
        assert "hunter2" not in str(caught.value) and "json://…" in str(caught.value)


class TestCheck:
    """Before a night begins."""

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("nonsense://user:hunter2@x", "nonsense://…: apprise knows no such address"),
            ("json://$CCVERIFY_NOT_SET/x", "$CCVERIFY_NOT_SET is not set"),
        ],
    )
    def test_wrong_addresses(self, url: str, says: str) -> None:
        """One line, exit code 2, nothing secret."""
        with pytest.raises(BadAddress) as caught:
            check([url])
        assert says in str(caught.value) and "hunter2" not in str(caught.value)
        assert caught.value.exit_code == 2

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is named; and who tells nobody needs none."""
        monkeypatch.setitem(sys.modules, "apprise", None)
        check([])
        with pytest.raises(NotInstalled, match=r"ccverify\[notify\]"):
            check(["json://localhost"])
