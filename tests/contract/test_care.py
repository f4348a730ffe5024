"""Clean-ups and backups over HTTP: what is asked by default, and what is refused."""

import httpx

from registry.records import Role
from tests.contract.asking_work import no_clean_up
from tests.contract.conftest import House, refusal


def _post(house: House, what: str, body: object = None, role: Role = Role.ADMIN) -> httpx.Response:
    return house.client.post(f"/api/v1/care/{what}", json=body, headers=house.bearers[role])


def test_without_a_word_a_clean_up_only_counts(house: House) -> None:
    no_clean_up(house, Role.ADMIN)
    answer = house.client.post("/api/v1/care/clean", headers=house.bearers[Role.ADMIN])
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["parameters"]) == ("clean", {"dry_run": True, "job_days": 30, "history_days": 90})
    assert house.client.get(answer.headers["location"], headers=house.bearers[Role.ADMIN]).json()["id"] == job["id"]
    refusal(_post(house, "clean", {}), 409, "conflict")
    no_clean_up(house, Role.ADMIN)


def test_a_backup_keeps_as_many_as_it_is_told(house: House) -> None:
    job = _post(house, "backup", {"keep": 2}).json()
    assert (job["kind"], job["state"], job["parameters"]) == ("backup", "queued", {"keep": 2})


def test_what_cannot_be_is_refused(house: House) -> None:
    for what, body in (("clean", {"job_days": 0}), ("clean", {"what": 1}), ("backup", {"keep": 366}), ("backup", [])):
        assert _post(house, what, body).status_code == 422
    refusal(_post(house, "clean", {"dry_run": False}, Role.ENGINEER), 403, "forbidden")
