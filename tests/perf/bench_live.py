"""Glass to glass: from the moment a camera sends a picture to the moment it stands in a browser's page.

A real Chromium shows the camera's page of a real platform, once by WebRTC and once, where no packet gets through, as
MJPEG. The pictures carry their number; the page's picture is read every 20 ms, and a number counts when it is first
seen. The same camera read by OpenCV beside it says how much of that is decoding alone. Before that: how long the first
picture takes by WebRTC, from the browser's call; and what five viewers cost the camera's analysis.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
from aioice.ice import get_host_addresses
from playwright.sync_api import Browser, Page, expect, sync_playwright

from registry.testing.chromium import ARGUMENTS, NO_WAY_THROUGH
from registry.testing.platform import Running, change_settings, running_platform, signed_in
from registry.testing.requirements import require_address, require_tool
from tests.perf import live_viewers
from tests.perf.clients import quantile
from tests.perf.clock_camera import BITS, LEFT, SIDE, SIZE_WH, TOP, ClockCamera, number_in
from tests.perf.report import Report, spread

MOST_WEBRTC_MS, MOST_MJPEG_MS = 700.0, 1_000.0
MOST_FIRST_MS, FIRST_CALLS = 3_000.0, 5
MOST_SLOWER, MOST_AGE_MS = 1.05, 500.0
WATCHED_S, _PATIENCE_MS = 30.0, 120_000
_SETTLING_MS = 3_000  # the beginning of a stream is not its usual course
_NOTE_CALL = """
const Real = RTCPeerConnection
window.RTCPeerConnection = class extends Real {
  constructor(asked) { super(asked); window.calledAt ??= Date.now() }
}
"""
_LOOK = """(frame, [width, height, left, top, side, bits]) => {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d", { willReadFrequently: true })
  const bright = (column, row) => {
    const at = [left + column * side + side / 2, top + row * side + side / 2]
    return context.getImageData(at[0], at[1], 1, 1).data[1] > 127
  }
  window.seen = {}
  setInterval(() => {
    const shown = frame.querySelector("video.shown, img.shown")
    if (!shown) return
    context.drawImage(shown, 0, 0, width, height)
    let number = 0
    for (let bit = 0; bit < bits; bit += 1) {
      const is = bright(bit, 0)
      if (is === bright(bit, 1)) return
      if (is) number += 2 ** bit
    }
    if (number !== window.last) { window.last = number; (window.seen[number] ??= []).push(Date.now()) }
  }, 20)
}"""


def main() -> Report:
    """One way, then the other."""
    require_address()
    host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
    with (
        ClockCamera(host) as camera,
        tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder,
        running_platform(Path(folder), demo=True, cameras=True) as running,
        sync_playwright() as playwright,
    ):
        change_settings(running, camera_networks=[f"{host}/32"])
        camera_id = _add(running, camera.url)
        program = require_tool("chromium", "install it with your package manager, e.g. apt install chromium")
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        viewing = live_viewers.measure(running, camera_id)
        first = [_first_ms(chromium, running, camera_id) for _ in range(FIRST_CALLS)]
        webrtc = _ages_ms(_page(chromium, running, camera_id), "video.shown", camera)
        mjpeg = _ages_ms(_page(chromium, running, camera_id, NO_WAY_THROUGH), "img.shown", camera)
        chromium.close()
    with ClockCamera(host) as camera:
        plain = _plain_ms(camera)
    ways = {"webrtc": webrtc, "mjpeg": mjpeg}
    p95 = {name: quantile(ages, 0.95) for name, ages in ways.items()}
    return Report(
        name="live",
        figures={
            name: {**spread(ages), "p95": p95[name], "pictures_a_second": len(ages) / WATCHED_S}
            for name, ages in ways.items()
        }
        | {"first_webrtc_ms": spread(first), "viewing": asdict(viewing)},
        baseline={"name": "OpenCV reads the same camera", **spread(plain), "p95": quantile(plain, 0.95)},
        ratio=p95["webrtc"] / MOST_WEBRTC_MS,
        bound=1.0,
        repeats=len(webrtc),
        limits={
            "webrtc_p95_ms": (p95["webrtc"], MOST_WEBRTC_MS),
            "mjpeg_p95_ms": (p95["mjpeg"], MOST_MJPEG_MS),
            "first_webrtc_ms": (max(first), MOST_FIRST_MS),
            "analysed_alone_over_watched": (viewing.alone.analysed_fps / viewing.watched.analysed_fps, MOST_SLOWER),
            "watched_age_p95_ms": (viewing.watched.age_p95_ms, MOST_AGE_MS),
        },
    )


def _add(running: Running, url: str) -> str:
    """A started camera with the starter detector; its id, once it is live."""
    with signed_in(running) as client:
        about = {"name": "Clock", "url": url, "model": "digit-detector"}
        camera = client.post("/api/v1/cameras", json=about).raise_for_status().json()
        deadline = time.monotonic() + _PATIENCE_MS / 1_000
        while camera["state"] != "live":
            if time.monotonic() > deadline:
                raise RuntimeError(f"the camera does not come: {camera['state']}, {camera['detail']}")
            time.sleep(0.5)
            camera = client.get(f"/api/v1/cameras/{camera['id']}").raise_for_status().json()
        return str(camera["id"])


def _page(chromium: Browser, running: Running, camera_id: str, script: str = "") -> Page:
    """The camera's page in a window of its own."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    if script:
        page.add_init_script(script)
    page.goto(running.url)
    page.get_by_label("User name").fill(running.username)
    page.get_by_label("Password", exact=True).fill(running.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible(timeout=_PATIENCE_MS)
    page.goto(f"{running.url}/cameras?camera={camera_id}")
    return page


def _first_ms(chromium: Browser, running: Running, camera_id: str) -> float:
    """From the call to the first picture in the page; a window of its own each time, in which nobody watched before."""
    page = _page(chromium, running, camera_id, _NOTE_CALL)
    page.get_by_role("img", name="Live picture of Clock").locator("video.shown").wait_for()
    shown_at = time.time() * 1e3
    took_ms = shown_at - float(page.evaluate("window.calledAt"))
    page.context.close()
    return took_ms


def _ages_ms(page: Page, shown: str, camera: ClockCamera) -> list[float]:
    """How old each picture was when the page first showed it, over some time; closes the page."""
    picture = page.get_by_role("img", name="Live picture of Clock")
    picture.locator(shown).wait_for()
    page.wait_for_timeout(_SETTLING_MS)
    picture.evaluate(_LOOK, [*SIZE_WH, LEFT, TOP, SIDE, BITS])
    ages, end = list[float](), time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        page.wait_for_timeout(5_000)  # a number comes again after twenty seconds
        seen = page.evaluate("() => { const told = window.seen; window.seen = {}; return told }")
        ages += _ages(seen, camera)
    assert picture.locator(shown).count() == 1
    page.context.close()
    return ages


def _ages(seen: dict[str, Sequence[float]], camera: ClockCamera) -> list[float]:
    ages = [at - camera.sent[int(number)] * 1e3 for number, times in seen.items() for at in times[:1]]
    return [age for age in ages if age >= 0]  # a number that was sent again meanwhile


def _plain_ms(camera: ClockCamera) -> list[float]:
    """How old each picture is when a plain reader has it."""
    capture, ages = cv2.VideoCapture(camera.url), list[float]()  # noqa: TID251 - what we are set against
    settled = time.monotonic() + _SETTLING_MS / 1_000
    end = settled + WATCHED_S / 3
    while time.monotonic() < end:
        read, picture = capture.read()
        if not read:
            raise RuntimeError("OpenCV does not read the camera")
        if time.monotonic() > settled:
            ages.append((time.time() - camera.sent[number_in(picture)]) * 1e3)
    capture.release()
    return ages
