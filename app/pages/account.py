"""Account: who one is, one's password, one's sign-ins and API keys."""

from app.ui import api_keys, password_form, profile, sign_in_list
from app.ui.frame import page_header
from app.ui.session import required
from registry.access import Action


def draw() -> None:
    """The page."""
    actor = required(Action.SEE_OWN_ACCOUNT)
    page_header("Account", "Your profile, where you are signed in, and the keys of your programs.")
    profile.draw(actor)
    password_form.draw(actor)
    sign_in_list.draw(actor)
    api_keys.draw(actor)
