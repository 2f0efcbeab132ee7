"""A small client of Chromium's DevTools protocol, over a pipe: real pages in a real browser, without more packages."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_USER = 64801  # never root: nobody's user, as in the sandbox


class Browser:
    """One headless browser with one tab."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM
        folder.mkdir(parents=True, exist_ok=True)
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(folder, _USER, _USER)
            as_user = {"user": _USER, "group": _USER, "extra_groups": []}
        self._log = (folder / "browser.log").open("wb")
        os.set_inheritable(read, True)
        os.set_inheritable(write, True)
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        pipes = f'exec "$0" "$@" 3<&{read} 4>&{write}'  # its fixed numbers; dash knows one digit only
        self._process = subprocess.Popen(
            ["bash", "-c", pipes, PROGRAM, *flags, "--remote-debugging-pipe", f"--user-data-dir={folder}/profile"],
            pass_fds=(read, write),
            stdout=self._log,
            stderr=self._log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
            cwd=folder,
            **as_user,
        )
        os.close(read)
        os.close(write)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        os.close(self._to)
        self._process.terminate()
        self._process.wait(20)
        os.close(self._from)
        self._log.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Load a file and wait until all of it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 20.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def key(self, key: str) -> None:
        """Press a key: one character, or Tab or Enter or Escape."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}.get(key)
        given: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code or ord(key.upper())}
        text = {"Enter": "\r"}.get(key, "" if code else key)
        self.call("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = f"(() => {{const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
        x, y = self.run(f"{box} return [r.x + r.width / 2, r.y + r.height / 2]}})()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A screenshot."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    @property
    def complaints(self) -> list[str]:
        """What the page's console, its scripts and its policy complained of, and what it asked for beyond files."""
        self.run("0")
        found = []
        for event in self.events:
            method, given = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(given["exceptionDetails"]))
            if method == "Log.entryAdded":
                found.append(str(given["entry"]["text"]))
            if method == "Network.requestWillBeSent":
                url = given["request"]["url"]
                found += [] if url.startswith(("file:", "data:")) else [f"asked for {url}"]
        return found

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._from, 1 << 20)
            assert piece, "the browser is gone"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message
