"""Prefect's HTTP API, as far as handing over jobs needs it; each call ends within seconds."""

from contextlib import suppress
from typing import Any

import httpx
import psutil

from flows.prefect_server import api_url, basic_authorization
from registry.errors import PrefectUnavailable
from registry.jobs.care import Standing
from registry.records import Job, JobState
from registry.settings import Settings

_TIMEOUT_S = 5.0
_STANDINGS: dict[str, Standing] = {
    "SCHEDULED": "waiting",
    "PENDING": "starting",
    "RUNNING": "starting",
    "PAUSED": "starting",
    "CANCELLING": "starting",
    "CANCELLED": "cancelled",
}
_ENDS = {JobState.SUCCEEDED: "COMPLETED", JobState.FAILED: "FAILED", JobState.CANCELLED: "CANCELLED"}
_TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class PrefectApi:
    """The runs of one Prefect server, which may move to another port or be away for a while."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            self.ping()
        except PrefectUnavailable:
            return False
        return True

    def ping(self) -> None:
        """Raise PrefectUnavailable unless the server answers."""
        _good_status(self._call("GET", "/health"))

    def start(self, job: Job) -> str:
        """See `registry.jobs.care.Runs`: the ticket is the idempotency key."""
        if self._settings.work_pool:
            self._check_pool(self._settings.work_pool)
        deployment = self.deployment(job.kind)
        wanted = {
            "name": f"{job.kind}-{job.id[:8]}-{job.ticket}",
            "parameters": {"job_id": job.id, "ticket": job.ticket},
            "idempotency_key": f"{job.id}-{job.ticket}",
            "state": {"type": "SCHEDULED"},
        }
        made = self._call("POST", f"/deployments/{deployment}/create_flow_run", wanted)
        return str(_good(made)["id"])

    def _check_pool(self, name: str) -> None:
        """Raise PrefectUnavailable unless somebody takes runs of a work pool."""
        found = self._call("GET", f"/work_pools/{name}")
        if found.status_code == httpx.codes.NOT_FOUND:
            raise PrefectUnavailable(f"the work pool {name} is not there yet", hint="The runner is starting.")
        status = _good(found)["status"]
        if status == "PAUSED":
            raise PrefectUnavailable(f"the work pool {name} is paused", hint="Let it go on, in Prefect's own pages.")
        if status == "NOT_READY":
            raise PrefectUnavailable(
                f"nobody takes jobs of the work pool {name}", hint="Start `nexusai job-worker` on a host."
            )

    def deployment(self, name: str) -> str:
        """The id of the deployment of a flow of ours. Raises PrefectUnavailable while it is not served."""
        found = self._call("GET", f"/deployments/name/{name}/{name}")
        if found.status_code == httpx.codes.NOT_FOUND:
            raise PrefectUnavailable(f"the flow {name} is not served yet", hint="The runner is starting.")
        return str(_good(found)["id"])

    def schedules(self, deployment: str) -> list[dict[str, Any]]:
        """A deployment's schedules. Raises PrefectUnavailable."""
        answer = self._call("GET", f"/deployments/{deployment}/schedules")
        _good_status(answer)
        found: list[dict[str, Any]] = answer.json()
        return found

    def add_schedule(self, deployment: str, schedule: dict[str, Any]) -> None:
        """Give a deployment one more schedule. Raises PrefectUnavailable also where Prefect refuses it."""
        _good_status(self._call("POST", f"/deployments/{deployment}/schedules", [schedule]))

    def remove_schedule(self, deployment: str, schedule_id: str) -> None:
        """Take a schedule from a deployment, with the runs that were planned for it. Raises PrefectUnavailable."""
        _good_status(self._call("DELETE", f"/deployments/{deployment}/schedules/{schedule_id}"))

    def standing(self, run_id: str) -> Standing:
        """See `registry.jobs.care.Runs`."""
        state = self._state(run_id)
        found = "unknown" if state is None else _STANDINGS.get(state, "ended")
        return "booting" if found == "starting" and _is_child_of_ours(run_id) else found

    def settle(self, run_id: str, state: JobState) -> None:
        """See `registry.jobs.care.Runs`."""
        if self._state(run_id) in {None, *_TERMINAL}:
            return
        ended = {"type": _ENDS[state], "message": "told by the job's own record"}
        self._call("POST", f"/flow_runs/{run_id}/set_state", {"state": ended, "force": True})

    def _state(self, run_id: str) -> str | None:
        found = self._call("GET", f"/flow_runs/{run_id}")
        return None if found.status_code == httpx.codes.NOT_FOUND else str(_good(found)["state_type"])

    def _call(
        self, method: str, path: str, body: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> httpx.Response:
        url = api_url(self._settings) + path
        try:
            answer = self._client.request(method, url, json=body, headers=basic_authorization(self._settings))
        except httpx.HTTPError as error:
            raise PrefectUnavailable(f"Prefect does not answer: {type(error).__name__}") from error
        if answer.status_code in {401, 403} or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise PrefectUnavailable(f"Prefect answers {answer.status_code}")
        return answer


def _is_child_of_ours(run_id: str) -> bool:
    """Whether the process of a run lives below this one, as where the runner starts them itself."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.environ().get("PREFECT__FLOW_RUN_ID") == run_id and child.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _good_status(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise PrefectUnavailable(f"Prefect refuses with {answer.status_code}: {answer.text[:200]}")


def _good(answer: httpx.Response) -> dict[str, Any]:
    _good_status(answer)
    found: dict[str, Any] = answer.json()
    return found
