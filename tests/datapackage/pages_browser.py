"""A headless Chromium, driven over a pipe with the DevTools protocol: no driver and no library in between."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.pages import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--renderer-process-limit=1",  # starting processes takes longer than the pages
    "--remote-debugging-pipe",
)
_PATIENCE = 40.0

DRAWN = "[...document.querySelectorAll('[data-chart]')].every((each) => each.querySelector('svg, p'))"
"""Whether every chart is there, or the sentence that is in its place."""


def chromium() -> str:
    """Return the path of a Chromium; without one the test is skipped, or fails where all tests must run."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    sentence = "No Chromium on the PATH (chromium, chromium-browser, google-chrome): the page was not tried."
    if os.environ.get("CI"):
        pytest.fail(f"{sentence} On Debian: apt-get install chromium.")
    pytest.skip(sentence)


class Browser:
    """A connection to a running Chromium."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result. Events that arrive meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._receive], [], [], _PATIENCE)[0], "Chromium did not answer."
            piece = os.read(self._receive, 1 << 20)
            assert piece, "Chromium has ended."
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """One open page in a tab of its own, with everything that it complained of and requested."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def open(self, path: Path, width: int = 1280, height: int = 844, fragment: str = "") -> None:
        """Open a file in a window of a size in pixels, and wait until the charts are drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=path.as_uri() + fragment)
        self.settle()

    def settle(self) -> None:
        """Wait until the charts are drawn."""
        self.wait_for("document.readyState === 'complete'")
        self.wait_for("!document.getElementById('figures') || document.documentElement.dataset.ready")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"{condition} did not come true. {self.complaints}"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def find(self, table: str, words: str) -> list[str]:
        """Search a table, and return the first cells of the lines that it shows then."""
        found: list[str] = self.evaluate(
            f"(() => {{ const input = document.querySelector('[data-filters={table}]'); input.value = {words!r};"
            " input.dispatchEvent(new Event('input'));"
            f" return [...document.getElementById({table!r}).tBodies[0].rows].map((row) =>"
            " row.cells[0].innerText); })()"
        )
        return found

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result. Events of this page are noted."""
        result = self._browser.call(method, self._session, **params)
        events, self._browser.events = self._browser.events, []
        for event in events:
            if event.get("sessionId") == self._session:
                self._note(event)
        return result

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(str(params["entry"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])


def write(contents: Contents, folder: Path) -> Path:
    """Write the page of a package into a folder."""
    path = folder / "index.html"
    path.write_bytes(render(contents)["index.html"])
    return path


def choose(page: Page, select: str, value: str) -> None:
    """Choose an entry of a select element."""
    page.evaluate(
        f"(() => {{ const s = document.getElementById({select!r}); s.value = {value!r};"
        " s.dispatchEvent(new Event('change')); })()"
    )


def scheme(page: Page, colours: str) -> None:
    """Prefer light or dark colours."""
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colours}])


def assert_axe_finds_nothing(page: Page, path: Path) -> None:
    """Check a page with all that is folded, on a wide screen in the dark and on a phone in the light."""
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    for width, colours in ((1366, "dark"), (390, "light")):
        scheme(page, colours)
        page.open(path, width)
        page.wait_for(DRAWN)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.evaluate(f"{axe}; 0")
        found = page.evaluate(
            "axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, ...nodes.map((each) => each.html)]))"
        )
        assert found == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a Chromium with its data in a folder."""
    path = chromium()
    to_read, to_send = os.pipe()
    to_receive, to_write = os.pipe()
    # Chromium reads from its descriptor 3 and writes to 4, whatever the numbers are here.
    command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", command, "bash", path, *_FLAGS, f"--user-data-dir={folder}"],
        pass_fds=(to_read, to_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(to_write)
    try:
        yield Browser(to_send, to_receive)
    finally:
        os.close(to_send)
        os.close(to_receive)
        process.terminate()
        process.wait(timeout=30)
