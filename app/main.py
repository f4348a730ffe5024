"""The entry script of the pages: Streamlit runs it from top to bottom for every interaction."""

import logging

import streamlit as st

from app.pages import (
    account,
    audit,
    cameras,
    dashboard,
    datasets,
    events,
    gallery,
    inference,
    jobs,
    models,
    notifications,
    recordings,
    settings,
    users,
)
from app.ui import frame, session, sign_in, theme
from app.ui.navigation import Entry, navigate
from app.ui.states import error_box
from registry.access import Action
from registry.errors import RegistryError

PAGES = (
    Entry(dashboard.draw, "Dashboard", "space_dashboard", "", Action.SEE_DASHBOARD),
    Entry(models.draw, "Models", "deployed_code", "models", Action.READ_MODEL),
    Entry(inference.draw, "Inference", "frame_inspect", "inference", Action.PREDICT),
    Entry(gallery.draw, "Gallery", "person_search", "gallery", Action.PREDICT),
    Entry(cameras.draw, "Cameras", "videocam", "cameras", Action.READ_CAMERA),
    Entry(events.draw, "Events", "notifications", "events", Action.READ_EVENT),
    Entry(recordings.draw, "Recordings", "video_library", "recordings", Action.READ_RECORDING),
    Entry(notifications.draw, "Notifications", "campaign", "notifications", Action.READ_NOTIFICATION),
    Entry(jobs.draw, "Jobs", "work_history", "jobs", Action.READ_JOB),
    Entry(datasets.draw, "Datasets", "photo_library", "datasets", Action.READ_DATASET),
    Entry(users.draw, "Users", "group", "users", Action.MANAGE_USERS),
    Entry(settings.draw, "Settings", "tune", "settings", Action.READ_SETTINGS),
    Entry(audit.draw, "Audit", "history", "audit", Action.READ_AUDIT),
    Entry(account.draw, "Account", "person", "account", Action.SEE_OWN_ACCOUNT),
)
log = logging.getLogger("app.pages")


def main() -> None:
    """Draw the sign-in page or the chosen page in its frame."""
    st.set_page_config(page_title="NexusAI", page_icon=theme.MARK, layout="wide")
    theme.apply()
    try:
        actor = session.actor()
        page = navigate(PAGES, actor)
        frame.notice()
        if actor is None:
            sign_in.draw()
            return
        frame.sidebar(actor)
        page.run()
    except RegistryError as error:
        error_box(error)
    except Exception:  # the edge of the page: nobody is shown a traceback
        log.exception("a page failed")
        error_box(RegistryError("this page failed", hint="Reload it. The server's log has the details."))


main()
