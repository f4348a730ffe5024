"""The demo camera of a whole platform: seen, counted, watched live, with models that come, break and go."""

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

from registry.access.actor import local_actor
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.records import Role, open_database
from registry.testing.hook_receiver import hook_receiver
from registry.testing.onnx_models import model_with_outputs
from registry.testing.played import play
from registry.testing.requirements import miss, require_address, require_tool
from registry.testing.set_clock import SetClock
from registry.testing.webrtc_viewer import watching
from tests.faults.platform_chaos import ENGINE_KILLED, accounts, victims
from tests.faults.proxy import Fault
from tests.prepared_platform import prepared_platform
from tests.registry.worker.walk import PLAY, Walk, digit_detector, event_samples, play_film

LOOKED_AGAIN_S = 3.0
ENDS_S = 2.0
DELETED_S = 10.0  # the worker hears of it with its next look at what it runs
LIVE_AGAIN_S = 30.0
PICTURE = b"--picture\r\n"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    home = tmp_path_factory.mktemp("cameras") / "home"
    always = {"shadow_below": "100"}  # other tests may want all processors meanwhile
    clock = SetClock(tmp_path_factory.mktemp("clock"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clock.environment.items():
            patch.setenv(name, value)
        with prepared_platform(home, demo=True, cameras=True, further=always) as running:
            yield Walk(running, clock)


@pytest.fixture(scope="module")
def registry(walk: Walk) -> Iterator[ModelRegistry]:
    database = open_database(walk.running.settings.records_url)
    yield ModelRegistry(walk.running.settings, database)
    database.close()


def test_the_demo_camera_sees_tracks_counts_and_makes_events(walk: Walk) -> None:
    walk.wait(lambda: walk.inferred().get("digit-detector/1", 0) > 20, "frames that were looked at")
    walk.wait(lambda: sum(walk.info()["counts"].get("middle", {}).values()) > 0, "crossings")
    walk.wait(lambda: walk.http.get("/api/v1/camera-events").json()["total"] > 0, "events")
    event = walk.http.get("/api/v1/camera-events").json()["items"][0]
    assert (event["rule"], event["model"], event["kind"]) == ("came to the right", "digit-detector/1", "object")
    assert walk.http.get(event["links"]["snapshot"]).content[:2] == b"\xff\xd8"
    told = walk.info()
    assert (told["state"], told["size"], told["model"]) == (
        "live",
        [640, 360],
        {"name": "digit-detector", "version": 1, "problem": ""},
    )
    assert told["tracks"]
    assert walk.http.get("/health/ready").json()["checks"]["worker"] == "ok"
    camera = f"/api/v1/cameras/{walk.camera_id}"
    before = walk.http.get(camera).json()
    assert before["unknown_labels"] == []
    typo = {**before["analysis"]["rules"][0], "name": "typo", "labels": ["7", "sevn"]}
    for rules, unknown in (([*before["analysis"]["rules"], typo], ["sevn"]), (before["analysis"]["rules"], [])):
        walk.http.put(camera, json={"analysis": {"rules": rules}}).raise_for_status()
        walk.wait(lambda want=unknown: walk.http.get(camera).json()["unknown_labels"] == want, "what it knows")  # type: ignore[misc]


def test_pictures_are_for_those_who_may_see_cameras_and_end_with_their_sign_in(walk: Walk) -> None:
    people = {}
    for role in (Role.USER, Role.OPERATOR):
        given = {"username": f"the-{role}", "password": "correct horse battery", "role": role}
        walk.http.post("/api/v1/users", json=given).raise_for_status()
        people[role] = walk.sign_in(given["username"], given["password"])
    snapshot = f"/api/v1/cameras/{walk.camera_id}/snapshot"
    drawn, plain = (walk.http.get(snapshot, params={"overlay": each}).content for each in ("true", "false"))
    assert drawn[:2] == plain[:2] == b"\xff\xd8"
    assert walk.http.get(snapshot, headers=people[Role.USER]).status_code == 403
    with walk.live(people[Role.USER]) as refused:
        assert refused.status_code == 403
    assert httpx.get(f"{walk.running.url}/live/{walk.camera_id}.mjpg", timeout=60).status_code == 401
    with walk.live(people[Role.OPERATOR]) as watched:
        assert watched.headers["content-type"] == "multipart/x-mixed-replace; boundary=picture"
        parts = watched.iter_raw()
        seen = b""
        while seen.count(PICTURE) < 3:
            seen += next(parts)
        walk.http.post("/api/v1/auth/logout", headers=people[Role.OPERATOR]).raise_for_status()
        left_at = time.monotonic()
        for _ in parts:
            assert time.monotonic() - left_at < ENDS_S + 2
    assert walk.http.get("/live/" + "0" * 32 + ".mjpg").status_code == 404
    for word, status in (("false", 404), ("0", 404), ("maybe", 422), ("", 422)):
        answer = walk.http.get(f"/live/{'0' * 32}.mjpg", params={"overlay": word})
        assert answer.status_code == status, word


def test_people_watch_by_webrtc_until_their_sign_in_ends_and_leave_nothing_behind(walk: Walk) -> None:
    given = {"username": "wall", "password": "correct horse battery", "role": Role.OPERATOR}
    walk.http.post("/api/v1/users", json=given).raise_for_status()
    headers = walk.sign_in(given["username"], given["password"])
    walk.wait(lambda: walk.info()["state"] == "live", "pictures")
    offer = f"{walk.running.url}/live/{walk.camera_id}/offer"
    before = walk.udp_sockets()

    async def watch(overlay: str) -> tuple[float, float]:
        async with watching(f"{offer}?overlay={overlay}", headers) as watched:
            first = await watched.picture()
            first_s = time.monotonic() - watched.asked_at
            assert (first.width, first.height) == (640, 360)
            for _ in range(10):
                assert (await watched.picture()).pts > first.pts
            await all_watch.wait()
            left_at = time.monotonic()
            if overlay == "1":
                await asyncio.to_thread(walk.http.post, "/api/v1/auth/logout", headers=headers)
            return first_s, await watched.ended() - left_at

    async def walk_out() -> list[tuple[float, float]]:
        return await asyncio.gather(watch("1"), watch("0"), watch("0"))

    all_watch = asyncio.Barrier(3)
    for first_s, ended_s in asyncio.run(walk_out()):
        print(f"first picture after {first_s:.2f} s, ended {ended_s:.2f} s after the sign-out")
        assert ended_s < ENDS_S + 1
    walk.wait(lambda: walk.udp_sockets() == before, "the end of every connection", 20)


def test_an_offer_that_is_none_is_refused_and_leaves_nothing(walk: Walk) -> None:
    before, offer = walk.udp_sockets(), f"/live/{walk.camera_id}/offer"
    sdp = {"content-type": "application/sdp"}
    for body, status in ((b"v=0\r\n" + b"\xff" * 2_000, 422), (b"m" * 40_000, 413), (b"", 422)):
        refused = walk.http.post(offer, content=body, headers=sdp)
        assert (refused.status_code, "message" in refused.json()["error"]) == (status, True)
    assert walk.http.post(offer, content=b"v=0").status_code == 422
    for method, path in (("GET", offer), ("GET", "/live/"), ("POST", f"/live/{walk.camera_id}.mjpg"), ("PUT", offer)):
        refused = walk.http.request(method, path)  # and not the pages' own HTML
        assert (refused.status_code, "mjpg" in refused.json()["error"]["hint"]) == (404, True), (method, path)
    assert walk.http.post("/live/" + "0" * 32 + "/offer", content=b"v=0", headers=sdp).status_code == 404
    assert httpx.post(walk.running.url + offer, content=b"v=0", headers=sdp, timeout=60).status_code == 401
    foreign = sdp | {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site", "authorization": ""}
    assert httpx.post(walk.running.url + offer, content=b"v=0", headers=foreign, timeout=60).status_code == 403
    assert walk.udp_sockets() == before


def test_a_moved_alias_swaps_and_a_broken_version_never_does(walk: Walk, registry: ModelRegistry) -> None:
    good, card = digit_detector(registry.settings)
    actor = local_actor()
    registry.publish(actor, Draft("digit-detector", good, card, alias=""))
    connections = walk.info()["connections"]
    registry.set_alias(actor, "digit-detector", "champion", 2)
    took_s = walk.wait(lambda: walk.inferred().get("digit-detector/2", 0) > 0, "the new version")
    print(f"another version looks after {took_s:.1f} s, the delay of reports included")
    assert took_s < 20
    broken = dict.fromkeys(good, model_with_outputs((1, 3, 4)))
    registry.publish(actor, Draft("digit-detector", broken, card, alias=""))
    registry.set_alias(actor, "digit-detector", "champion", 3)
    walk.wait(lambda: "cannot run" in walk.info()["model"]["problem"], "the refusal")
    assert walk.info()["model"]["version"] == 2
    before = walk.inferred()["digit-detector/2"]
    walk.wait(lambda: walk.inferred()["digit-detector/2"] > before, "frames by the good one")
    registry.set_alias(actor, "digit-detector", "champion", 2)
    walk.wait(lambda: not walk.info()["model"]["problem"], "peace")
    assert walk.info()["connections"] == connections  # nobody connected anew for a model


def test_where_a_challenger_disagrees_is_a_candidate_for_a_label_and_goes_to_a_dataset(
    walk: Walk, registry: ModelRegistry
) -> None:
    files, card = digit_detector(registry.settings)
    other = card.model_copy(update={"labels": tuple(f"not {label}" for label in card.labels)})
    actor, http = local_actor(), walk.http
    made = registry.publish(actor, Draft("digit-detector", files, other, alias=""))
    registry.set_alias(actor, "digit-detector", "challenger", made.version)
    asked = {"kind": "disagreement", "camera": walk.camera_id}
    walk.wait(lambda: http.get("/api/v1/camera-events", params=asked).json()["total"], "a disagreement")
    found = http.get("/api/v1/camera-events", params=asked).json()["items"][-1]
    assert found["model"] == "digit-detector/2"
    assert found["detail"].startswith(f"digit-detector/{made.version} saw not {found['label']} instead of")
    walk.wait(lambda: walk.info()["shadow"]["kept"], "its count")
    assert walk.info()["shadow"]["model"] == f"digit-detector/{made.version}"
    assert walk.info()["model"]["version"] == 2, "nobody but the champion answers"
    sent = event_samples(walk.running.settings).send(actor, found["id"], "doubtful")
    assert (sent.number, sent.images) == (1, 1)
    assert http.get(f"/api/v1/camera-events/{found['id']}").json()["sent_to"] == "doubtful/1"
    http.delete("/api/v1/models/digit-detector/aliases/challenger").raise_for_status()


def test_a_crash_of_the_model_costs_seconds_and_every_frame_is_accounted_for(walk: Walk) -> None:
    walk.wait(lambda: walk.engine() is not None, "the engine")
    engine = walk.engine()
    assert engine is not None
    before = sum(walk.inferred().values())
    engine.kill()
    walk.wait(lambda: walk.info()["account"]["failed"] > 0 or sum(walk.inferred().values()) > before, "an effect")
    took_s = walk.wait(lambda: sum(walk.inferred().values()) > before + 2, "frames again")
    print(f"looked again after {took_s:.1f} s")
    told = accounts(walk.http.get("/metrics").text)
    assert all(each.balanced for each in told.values())
    assert told[walk.camera_id].captured > 0


def test_after_faults_every_frame_of_every_camera_has_had_one_end(walk: Walk) -> None:
    require_address()
    with victims(walk, 2) as it:
        it.harm((Fault.RESET, Fault.GARBAGE, ENGINE_KILLED, Fault.SILENCE), hold_s=1.5)
        for read in (it.told_by_app, it.told_by_worker):
            for camera_id, told in it.settled(read).items():
                ends = sum(told.inferred.values()) + told.gated + sum(told.dropped.values()) + told.failed
                assert told.captured == ends > 20, camera_id
                assert sum(told.inferred.values()) > 0
            assert walk.camera_id in accounts(read())


def test_a_clock_that_is_set_back_and_forward_loses_no_event_and_no_recording(walk: Walk) -> None:
    if not walk.clock.environment:
        miss("a C compiler", "e.g. apt install gcc")
    http, film = walk.http, walk.running.settings.home / "films" / "set.mp4"
    play_film(film)
    body = {"name": "set", "url": f"file://{film}", "recording": {"mode": "continuous"}}
    camera_id = http.post("/api/v1/cameras", json=body).raise_for_status().json()["id"]

    def told(what: str, camera: str) -> dict[str, dict[str, Any]]:
        items = http.get(f"/api/v1/{what}", params={"camera": camera, "size": 100}).raise_for_status().json()["items"]
        return {each["id"]: each for each in items}

    walk.wait(lambda: told("recordings", camera_id), "a segment")
    began, connections = time.monotonic(), walk.info()["connections"]
    old = {what: set(told(what, camera)) for what, camera in (("recordings", camera_id), ("camera-events", ""))}
    for ahead_s in (-3_600, 3_600, 0):
        walk.clock.set(ahead_s)
        http.headers.update(walk.sign_in(walk.running.username, walk.running.password))
        before = set(told("camera-events", walk.camera_id))
        walk.wait(lambda: set(told("camera-events", walk.camera_id)) - before, "events by the new time")  # noqa: B023
        assert walk.info()["state"] == walk.info(camera_id)["state"] == "live"
    recorded_s = time.monotonic() - began
    http.post(f"/api/v1/cameras/{camera_id}/stop").raise_for_status()

    def kept_s() -> float:
        lasted = [
            datetime.fromisoformat(each["ended_at"]) - datetime.fromisoformat(each["started_at"])
            for each in told("recordings", camera_id).values()
        ]
        assert min(lasted) > timedelta()
        return sum((each for each in lasted), timedelta()).total_seconds()

    walk.wait(lambda: kept_s() >= recorded_s, "the rows of all that was recorded", 30)
    assert set(told("recordings", camera_id)) >= old["recordings"]
    events = told("camera-events", "")
    assert set(events) >= old["camera-events"]
    over = [each for each in events.values() if each["ended_at"]]
    assert all(each["ended_at"] >= each["started_at"] for each in over)
    assert walk.info()["connections"] == connections
    http.delete(f"/api/v1/cameras/{camera_id}").raise_for_status()


def test_a_camera_is_deleted_while_it_is_watched_recorded_and_analysed(walk: Walk) -> None:
    http, film = walk.http, walk.running.settings.home / "films" / "doomed.mp4"
    play_film(film)
    body = {"name": "doomed", "url": f"file://{film}", "recording": {"mode": "continuous"}, "model": "digit-detector"}
    camera_id = http.post("/api/v1/cameras", json=body).raise_for_status().json()["id"]
    walk.wait(lambda: sum(walk.info(camera_id)["account"]["inferred"].values()) > 3, "frames that were looked at")
    walk.wait(lambda: http.get("/api/v1/recordings", params={"camera": camera_id}).json()["total"], "a segment")
    offer, headers = f"{walk.running.url}/live/{camera_id}/offer", {"Authorization": http.headers["Authorization"]}
    sockets, decoders = walk.udp_sockets(), walk.decoders()

    async def watch() -> float:
        async with watching(offer, headers) as watched:
            await watched.picture()
            with walk.live(camera_id=camera_id) as mjpeg:
                parts = mjpeg.iter_raw()
                next(parts)
                deleted_at = time.monotonic()
                (await asyncio.to_thread(http.delete, f"/api/v1/cameras/{camera_id}")).raise_for_status()
                await asyncio.to_thread(list, parts)
            return max(time.monotonic(), await watched.ended()) - deleted_at

    ended_s = asyncio.run(watch())
    print(f"both pictures ended {ended_s:.1f} s after the camera was deleted")
    assert ended_s < DELETED_S
    assert http.get(f"/live/{camera_id}.mjpg").status_code == 404
    walk.wait(lambda: walk.udp_sockets() == sockets, "the end of every connection", 20)
    walk.wait(lambda: walk.decoders() < decoders, "the end of its decoder", 20)
    assert walk.info()["state"] == "live", "the other camera goes on"
    kept = http.get("/api/v1/recordings").json()["items"]
    [mine, *_] = [each for each in kept if each["camera_id"] == camera_id]
    assert http.get(f"/api/v1/recordings/{mine['id']}").content[4:8] == b"ftyp", "what was recorded stays"


def _long_segments(http: httpx.Client, camera_id: str) -> list[dict[str, Any]]:
    """Segments of nearly ten seconds: whose camera did not begin anew within."""
    found = http.get("/api/v1/recordings", params={"camera": camera_id}).json()["items"]
    return [each for each in found if each["seconds"] > 8]


def test_a_camera_is_recorded_played_in_a_browser_and_exported(walk: Walk, tmp_path: Path) -> None:
    chromium = require_tool("chromium", "install it with your package manager, e.g. apt install chromium")
    http, film = walk.http, walk.running.settings.home / "films" / "test.mp4"
    play_film(film)
    with hook_receiver() as hook:
        allowed = {"value": ["127.0.0.0/8"]}
        http.put("/api/v1/settings/notification_networks", json=allowed).raise_for_status()
        http.put("/api/v1/settings/camera_networks", json={"value": ["10.0.0.0/8"]}).raise_for_status()
        told = {
            "name": "hook",
            "kind": "webhook",
            "address": f"http://127.0.0.1:{hook.port}/x",
            "wanted": {"kinds": ["offline"]},
        }
        http.post("/api/v1/notifications", json=told).raise_for_status()
        recording = {"mode": "continuous"}
        made = http.post("/api/v1/cameras", json={"name": "film", "url": f"file://{film}", "recording": recording})
        camera_id = made.raise_for_status().json()["id"]
        away = {"name": "nowhere", "url": "rtsp://10.255.255.1/none"}
        http.post("/api/v1/cameras", json=away).raise_for_status()
        walk.wait(lambda: _long_segments(http, camera_id), "a segment that nothing cut short")
        walk.wait(lambda: hook.seen, "a webhook")
        assert (hook.bodies[0]["kind"], hook.bodies[0]["camera"]["name"]) == ("offline", "nowhere")
    found = _long_segments(http, camera_id)[-1]
    link = f"/api/v1/recordings/{found['id']}"
    part = http.get(link, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"ftyp", "video/mp4")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        headers = {"Authorization": http.headers["Authorization"]}
        page = browser.new_context(bypass_csp=True, extra_http_headers=headers).new_page()
        page.goto(f"{walk.running.url}/health")
        shown = page.evaluate(PLAY, link)
        browser.close()
    assert shown["width"] == 640
    assert shown["seconds"] == pytest.approx(found["seconds"], abs=0.1)
    assert shown["at"] > 5
    begin = datetime.fromisoformat(found["started_at"]) + timedelta(seconds=2)
    asked = {"from": begin.isoformat(), "to": (begin + timedelta(seconds=4)).isoformat()}
    exported = http.get(f"/api/v1/cameras/{camera_id}/recording", params=asked).raise_for_status()
    (tmp_path / "export.mp4").write_bytes(exported.content)
    assert 100 <= play(tmp_path / "export.mp4").pictures <= 160
    scratch = walk.running.settings.recordings / ".scratch"
    walk.wait(
        lambda: not list(scratch.iterdir()), "the end of the export", 10
    )  # what was made for the answer is gone after it
    assert 'nexusai_camera_recording_total{camera="' in http.get("/metrics").text


def test_a_camera_is_live_again_soon_after_its_worker_was_killed(walk: Walk) -> None:
    walk.wait(lambda: walk.info()["state"] == "live", "pictures")
    before, worker = walk.info()["account"]["captured"], walk.worker()
    assert worker is not None
    assert before > 0

    def is_back() -> bool:
        told = walk.info()
        return (
            told["state"] == "live" and 0 < told["account"]["captured"] < before and walk.worker() not in {None, worker}
        )

    worker.kill()
    took_s = walk.wait(is_back, "the camera in another worker")
    print(f"live again {took_s:.1f} s after its worker was killed")
    assert took_s < LIVE_AGAIN_S
    walk.wait(lambda: sum(walk.inferred().values()) > 3, "frames that were looked at")
    assert walk.http.get(f"/api/v1/cameras/{walk.camera_id}/snapshot").content[:2] == b"\xff\xd8"
