"""The pages of jobs: one that failed is tried again with a click."""

from typing import TYPE_CHECKING

from streamlit.testing.v1 import AppTest

from registry.access import Actor
from registry.access.actor import of_user
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.dataset_parameters import ImportParameters
from registry.jobs.files import JobFiles
from registry.records import Job, JobState, Role, jobs
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import DatasetTask

if TYPE_CHECKING:
    from tests.app.conftest import Pages

_ERROR = {"code": "unexpected_error", "message": "something went wrong here", "hint": "Look.", "details": {}}


def jobs_page() -> None:
    from app.pages import jobs

    jobs.draw()


def _failed(pages: "Pages", actor: Actor) -> Job:
    job = pages.platform.jobs.start(actor, "batch", BatchParameters(model="m", version=1, source="upload"), total=3)
    with pages.platform.database.write() as session:
        jobs.end(session, job.id, 0, JobState.FAILED, error=_ERROR)
    return job


def _buttons(drawn: AppTest) -> list[str]:
    return [button.label for button in drawn.button]


def test_a_failed_job_is_tried_again_from_its_page(pages: "Pages") -> None:
    user = pages.person(Role.OPERATOR)
    actor = of_user(user, "session")
    job = _failed(pages, actor)
    assert "Try again" in _buttons(pages.draw(jobs_page, user))
    drawn = pages.draw(jobs_page, user, job=job.id)
    assert "omething went wrong here" in drawn.error[0].value
    drawn.button(key=f"job.retry.{job.id}").click().run()
    assert not drawn.exception
    assert pages.platform.jobs.get(actor, job.id).state == JobState.QUEUED
    assert not {"Try again"} & set(_buttons(drawn)), "it waits"
    assert "Cancel" in _buttons(drawn)


def test_the_page_of_a_job_that_is_not_there_leads_to_the_list(pages: "Pages") -> None:
    drawn = pages.draw(jobs_page, pages.person(Role.OPERATOR), job="0" * 32)
    (told,) = drawn.error
    assert "no job" in told.value
    assert "All jobs, below" in told.value
    assert "nexusai" not in told.value
    drawn.button(key="job.back").click().run()
    assert not drawn.error
    assert "No jobs yet" in " ".join(each.value for each in drawn.markdown)


def test_jobs_are_looked_for_by_kind_words_and_owner(pages: "Pages") -> None:
    people = [pages.person(Role.OPERATOR), pages.person(Role.ADMIN)]
    for user, model in zip(people, ("bolt-finder", "nut-finder"), strict=True):
        given = BatchParameters(model=model, version=1, source="upload")
        pages.platform.jobs.start(of_user(user, "session"), "batch", given)

    def shown(drawn: AppTest) -> str:
        assert not drawn.exception
        told = " ".join(each.label for each in drawn.button if str(each.key).startswith("jobs.name."))
        return " ".join(name for name in ("bolt", "nut") if f"{name}\\-finder" in told)

    drawn = pages.draw(jobs_page, people[1])
    assert shown(drawn) == "bolt nut"
    assert shown(drawn.text_input(key="jobs.search").set_value("bolt").run()) == "bolt"
    drawn.text_input(key="jobs.search").set_value("")
    assert shown(drawn.text_input(key="jobs.owner").set_value(people[1].username).run()) == "nut"
    assert shown(drawn.selectbox(key="jobs.kind").set_value("video").run()) == ""
    assert "No such jobs" in " ".join(each.value for each in drawn.markdown)
    drawn = pages.draw(jobs_page, people[0])
    assert (shown(drawn), [each.key for each in drawn.text_input]) == ("bolt", ["jobs.search"])


def test_an_import_that_is_done_leads_to_its_dataset(pages: "Pages") -> None:
    user = pages.person(Role.ENGINEER)
    actor = of_user(user, "session")
    given = ImportParameters(name="bolts", file="line-3.zip")
    job = pages.platform.jobs.start(actor, "import", given, total=40)
    found = Findings()
    found.add(ProblemKind.DUPLICATE, "left out", "the same picture as a.png", "b.png")
    report = found.report("coco", DatasetTask.DETECT, 39, 120).model_dump_json().encode()
    size = JobFiles(pages.platform.storage, job.id).put("results", "0/report.json", report)
    result = {"dataset": "bolts", "version": 2, "images": 39, "objects": 120, "problems": 1}
    files = [{"name": "report.json", "key": "0/report.json", "size_bytes": size}]
    with pages.platform.database.write() as session:
        jobs.end(session, job.id, 0, JobState.SUCCEEDED, result={**result, "files": files})
    drawn = pages.draw(jobs_page, user, job=job.id)
    assert not drawn.exception
    assert drawn.success[0].value == "**bolts** version 2: 39 images with 120 labels (COCO)."
    assert "Open the dataset" in _buttons(drawn)
    assert any("sent by" in each.value for each in [*drawn.markdown, *drawn.caption])
