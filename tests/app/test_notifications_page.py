"""The Notifications page: a receiver is added, tried and deleted."""

from streamlit.testing.v1 import AppTest

from registry.access.actor import local_actor, of_user
from registry.records import Role
from registry.testing.hook_receiver import hook_receiver
from tests.app.conftest import Pages


def page() -> None:  # a script of its own: what it uses it imports
    from app.pages import notifications

    notifications.draw()


def form() -> None:  # what the dialog shows: a dialog itself is only drawn in a browser
    import streamlit as st

    from app.ui import notification_form
    from app.ui.session import platform, required
    from registry.access import Action

    actor = required(Action.READ_NOTIFICATION)
    known = platform().receivers.list(actor)
    notification_form.draw(actor, known[0] if known else None)
    st.write("secret:", st.session_state.get(notification_form.MADE, ""))


def save(drawn: AppTest) -> AppTest:
    return next(each for each in drawn.button if each.label == "Save").click().run()


def test_a_receiver_is_added_tried_changed_and_deleted(pages: Pages) -> None:
    engineer = pages.person(Role.ENGINEER)
    actor = of_user(engineer, "session")
    drawn = pages.draw(page, engineer)
    assert "Nobody is told yet" in " ".join(each.value for each in drawn.markdown)
    pages.platform.editor.set(local_actor(), "notification_networks", ["127.0.0.0/8"])
    with hook_receiver() as hook:
        drawn = pages.draw(form, engineer)
        drawn.text_input(key="notification.new.name").set_value("Guard")
        drawn.text_input(key="notification.new.address").set_value(f"http://127.0.0.1:{hook.port}/hidden")
        drawn.text_input(key="notification.new.labels").set_value("person, dog")
        assert not save(drawn).exception
        (made,) = pages.platform.receivers.list(actor)
        assert (made.name, made.wanted["labels"], made.wanted["quiet"]) == ("Guard", ["person", "dog"], [])
        drawn = pages.draw(page, engineer)
        shown = " ".join(each.value for each in drawn.markdown)
        assert "Guard" in shown
        assert "hidden" not in shown
        drawn.button(key=f"notifications.{made.id}.test").click().run()
        assert [body["kind"] for body in hook.bodies] == ["test"]
    drawn = pages.draw(form, engineer)
    drawn.checkbox(key=f"notification.{made.id}.quiet").check()
    assert not save(drawn).exception
    (changed,) = pages.platform.receivers.list(actor)
    assert (changed.wanted["quiet"][0]["begin"], changed.address) == ("22:00:00", made.address)
    drawn = pages.draw(form, engineer)
    drawn.text_input(key=f"notification.{made.id}.address").set_value("https://169.254/")
    assert any("neither a host name" in plain for plain in _errors(save(drawn)))
    drawn = pages.draw(page, engineer)
    drawn.button(key=f"notifications.{made.id}.delete").click().run()
    drawn.button(key=f"notifications.{made.id}.delete.really").click().run()
    assert pages.platform.receivers.list(actor) == []


def _errors(drawn: AppTest) -> list[str]:
    return [each.value for each in drawn.error]
