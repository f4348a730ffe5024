"""The form that starts a training, on the page of a dataset's version and on that of a model."""

from collections.abc import Sequence

import streamlit as st

from app.ui.frame import card
from app.ui.job_row import open_job
from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.errors import RegistryError
from registry.jobs.train_parameters import Architecture, read_recipe
from registry.models.types import ModelSummary
from registry.training.finetune.fitting import TASKS
from registry.training.finetune.start import TrainingAsked

_WEIGHTS, _NOTHING = "Its weights", "Nothing: a small YOLO11"
_AUGMENT = {"none": "None", "light": "Light", "strong": "Strong: also mirrored"}
_TEACHES = {"detect": ("detect", "segment"), "segment": ("segment",), "classify": ("classify",)}


def on_dataset(actor: Actor, name: str, version: int, task: str) -> None:
    """Train a model on this version of a dataset."""
    listed, _ = platform().models.list(actor, size=500)
    fitting = [model for model in listed if model.task in TASKS and task in _TEACHES[model.task]]
    with card("train"):
        st.subheader("Train on this version", anchor=False)
        if not fitting:
            st.markdown(f":gray[There is no model of task {task} to train. Register or upload one first.]")
            return
        model = st.selectbox("Model", [each.name for each in fitting], key="train.model")
        _form(actor, "dataset", model, name, version)


def on_model(actor: Actor, model: ModelSummary) -> None:
    """Train this model on a dataset."""
    with card("train"):
        st.subheader("Train further", anchor=False)
        if model.task not in TASKS:
            st.markdown(f":gray[Models of task {model.task} are not trained here; {', '.join(TASKS)} are.]")
            return
        names = _datasets(actor, model.task)
        if not names:
            st.markdown(":gray[There is no dataset for this task yet. Import one on the Datasets page.]")
            return
        left, right = st.columns([0.7, 0.3])
        name = left.selectbox("Dataset", names, key="train.dataset")
        versions = [each.number for each in platform().datasets.versions(actor, name)]
        version = right.selectbox("Version", versions, key=f"train.version.{name}")
        _form(actor, "model", model.name, name, version)


def _datasets(actor: Actor, task: str) -> Sequence[str]:
    found, _ = platform().datasets.list(actor, size=500)
    return [each.record.name for each in found if each.record.task in _TEACHES[task]]


def _form(actor: Actor, page: str, model: str, dataset: str, version: int) -> None:
    with st.form(f"train.form.{page}", border=False, enter_to_submit=False):
        first = st.columns(4)
        start = first[0].selectbox("Start from", [_WEIGHTS, _NOTHING], key="train.start")
        epochs = first[1].number_input("Epochs, at most", 1, 1_000, 20, key="train.epochs")
        patience = first[2].number_input("Patience, epochs", 0, 1_000, 10, key="train.patience")
        batch = first[3].number_input("Batch", 1, 256, 16, key="train.batch")
        second = st.columns(4)
        size = second[0].number_input(
            "Image size, px", 64, 1_536, None, 32, key="train.size", placeholder="The model's own"
        )
        rate = second[1].number_input("Learning rate", 1e-6, 0.1, 0.002, 1e-4, format="%g", key="train.rate")
        augment = second[2].selectbox(
            "Augmentation", list(_AUGMENT), 1, lambda each: _AUGMENT[each], key="train.augment"
        )
        minutes = second[3].number_input("Search before, minutes", 0, 1_440, 0, key="train.minutes")
        third = st.columns([0.5, 0.5], vertical_alignment="bottom")
        name = third[0].text_input(
            "Publish under another name", key="train.name", max_chars=63, placeholder=f"A new version of {model}"
        )
        new_classes = third[1].checkbox("The new version may name other classes", key="train.classes")
        pressed = st.form_submit_button("Start training", type="primary", icon=":material/model_training:")
    if not pressed:
        return
    fields: dict[str, object] = {
        "epochs": epochs,
        "patience": patience,
        "batch": batch,
        "image_size": size,
        "learning_rate": rate,
    }
    fields |= {"augment": augment, "search_minutes": minutes}
    if start == _NOTHING:
        fields["architecture"] = Architecture()
    try:
        with st.spinner("Looking at the data"):
            asked = TrainingAsked(model, dataset, dataset_version=version, name=name.strip(), new_classes=new_classes)
            job = platform().trainings.start(actor, asked.with_recipe(read_recipe(fields)))
    except RegistryError as error:
        error_box(error)
    else:
        open_job(job.id)
