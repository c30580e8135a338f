"""A headless Chromium that says what happens on a page: its DevTools protocol over two pipes, nothing else to install."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


class Browser:
    """One page. Everything it logs, asks for or throws is kept in `events` by method name."""

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            pytest.fail("no Chromium; `make test-all` installs it (apt-get install chromium)")
        there_read, here_write = os.pipe()
        here_read, there_write = os.pipe()
        # The protocol wants its ends as descriptors 3 and 4; plain sh knows no descriptor above 9.
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{there_read} 4>&{there_write}', program, *_FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen([*command, "about:blank"], pass_fds=(there_read, there_write), stderr=subprocess.DEVNULL)
        os.close(there_read)
        os.close(there_write)
        self._out, self._in = os.fdopen(here_write, "wb", 0), os.fdopen(here_read, "rb")
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: dict[str, list[dict[str, Any]]] = {}
        target = next(row for row in self.call("Target.getTargets")["targetInfos"] if row["type"] == "page")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._out.close()
        self._in.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come before are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, page: Path) -> None:
        """Load a file and wait until it has been."""
        self.events = {}
        self.call("Page.navigate", url=page.resolve().as_uri())
        while "Page.loadEventFired" not in self.events:
            self._receive()

    def value(self, script: str) -> Any:
        """What a JavaScript expression is in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"]["value"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = self._in.read1(65536)
            assert chunk, "Chromium ended"
            self._buffer += chunk
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.setdefault(message["method"], []).append(message["params"])
        return message
