"""The entry script of the pages: Streamlit runs it from top to bottom for every interaction."""

import logging

import streamlit as st

from app.pages import account, dashboard, inference, models
from app.ui import frame, session, sign_in, theme
from app.ui.states import error_box
from registry.errors import RegistryError

log = logging.getLogger("app.pages")


def main() -> None:
    """Draw the sign-in page or the chosen page in its frame."""
    st.set_page_config(page_title="NexusAI", page_icon=theme.MARK, layout="wide")
    theme.apply()
    try:
        actor = session.actor()
        # Every page is registered on every run, signed in or not, or a deep link falls back to the first page.
        pages = {
            "dashboard": st.Page(dashboard.draw, title="Dashboard", icon=":material/space_dashboard:", default=True),
            "models": st.Page(models.draw, title="Models", icon=":material/deployed_code:", url_path="models"),
            "inference": st.Page(
                inference.draw, title="Inference", icon=":material/frame_inspect:", url_path="inference"
            ),
            "account": st.Page(account.draw, title="Account", icon=":material/person:", url_path="account"),
        }
        st.session_state["pages"] = pages
        page = st.navigation(list(pages.values()), position="sidebar" if actor else "hidden")
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
