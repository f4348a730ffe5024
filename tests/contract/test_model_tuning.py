"""A version's tables of tuning over HTTP."""

from registry.models.tuning import record
from registry.models.tuning_table import TunedLane, TunedRow, TuningTable
from registry.records import Role
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.machine import host_key
from tests.contract.conftest import House


def test_the_tables_of_a_version_are_told(house: House) -> None:
    owner = house.actor(Role.ENGINEER)
    name = house.model("tuned", owner, "authenticated")
    address, asking = f"/api/v1/models/{name}/versions/1/tuning", house.bearers[Role.USER]
    assert house.client.get(address, headers=asking).json() == {"items": [], "total": 0, "page": 1, "size": 50}
    lane = TunedLane(threads=2, ms=1.5, p25=1.4, p75=1.6, speedup=1.4, surely=1.3, blocks=40)
    row = TunedRow(
        variant="fp32 64×64", backend=Backend.OPENVINO, precision="f32", new_files=False, accuracy=0.9, alone=(lane,)
    )
    table = TuningTable(host=host_key(), verdict="OpenVINO is faster", rows=(row,), chosen=row)
    models = house.platform.models
    record(models, owner, models.resolve(owner, name), table, HostChoice(backend=Backend.OPENVINO))
    (found,) = house.client.get(address, headers=asking).raise_for_status().json()["items"]
    assert found["here"] is True
    assert TuningTable.model_validate(found["table"]) == table
    missing = house.client.get(f"/api/v1/models/{name}/versions/7/tuning", headers=asking)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "version_not_found")
