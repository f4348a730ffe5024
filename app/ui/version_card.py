"""A version's card: what it is, what it expects, what it can name."""

import streamlit as st

from app.ui.download import download
from app.ui.facts import facts
from app.ui.frame import card
from app.ui.text import ago, badge_text, plain
from registry.models.types import ModelSummary, ModelVersion
from registry.runtime.card import ModelCard
from registry.sizes import bytes_text

_TALL, _LABELS_MOST = 40, 200


def about(model: ModelSummary, version: ModelVersion) -> None:
    """Who published it, how large it is, and its hash."""
    with card("about"):
        st.subheader(f"Version {version.version}", anchor=False)
        if version.card.description and version.card.description != model.description:
            st.markdown(plain(version.card.description, longest=1_000))
        facts(
            {
                "Published by": f"{version.published_by}, {ago(version.created_at)}",
                "Size": bytes_text(version.size_bytes),
                "Owner": model.owner_name,
                "Licence": version.card.licence,
            }
        )
        st.markdown(":gray[sha256]")
        st.code(version.sha256, language=None, wrap_lines=True)


def inputs(about: ModelCard) -> None:
    """What the network sees, and the thresholds of a request that names none."""
    spec, thresholds = about.input, about.thresholds
    with card("input"):
        st.subheader("Input and thresholds", anchor=False)
        facts(
            {
                "Size": f"{spec.width} × {spec.height}"
                + (", any multiple of " + str(spec.stride) if spec.dynamic else ""),
                "Colour": spec.colour.upper(),
                "Fit": spec.resize.replace("-", " ").capitalize(),
                "Decoder": str(about.decoder),
                "Confidence": f"{thresholds.confidence:g}",
                "IoU": f"{thresholds.iou:g}",
            }
        )


def labels(about: ModelCard) -> None:
    """The classes it can name."""
    if not about.labels:
        return
    with card("labels"):
        st.subheader(f"{len(about.labels)} classes", anchor=False)
        with st.container(
            horizontal=True, gap="xsmall", height=240 if len(about.labels) > _TALL else "content", border=False
        ):
            for label in about.labels[:_LABELS_MOST]:
                st.badge(badge_text(label), color="gray")
            if len(about.labels) > _LABELS_MOST:
                st.badge(f"and {len(about.labels) - _LABELS_MOST} more", color="gray")


def whole(version: ModelVersion) -> None:
    """The card as it is stored, to read and to take along."""
    text = version.card.model_dump_json(indent=2)
    with card("card_json"):
        st.subheader("Model card", anchor=False)
        with st.expander("card.json", icon=":material/data_object:"):
            st.code(text if len(text) < 20_000 else f"{text[:20_000]}\n…", language="json")
        file_name = f"{version.name}-v{version.version}-card.json"
        download("Download", lambda: text, file_name, "application/json", key=f"model.card.{version.version}")
