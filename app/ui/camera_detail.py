"""One camera in full: its picture, its figures, its last events; zones and settings for those who may."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.ui import camera_events, camera_form, camera_history, camera_model, zone_editor
from app.ui.camera_tile import model_of, picture, sees_now, start_or_stop
from app.ui.camera_words import DROPS, crossed, milliseconds, said, state_badge, total
from app.ui.confirm import confirmed
from app.ui.frame import card, page_header
from app.ui.job_row import duration
from app.ui.session import platform
from app.ui.snapshot import snapshot
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.cameras.asked import CameraChange
from registry.cameras.configuration import AnalysisSettings, analysis_of, parsed
from registry.cameras.view import CameraView
from registry.errors import RegistryError
from registry.records import utc_now

_POLL_S = 2.0


def draw(actor: Actor, camera_id: str) -> None:
    """The page of one camera. Raises CameraNotFound."""
    camera = platform().cameras.get(actor, camera_id)
    way_back()
    actions = page_header(plain(camera.record.name), _about(camera))
    if allowed(actor, Action.CONTROL_CAMERA):
        with actions:
            start_or_stop(actor, camera, "camera")
    views: dict[str, Callable[[], None]] = {":material/videocam: Live": lambda: _live(actor, camera_id)}
    if allowed(actor, Action.CHANGE_CAMERA):
        views[":material/pentagon: Zones and rules"] = lambda: _zones(actor, camera)
        views[":material/tune: Settings"] = lambda: _settings(actor, camera)
    chosen = next(iter(views))
    if len(views) > 1:
        chosen = st.segmented_control(
            "View", list(views), default=chosen, key="camera.view", required=True, label_visibility="collapsed"
        )
    if not chosen.endswith("Zones and rules") and zone_editor.is_unsaved(camera_id):
        st.warning("Zones and rules have changes that are not saved yet.", icon=":material/edit:")
    views[chosen]()


def way_back() -> None:
    """The button that leads from one camera to all of them."""
    if st.button("All cameras", key="camera.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _about(camera: CameraView) -> str:
    group = f" · {plain(camera.group, longest=40)}" if camera.group else ""
    return f"{plain(camera.url, longest=90)}{group}"


def _live(actor: Actor, camera_id: str) -> None:
    left, right = st.columns([0.66, 0.34], gap="medium")
    with left, card("camera_picture"):
        overlay = st.toggle("Boxes, zones and lines", value=True, key="camera.overlay")

        @st.fragment(run_every=_POLL_S)
        def watching() -> None:
            picture(platform().cameras.get(actor, camera_id), "camera", moving=True, alone=True, overlay=overlay)

        watching()
    with right:

        @st.fragment(run_every=_POLL_S)
        def standing() -> None:
            now = platform().cameras.get(actor, camera_id)
            _standing(now)

        standing()
        if allowed(actor, Action.CHANGE_CAMERA):
            _model(actor, platform().cameras.get(actor, camera_id))

    @st.fragment(run_every=2 * _POLL_S)
    def history() -> None:
        _history(actor, platform().cameras.get(actor, camera_id))

    left, right = st.columns([0.5, 0.5], gap="medium")
    with left, card("camera_history"):
        history()
    if allowed(actor, Action.READ_EVENT):
        with right, card("camera_events"):
            camera_events.latest(actor, camera_id)


def _standing(camera: CameraView) -> None:
    with card("camera_standing"):
        state_badge(camera.state, camera.reason)
        if camera.state not in {"live", "stopped"}:
            st.markdown(
                f"**{plain(said(camera.state, camera.reason, camera.detail))}**  \n:gray[{plain(camera.words)}]"
            )
            if camera.detail:
                st.caption(plain(camera.detail))
        elif camera.since:
            passed = max((utc_now() - camera.since).total_seconds(), 1)
            st.caption(f"{said(camera.state, camera.reason)} for {duration(passed)}")
        report = camera.report
        if report:
            ages = report.get("age_ms", {})
            median, p95 = milliseconds(ages.get("median")), milliseconds(ages.get("p95"))
            width, height = report.get("source_size") or (0, 0)
            _pairs(
                {
                    "Pictures a second": f"{report.get('fps', 0):.1f}",
                    "Size": f"{width} × {height}" if width else "–",
                    "Age of a result": f"{median} (95 %: {p95})" if ages.get("median") else "–",
                    "Sees now": sees_now(camera),
                    "Looks with": model_of(camera),
                }
            )
            if report.get("recording_problem"):
                st.warning(f"Not recorded: {plain(str(report['recording_problem']))}", icon=":material/storage:")
            lines = crossed(report.get("counts", {}))
            if lines:
                st.markdown(f":material/trending_flat: {lines}")


def _pairs(rows: dict[str, str]) -> None:
    """Figures with their names, line by line."""
    with st.container(gap=None):
        for name, value in rows.items():
            with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
                st.markdown(f":gray[{name}]", width="content")
                st.markdown(f"**{value}**", width="content")


def _model(actor: Actor, camera: CameraView) -> None:
    """The picker that changes the model while the camera runs."""
    with card("camera_model"):
        chosen = camera_model.choose_model(actor, f"camera.{camera.id}.r{camera.record.revision}", camera)
        if camera_model.is_kept(camera, chosen):
            return
        if st.button("Look with it", key="camera.model.apply", type="primary", icon=":material/swap_horiz:"):
            _update(actor, camera, chosen, "The camera changes its model without a restart")


def _history(actor: Actor, camera: CameraView) -> None:
    st.subheader("The last hour", anchor=False)
    known = platform().viewing.history(actor, camera.id)
    if len(known) < 2:
        st.markdown(":gray[The figures of the last hour stand here once the camera has run for half a minute.]")
    else:
        st.altair_chart(camera_history.frames_chart(known), width="stretch")
        for column, chart in zip(st.columns(2), camera_history.small_charts(known), strict=True):
            column.altair_chart(chart, width="stretch")
    account = camera.report.get("account")
    if account:
        dropped = account.get("dropped", {})
        why = ", ".join(f"{count:,} {DROPS.get(reason, reason)}" for reason, count in dropped.items() if count)
        st.caption(
            f"Since its start {total(account['captured']):,} captured: {total(account['inferred']):,} analysed, "
            f"{total(account['gated']):,} without motion, {total(dropped):,} dropped{f' ({plain(why)})' if why else ''}"
            f", {total(account['failed']):,} failed."
        )


def _zones(actor: Actor, camera: CameraView) -> None:
    def save(settings: AnalysisSettings) -> None:
        change = {"analysis": settings.model_dump(mode="json"), "revision": camera.record.revision}
        platform().cameras.update(actor, camera.id, parsed(CameraChange, change, "camera"))

    labels = camera_model.labels_of(actor, camera)
    zone_editor.draw(camera.id, analysis_of(camera.record.analysis), snapshot(actor, camera), labels, save)


def _settings(actor: Actor, camera: CameraView) -> None:
    stored = camera_form.draw(actor, camera)
    if stored is not None:
        st.toast("Saved", icon=":material/check_circle:")
        st.rerun()
    if allowed(actor, Action.DELETE_CAMERA):
        with card("camera_delete"):
            st.markdown("**Delete this camera**  \n:gray[Its events and recordings stay for as long as they are kept.]")
            question = f"{camera.record.name} is deleted, with its zones, rules and password."
            if confirmed("camera.delete", "Delete camera", question, icon="delete", really="Really delete"):
                try:
                    platform().cameras.delete(actor, camera.id)
                except RegistryError as error:
                    error_box(error)
                else:
                    st.query_params.clear()
                    st.rerun()


def _update(actor: Actor, camera: CameraView, fields: dict[str, Any], done: str) -> None:
    try:
        change = parsed(CameraChange, {**fields, "revision": camera.record.revision}, "camera")
        platform().cameras.update(actor, camera.id, change)
    except RegistryError as error:
        error_box(error)
    else:
        st.toast(done, icon=":material/check_circle:")
        st.rerun()
