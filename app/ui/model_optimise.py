"""Starting an optimisation or a tune of a model, and what earlier ones came to."""

from collections.abc import Sequence

import streamlit as st

from app.ui.frame import card
from app.ui.job_row import job_row, open_job
from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.errors import RegistryError
from registry.jobs.tuning_parameters import CLASS_BOUND, FORM_TITLES, FORMS, STARTER, OptimiseParameters, TuneParameters
from registry.models.types import ModelSummary, ModelVersion
from registry.records import Job
from registry.tuning.data import STARTER_TASKS
from registry.tuning.dataset_data import fits, teaches

_LABELS = tuple("0123456789")
_SHOWN = 5


def draw(actor: Actor, model: ModelSummary, versions: Sequence[ModelVersion]) -> None:
    """The form, then the newest jobs about this model."""
    with card("optimise"):
        st.subheader("Faster forms", anchor=False)
        st.markdown(
            ":gray[Makes other forms of a version and measures them here. One that is surely faster and as accurate "
            "becomes a new version, which no alias names.]"
        )
        offered = _datasets(actor, versions[0])
        if not offered:
            st.info("Accuracy is measured on labelled pictures: import a dataset with these classes first.")
        else:
            _form(actor, versions, offered)
    _earlier(actor, model)


def _form(actor: Actor, versions: Sequence[ModelVersion], offered: Sequence[str]) -> None:
    with st.form("optimise.form", border=False):
        left, middle, right = st.columns(3, gap="medium")
        with left:
            number = st.selectbox("Version", [each.version for each in versions], key="optimise.version")
            dataset = st.selectbox("Dataset", offered, key="optimise.dataset", format_func=_dataset_name)
        with middle:
            faster = st.number_input("At least so much faster, %", 0.0, 1_000.0, 10.0, 5.0, key="optimise.faster")
            repeats = st.number_input("Alternating rounds", 5, 200, 15, 5, key="optimise.repeats")
        with right:
            bound = st.number_input("Accuracy that may be lost", 0.0, 1.0, 0.01, 0.005, "%.3f", key="optimise.bound")
            class_bound = st.number_input(
                "Accuracy any one class may lose", 0.0, 1.0, CLASS_BOUND, 0.05, "%.3f", key="optimise.class_bound"
            )
            minutes = st.number_input("Minutes for a tune", 0.1, 240.0, 5.0, 1.0, key="optimise.minutes")
        forms = st.multiselect(
            "Forms to try", FORMS, FORMS, format_func=lambda each: FORM_TITLES[each], key="optimise.forms"
        )
        with st.container(horizontal=True):
            optimise = st.form_submit_button("Optimise", type="primary", icon=":material/bolt:")
            tune = st.form_submit_button(
                "Tune", icon=":material/speed:", help="Finds the fastest backend and threads for the version itself"
            )
    if not optimise and not tune:
        return
    name = versions[0].name
    try:
        if optimise:
            wanted = OptimiseParameters(
                model=name,
                version=number,
                dataset=dataset,
                forms=tuple(forms) or FORMS,
                faster_percent=faster,
                bound=bound,
                class_bound=class_bound,
                repeats=int(repeats),
            )
            started = platform().measuring.optimise(actor, wanted)
        else:
            about = TuneParameters(model=name, version=number, dataset=dataset, bound=bound, minutes=minutes)
            started = platform().measuring.tune(actor, about)
    except RegistryError as error:
        error_box(error)
    else:
        open_job(started.id)


def _datasets(actor: Actor, version: ModelVersion) -> list[str]:
    """Those whose classes and key points the model knows, the newest version of each."""
    datasets = platform().datasets
    fitting = [
        f"{each.record.name}/{each.newest.number}"
        for task in teaches(version.card)
        for each in datasets.list(actor, task=task.value, size=500)[0]
        if fits(datasets, actor, each, version.card)
    ]
    has_starter = version.card.labels == _LABELS and version.card.task in STARTER_TASKS
    return fitting + ([STARTER] if has_starter else [])


def _dataset_name(reference: str) -> str:
    return "Starter digits" if reference == STARTER else reference.replace("/", ", version ")


def _earlier(actor: Actor, model: ModelSummary) -> None:
    found: list[Job] = []
    for kind in ("optimise", "tune"):
        jobs, _ = platform().jobs.page(actor, kind=kind, size=100)
        found += [job for job in jobs if job.parameters["model"] == model.name]
    if not found:
        return
    st.subheader("Measured before", anchor=False)
    runner = platform().jobs.runner()
    for job in sorted(found, key=lambda job: job.created_at, reverse=True)[:_SHOWN]:
        job_row(actor, platform().jobs.to_dict(job, runner))
