"""Many queued jobs while runner, Prefect and app are killed at random moments: none lost, none twice, none stuck."""

from typing import TYPE_CHECKING

import pytest

from tests.flows.storm import Storm

if TYPE_CHECKING:
    from tests.flows.conftest import Works

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5_400)]
STORM = Storm(100, 20, 20, ("runner", "prefect", "app", "flow"), (1, 8), confidence=0.2)


def test_no_job_is_lost_done_twice_or_stuck(works: "Works") -> None:
    STORM.check(works, STORM.rage(works))
    everything = works.client.get("/api/v1/inference/jobs?size=200").raise_for_status().json()
    assert everything["total"] == STORM.jobs, "no job came into being twice"
