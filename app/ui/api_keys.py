"""The API keys of the signed-in user: the list, a form for a new one, the way to end one."""

import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, plain
from registry.access import Actor
from registry.access.permissions import Scope, scopes_of
from registry.errors import RegistryError
from registry.records import ApiKey

_NEW, _ASKED = "account.new_key", "account.revoke"
_MEANINGS = {
    Scope.READ: "Read: see models and jobs",
    Scope.PREDICT: "Predict: run models",
    Scope.CAMERAS: "Cameras: see, control and change them, and their events",
    Scope.MODELS: "Models: publish, move aliases, MLflow, datasets",
    Scope.ADMIN: "Admin: all your role may",
}
_LIFETIMES: dict[str, int | None] = {"30 days": 30, "90 days": 90, "1 year": 365, "No end": None}


def draw(actor: Actor) -> None:
    """The whole section."""
    with card("keys"):
        st.subheader("API keys", anchor=False)
        st.markdown(":gray[For programs: send a key as `X-API-Key`, or to MLflow's client as `MLFLOW_TRACKING_TOKEN`.]")
        _reveal()
        for key in platform().keys.list(actor):
            _row(actor, key)
        _form(actor)


def _reveal() -> None:
    secret = st.session_state.pop(_NEW, None)
    if secret:
        st.success("Copy the new key now: it is shown this once.", icon=":material/key:")
        st.code(secret, language=None)


def _row(actor: Actor, key: ApiKey) -> None:
    text, button = st.columns([0.76, 0.24], vertical_alignment="center")
    until = f"until {key.expires_at:%d %B %Y}" if key.expires_at else "without an end"
    used = f"used {ago(key.last_used_at)}" if key.last_used_at else "never used"
    scopes = ", ".join(key.scopes)
    text.markdown(f"**{plain(key.name)}** :gray[· nxk\\_{key.prefix}… · {scopes} · {until} · {used}]")
    if st.session_state.get(_ASKED) != key.id:
        if button.button("Revoke", key=f"account.revoke.{key.id}", width="stretch"):
            st.session_state[_ASKED] = key.id
            st.rerun()
    elif button.button("Really revoke", key=f"account.really.{key.id}", type="primary", width="stretch"):
        st.session_state.pop(_ASKED)
        try:
            platform().keys.revoke(actor, key.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def _form(actor: Actor) -> None:
    with st.expander("Make a key", icon=":material/add:"), st.form("account.key_form", border=False):
        name = st.text_input("Name", placeholder="what will use it", max_chars=80)
        scopes = st.pills(
            "Scopes",
            scopes_of(actor.role) if actor.role else [],
            selection_mode="multi",
            default=[Scope.READ, Scope.PREDICT],
            format_func=_MEANINGS.__getitem__,
        )
        lifetime = st.selectbox("Valid for", list(_LIFETIMES), index=1)
        if not st.form_submit_button("Make the key", type="primary"):
            return
        try:
            made = platform().keys.make(actor, name, scopes, _LIFETIMES[lifetime])
        except RegistryError as error:
            error_box(error)
            return
        st.session_state[_NEW] = made.secret
        st.rerun()
