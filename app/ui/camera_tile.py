"""A camera as the grid shows it: its picture, what it is doing, what it sees."""

import streamlit as st

from app.ui.camera_words import because, counted, crossed, milliseconds, state_badge
from app.ui.live_picture import live_picture
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.cameras.view import CameraView
from registry.errors import RegistryError

_STILLS_MS = 1_500


def tile(actor: Actor, camera: CameraView, *, moving: bool) -> None:
    """One camera; its picture moves, or is a still that is fetched again and again."""
    with st.container(key=f"tile_camera_{camera.id}", border=True, gap="xsmall"):
        picture(camera, "grid", moving=moving, every_ms=_STILLS_MS)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            if st.button(
                f"**{plain(camera.record.name, longest=40)}**", key=f"cameras.open.{camera.id}", type="tertiary"
            ):
                open_camera(camera.id)
            state_badge(camera.state, camera.reason)
        st.caption(f"{_sees(camera)}  \n{_figures(camera)}")
        if allowed(actor, Action.CONTROL_CAMERA):
            start_or_stop(actor, camera, "cameras", quiet=True)


def picture(
    camera: CameraView, page: str, *, moving: bool, alone: bool = False, every_ms: int = 1_000, overlay: bool = True
) -> None:
    """The camera's picture, or why there is none; one that is `alone` comes by WebRTC where that is possible."""
    drawn = "1" if overlay else "0"
    # a connection or worker anew is another address: the browser asks again, instead of waiting on the old answer
    worker = camera.lease.worker_id.rpartition("/")[2] if camera.lease else ""
    fresh = f"{camera.report.get('connections', 0)}.{worker}"
    live_picture(
        f"{page}.picture.{camera.id}",
        f"Live picture of {camera.record.name}",
        offer=f"/live/{camera.id}/offer?overlay={drawn}&n={fresh}" if alone else "",
        stream=f"/live/{camera.id}.mjpg?overlay={drawn}&n={fresh}" if moving else "",
        still=f"/api/v1/cameras/{camera.id}/snapshot?overlay={drawn}",
        note=_note(camera),
        every_ms=every_ms,
    )


def start_or_stop(actor: Actor, camera: CameraView, page: str, *, quiet: bool = False) -> None:
    """The button that starts a camera that rests, or stops one that does not."""
    wanted = camera.record.is_wanted
    label, icon = ("Stop", "stop") if wanted else ("Start", "play_arrow")
    look = "tertiary" if quiet else "secondary"
    if st.button(label, key=f"{page}.control.{camera.id}", type=look, icon=f":material/{icon}:"):  # type: ignore[arg-type]
        cameras = platform().cameras
        try:
            (cameras.stop if wanted else cameras.start)(actor, camera.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def open_camera(camera_id: str, **address: str) -> None:
    """Go to a camera's page."""
    st.switch_page(st.session_state["pages"]["cameras"], query_params={"camera": camera_id, **address})


def model_of(camera: CameraView) -> str:
    """The model that a camera looks with, such as `people@champion`; why it does not, where that is so."""
    seeing = camera.report.get("model", {})
    if seeing.get("problem"):
        return f":orange[{plain(str(seeing['problem']), longest=80)}]"
    record = camera.record
    if not record.model:
        return "no model"
    which = f"@{record.alias}" if record.alias else f" v{record.version}" if record.version else ""
    running = f" (v{seeing['version']})" if seeing.get("version") and not record.version else ""
    return plain(f"{record.model}{which}{running}", longest=60)


def sees_now(camera: CameraView) -> str:
    """The objects on the newest picture, such as `person ×2 · car`; a dash before the first picture."""
    if not camera.record.model:
        return "Watching only"
    if not camera.report.get("account", {}).get("captured"):
        return "–"
    return counted(camera.report.get("objects", {})) or "Nothing in sight"


def _note(camera: CameraView) -> str:
    """What stands in the picture's place; empty where there is a picture."""
    if camera.state in {"live", "stalled"}:
        return ""
    if camera.state == "stopped":
        return "Stopped"
    why = because(camera.reason)
    if camera.state == "failed":
        return f"Needs a person: {why or camera.detail}"
    if camera.state == "waiting":
        return f"Waiting: {why}" if why else "Waiting for a camera worker to take it up"
    return "Connecting…"


def _sees(camera: CameraView) -> str:
    if camera.state == "stopped":
        return "Nobody has started it."
    if camera.state not in {"live", "stalled"}:
        return plain(camera.words or camera.detail or "It will be there in a moment.", longest=110)
    lines = crossed(camera.report.get("counts", {}))
    return f"{sees_now(camera)} · {lines}" if lines else sees_now(camera)


def _figures(camera: CameraView) -> str:
    if camera.state not in {"live", "stalled"}:
        return model_of(camera)
    report = camera.report
    age = milliseconds(report.get("age_ms", {}).get("median")) if camera.record.model else ""
    return " · ".join(filter(None, [f"{report.get('fps', 0):.1f} fps", age, model_of(camera)]))
