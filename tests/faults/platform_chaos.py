"""Cameras of a whole platform under faults; afterwards every frame has had its one end, as `/metrics` says.

`make chaos` runs it after the faults of a pipeline alone, and writes build/chaos/accounts.json.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aioice.ice import get_host_addresses
from prometheus_client.parser import text_string_to_metric_families

from registry.records import open_database
from registry.settings import Settings
from registry.streams import Account
from registry.testing.bright_squares import bright_square_clip
from registry.testing.platform import change_settings, running_platform
from registry.testing.rtsp_server import RtspCamera
from registry.worker.leases import workers_alive
from registry.worker.live_proof import live_secret
from tests.faults.chaos import FOLDER
from tests.faults.proxy import Fault, FaultProxy
from tests.perf.report import machine, versions
from tests.registry.worker.walk import Walk

CAMERAS, CYCLES, HOLD_S = 4, 3, 4.0
ENGINE_KILLED = "engine killed"
FAULTS = (Fault.RESET, Fault.SILENCE, Fault.GARBAGE, Fault.HALF_OPEN, Fault.LOSS, Fault.DELAY, Fault.ABSENT)
_READY_S, _READING_S = 60.0, 0.3
_FAMILIES = {"nexusai_camera_captured", "nexusai_camera_frames", "nexusai_camera_pending"}


@dataclass(slots=True)
class Victims:
    """Cameras behind proxies that harm them, run by the worker of a platform."""

    walk: Walk
    ids: list[str]
    proxies: list[FaultProxy]
    faults: list[str] = field(default_factory=list)  # that were done

    def harm(self, faults: Sequence[str], hold_s: float) -> None:
        """One fault after another, each camera's turn; the next one once all are live again and were looked at."""
        for number, fault in enumerate(faults):
            proxy = self.proxies[number % len(self.proxies)]
            if fault == ENGINE_KILLED:
                engine = self.walk.engine()
                assert engine is not None, "no model's process runs"
                engine.kill()
            else:
                proxy.fault = Fault(fault)
            time.sleep(hold_s)
            proxy.fault = Fault.NONE
            self.wait_well()
            self.faults.append(fault)

    def wait_well(self) -> None:
        """Until every camera shows pictures and the model has looked at more of them."""
        before = {each: sum(self.walk.inferred(each).values()) for each in self.ids}

        def well(camera_id: str) -> bool:
            told = self.walk.info(camera_id)
            return told["state"] == "live" and sum(told["account"]["inferred"].values()) > before[camera_id]

        self.walk.wait(lambda: all(map(well, self.ids)), "pictures of every camera", _READY_S)

    def settled(self, read: Callable[[], str]) -> dict[str, Account]:
        """The account of each camera from a reading in which none of its frames was under way.

        Raises AssertionError for a reading, with frames under way or not, in which one is lost or counted twice.
        """
        found: dict[str, Account] = {}

        def look() -> bool:
            for camera_id, account in accounts(read()).items():
                assert account.balanced, f"{camera_id}: {account}"
                if not account.pending:
                    found.setdefault(camera_id, account)
            time.sleep(_READING_S)
            return found.keys() >= set(self.ids)

        self.walk.wait(look, "readings without a frame under way", _READY_S)
        return {each: found[each] for each in self.ids}

    def told_by_app(self) -> str:
        """`/metrics` as anybody who may reads it."""
        return self.walk.http.get("/metrics").raise_for_status().text

    def told_by_worker(self) -> str:
        """`/metrics` of the camera process itself."""
        return worker_metrics(self.walk.running.settings)


@contextmanager
def victims(walk: Walk, number: int) -> Iterator[Victims]:
    """So many cameras with the starter detector, all live; deleted afterwards. This machine has to have an address."""
    host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
    change_settings(walk.running, camera_networks=[f"{host}/32"])
    with tempfile.TemporaryDirectory() as folder:
        clip = bright_square_clip(Path(folder) / "clip.h264")
    cameras = [RtspCamera(clip) for _ in range(number)]
    proxies = [FaultProxy(camera.port, host) for camera in cameras]
    made = Victims(walk, [], proxies)
    try:
        for each, proxy in enumerate(proxies):
            about = {"name": f"Victim {each}", "url": f"rtsp://{host}:{proxy.port}/stream", "model": "digit-detector"}
            made.ids.append(walk.http.post("/api/v1/cameras", json=about).raise_for_status().json()["id"])
        made.wait_well()
        yield made
    finally:
        for camera_id in made.ids:
            walk.http.delete(f"/api/v1/cameras/{camera_id}")
        for each in (*proxies, *cameras):
            each.close()


def accounts(metrics: str) -> dict[str, Account]:
    """What became of the frames of each camera, by id, from Prometheus' text."""
    kinds: dict[str, dict[str, dict[str, int]]] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples if family.name in _FAMILIES else ():
            if sample.name.endswith("_created"):
                continue
            camera = kinds.setdefault(sample.labels["camera"], {})
            kind = sample.labels.get("outcome", family.name.rpartition("_")[2])
            counts = camera.setdefault(kind, {})
            detail = sample.labels.get("detail", "")
            counts[detail] = counts.get(detail, 0) + int(sample.value)
    return {
        camera_id: Account(
            captured=sum(found.get("captured", {}).values()),
            inferred=found.get("inferred", {}),
            gated=sum(found.get("gated", {}).values()),
            dropped=found.get("dropped", {}),
            failed=sum(found.get("failed", {}).values()),
            pending=sum(found.get("pending", {}).values()),
        )
        for camera_id, found in kinds.items()
    }


def worker_metrics(settings: Settings) -> str:
    """What the camera processes of a home say of themselves."""
    database = open_database(settings.records_url)
    try:
        with database.read() as session:
            urls = [worker.url for worker in workers_alive(session)]
    finally:
        database.close()
    proof = {"authorization": f"Bearer {live_secret(settings)}"}
    return "".join(httpx.get(f"{url}/metrics", headers=proof, timeout=30).raise_for_status().text for url in urls)


def run(cycles: int = CYCLES, cameras: int = CAMERAS, hold_s: float = HOLD_S) -> dict[str, Any]:
    """Every fault so many times on a platform of its own; the report."""
    with (
        tempfile.TemporaryDirectory(prefix="nexusai-chaos-") as folder,
        running_platform(Path(folder) / "home", demo=True, cameras=True) as running,
        victims(Walk(running), cameras) as it,
    ):
        for _ in range(cycles):
            it.harm((*FAULTS, ENGINE_KILLED), hold_s)
        told = {"app": it.settled(it.told_by_app), "worker": it.settled(it.told_by_worker)}
        faults = list(it.faults)
    found = {who: {each: asdict(account) for each, account in by.items()} for who, by in told.items()}
    return {
        "name": "accounts",
        "cameras": cameras,
        "faults": faults,
        "accounts": found,
        "holds": all(each.balanced and not each.pending for by in told.values() for each in by.values()),
        "machine": machine(),
        "versions": versions(),
    }


def main() -> int:
    """Write build/chaos/accounts.json and print a line for each camera."""
    report = run()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "accounts.json").write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    for account in report["accounts"]["worker"].values():
        print(f"  {Account(**account)}")
    verdict = "holds" if report["holds"] else "MISSED"
    print(f"accounts: {len(report['faults'])} faults on {report['cameras']} cameras, every frame once: {verdict}")
    return 0 if report["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
