"""The live picture in a real browser, at a server that takes no call: what is tried, and when again."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from app.ui import live_picture
from registry.testing.chromium import ARGUMENTS
from registry.testing.requirements import require_tool
from registry.vision.encoding import encode_jpeg

_PICTURE = encode_jpeg(np.full((90, 160, 3), 70, np.uint8))
_PAGE = f"""<!doctype html><style>{live_picture._STYLE}</style><main style="width: 640px">{live_picture._HTML}</main>
<script type="module">
import draw from "/player.js"
const pictures = {{ stream: "/picture", still: "/picture", note: "", on: true, every_ms: 500 }}
window.show = (label) => draw({{
  parentElement: document.querySelector("main"),
  data: {{ label, offer: `/offer?${{label}}`, ...pictures }},
}})
window.show("Live picture of Yard")
</script>"""


@dataclass
class Asked:
    """What a page asked for: offers it made, pictures it fetched."""

    url: str = ""
    offers: int = 0
    pictures: int = 0
    is_away: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    asked: ClassVar[Asked]

    def do_GET(self) -> None:
        if self.path == "/player.js":
            self._send(200, "text/javascript", live_picture._SCRIPT.encode())
        elif self.path.startswith("/picture"):
            self.asked.pictures += 1
            self._send(*(503, "text/plain", b"") if self.asked.is_away else (200, "image/jpeg", _PICTURE))
        else:
            self._send(200, "text/html; charset=utf-8", _PAGE.encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        with self.asked.lock:
            self.asked.offers += 1
        self._send(503, "application/json", b"{}")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"asked": made})) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}/"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = require_tool("chromium", "install it with your package manager, e.g. apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser.new_page()
        browser.close()


def still_clock(page: Page, asked: Asked) -> None:
    """Open the page; its timers go on only when told to."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.goto(asked.url)


def test_a_call_that_was_refused_is_made_again_by_itself_ever_later_behind_the_other_pictures(
    page: Page, asked: Asked
) -> None:
    still_clock(page, asked)
    again = page.get_by_role("button", name="Try live video again")
    for number, pause_ms in ((1, 4_000), (2, 8_000), (3, 16_000), (4, 32_000), (5, 60_000), (6, 60_000)):
        expect(again).to_be_visible()
        expect(page.locator("img.shown")).to_be_visible()
        assert asked.offers == number
        page.clock.run_for(pause_ms - 500)
        assert asked.offers == number
        with page.expect_response("**/offer?*"):
            page.clock.run_for(1_000)


def test_what_was_away_as_a_whole_begins_with_a_call_and_a_stream_once_it_is_back(page: Page, asked: Asked) -> None:
    asked.is_away = True
    stills: list[str] = []
    page.on("response", lambda each: stills.append(each.url) if "/picture?at=" in each.url else None)
    still_clock(page, asked)
    note = page.get_by_text("No picture at the moment")
    for _ in range(21):  # what fails meanwhile is heard of between two steps
        if not stills:
            page.clock.run_for(500)
            page.wait_for_timeout(50)
    assert stills, "the stream is given up within ten seconds"
    expect(note).to_be_visible()
    made = asked.offers
    asked.is_away = False
    with page.expect_request(lambda each: each.url.endswith("/picture")), page.expect_response("**/offer?*"):
        page.clock.run_for(1_000)
    expect(page.locator("img.shown")).to_be_visible()
    expect(note).to_be_hidden()
    assert asked.offers == made + 1


def test_after_a_call_that_failed_live_video_is_tried_again_when_somebody_asks_and_at_another_camera(
    page: Page, asked: Asked
) -> None:
    still_clock(page, asked)
    again = page.get_by_role("button", name="Try live video again")
    expect(page.locator("img.shown")).to_be_visible()
    expect(again).to_be_visible()
    assert asked.offers == 1
    page.evaluate("void window.show('Live picture of Yard')")  # the page is drawn once more
    expect(page.locator("img.shown")).to_be_visible()
    assert asked.offers == 1
    for number in (2, 3):
        again.click()
        expect(page.locator("img.shown")).to_be_visible()
        expect(again).to_be_visible()
        assert asked.offers == number
    page.evaluate("void window.show('Live picture of Gate')")
    expect(again).to_be_visible()
    page.wait_for_function("() => document.querySelector('img.shown')")
    assert asked.offers == 4


def test_a_browser_without_webrtc_is_offered_no_second_try(page: Page, asked: Asked) -> None:
    page.add_init_script("delete window.RTCPeerConnection")
    page.goto(asked.url)
    expect(page.locator("img.shown")).to_be_visible()
    expect(page.get_by_role("button", name="Try live video again")).to_be_hidden()
    assert asked.offers == 0
