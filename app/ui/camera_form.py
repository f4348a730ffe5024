"""The form of a camera: where it is, how one signs in there, what looks at it, what is recorded."""

from typing import Any, get_args

import streamlit as st

from app.ui import camera_analysis, camera_probe
from app.ui.camera_model import choose_model, is_kept
from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.cameras.asked import CameraChange, NewCamera
from registry.cameras.configuration import parsed
from registry.cameras.recording import RecordingMode, RecordingSettings
from registry.cameras.view import CameraView
from registry.errors import InvalidInput, RegistryError

MODES: dict[str, str] = {
    "off": "Nothing",
    "motion": "When something moves",
    "events": "Around events",
    "continuous": "Always",
}
_FORMS = """
| address | what |
|---|---|
| `rtsp://10.20.0.7:554/stream2` | most cameras; take the smaller of its streams |
| `rtsps://camera.lan/stream2` | the same, encrypted |
| `http://10.20.0.7/video.mjpg` | MJPEG over HTTP |
| `file:///films/yard.mp4` | a film that plays over and over, from a folder that an administrator allowed |
| `device:/dev/video0` | a camera at the server itself, where that is allowed |
"""


def draw(actor: Actor, camera: CameraView | None) -> CameraView | None:
    """The form of a new camera, or of one to change; answers the camera once it is stored."""
    key = f"camera_form.{camera.id}.r{camera.record.revision}" if camera else "camera_form.new"
    with card("camera_form"):
        st.subheader("Settings" if camera else "Add a camera", anchor=False)
        left, right = st.columns([0.6, 0.4], gap="medium")
        with left:
            about = _name_and_group(actor, camera, key)
            address = _address(camera, key)
            camera_probe.draw(actor, key, address, camera)
        with right:
            st.markdown("**What looks at it**")
            model = choose_model(actor, key, camera)
            fps = st.number_input(
                "Pictures analysed a second",
                0.1,
                60.0,
                camera.record.analysed_fps if camera else 5.0,
                step=1.0,
                format="%.1f",
                key=f"{key}.fps",
                help="5 are enough for people and vehicles. Pictures in which nothing moves cost almost nothing.",
            )
            analysis = camera_analysis.draw(camera, key)
            recording = _recording(camera, key)
        fields = {**about, **address, **model, "analysed_fps": fps, "recording": recording, "analysis": analysis}
        label = "Save" if camera else "Add and start"
        if not st.button(label, key=f"{key}.save", type="primary", icon=":material/check:"):
            return None
        try:
            _check_filled(fields)
            return _change(actor, camera, fields) if camera else _create(actor, fields)
        except RegistryError as error:
            error_box(error)
            return None


def _check_filled(fields: dict[str, Any]) -> None:
    for name, what in (("name", "a name"), ("url", "the address of its stream")):
        if not str(fields[name]).strip():
            raise InvalidInput(f"the camera needs {what}", hint="Fill the field in, then try again.")


def _create(actor: Actor, fields: dict[str, Any]) -> CameraView:
    return platform().cameras.create(actor, parsed(NewCamera, fields, "camera"))


def _change(actor: Actor, camera: CameraView, fields: dict[str, Any]) -> CameraView:
    record = camera.record
    before = {
        "name": record.name,
        "url": camera.url,
        "group_id": record.group_id or "",
        "analysed_fps": record.analysed_fps,
        "verify_tls": record.verify_tls,
        "recording": record.recording,
        "analysis": camera_analysis.stored(camera),
    }
    changed = {name: value for name, value in fields.items() if name not in before or before[name] != value}
    if is_kept(camera, fields):  # who names a model becomes the camera's owner
        changed = {name: value for name, value in changed.items() if name not in {"model", "alias", "version"}}
    change = parsed(CameraChange, {**changed, "revision": record.revision}, "camera")
    return platform().cameras.update(actor, camera.id, change)


def _name_and_group(actor: Actor, camera: CameraView | None, key: str) -> dict[str, Any]:
    left, right = st.columns([0.58, 0.42])
    name = left.text_input(
        "Name", camera.record.name if camera else "", key=f"{key}.name", max_chars=80, placeholder="Loading bay"
    )
    groups = {"": "In no group"} | {each["id"]: each["name"] for each in platform().camera_groups.list(actor)}
    now = (camera.record.group_id or "") if camera else ""
    group = right.selectbox(
        "Group",
        list(groups),
        index=list(groups).index(now) if now in groups else 0,
        format_func=groups.__getitem__,
        key=f"{key}.group",
    )
    return {"name": name, "group_id": group}


def _address(camera: CameraView | None, key: str) -> dict[str, Any]:
    url = st.text_input(
        "Address of its stream",
        camera.url if camera else "",
        key=f"{key}.url",
        max_chars=2_000,
        placeholder="rtsp://10.20.0.7:554/stream2",
        help=_FORMS,
    ).strip()
    typed: dict[str, Any] = {"url": url}
    if url.startswith(("file:", "device:")):
        return typed
    left, right = st.columns(2)
    kept = "kept as it is" if camera and camera.record.sealed else "where the camera asks for one"
    username = left.text_input("User name", key=f"{key}.username", max_chars=200, placeholder=kept)
    password = right.text_input(
        "Password", key=f"{key}.password", max_chars=200, type="password", placeholder=kept, autocomplete="new-password"
    )
    if username or password:
        typed |= {"username": username, "password": password} if password else {"username": username}
    if url.startswith(("rtsps:", "https:")):
        typed["verify_tls"] = not st.checkbox(
            "Its certificate is one that it signed itself",
            value=bool(camera and not camera.record.verify_tls),
            key=f"{key}.own_tls",
        )
    return typed


def _recording(camera: CameraView | None, key: str) -> dict[str, Any]:
    now = RecordingSettings.model_validate(camera.record.recording if camera else {})
    modes = get_args(RecordingMode)
    mode = st.selectbox(
        "What is recorded", modes, modes.index(now.mode), format_func=MODES.__getitem__, key=f"{key}.record"
    )
    made = now.model_dump(mode="json") | {"mode": mode}
    if mode == "off":
        return made
    with st.expander("How long it is kept", icon=":material/schedule:"):
        left, right = st.columns(2)
        made["pre_s"] = left.number_input("Seconds before", 0.0, 60.0, now.pre_s, step=1.0, key=f"{key}.pre")
        made["post_s"] = right.number_input("Seconds after", 0.0, 300.0, now.post_s, step=1.0, key=f"{key}.post")
        days = now.retention_days
        kept = {
            "events": left.number_input("Days, with events", 0, 3_650, days.events, key=f"{key}.days_events"),
            "motion": right.number_input("Days, with motion", 0, 3_650, days.motion, key=f"{key}.days_motion"),
            "continuous": left.number_input("Days, the rest", 0, 3_650, days.continuous, key=f"{key}.days_rest"),
        }
        made["retention_days"] = kept
        made["most_gb"] = right.number_input(
            "GB at most (0: no limit)", 0.0, 100_000.0, now.most_gb, step=5.0, key=f"{key}.gb"
        )
    return made
