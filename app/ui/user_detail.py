"""A user in full, and what an administrator can change about one."""

import streamlit as st

from app.ui import password_reset
from app.ui.attempt import done
from app.ui.confirm import confirmed
from app.ui.frame import ROLE_NAMES, card, page_header
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, plain
from app.ui.trail_rows import trail_rows
from app.ui.user_row import user_badges
from registry.access import Actor
from registry.errors import RegistryError
from registry.records import Role, User
from registry.records.audit_search import TrailFilter

_SIZE = 10


def draw(actor: Actor, user_id: str) -> None:
    """The page of one user. Raises RegistryError when there is none."""
    user = platform().people.get(actor, user_id)
    way_back()
    page_header(plain(user.username), plain(user.full_name or user.email) or "No full name")
    with st.container(horizontal=True, gap="small"):
        user_badges(user)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        _profile(actor, user)
        _activity(actor, user)
    with right:
        _role(actor, user)
        _state(actor, user)
        if user.id != actor.id:
            with card("user_password"):
                st.subheader("Password", anchor=False)
                password_reset.draw(actor, user)
            _end(actor, user)


def way_back() -> None:
    """The button that leads from one user to all of them."""
    if st.button("All users", key="user.back", icon=":material/arrow_back:", type="tertiary"):
        _leave()


def _leave() -> None:
    st.query_params.clear()
    st.rerun()


def _profile(actor: Actor, user: User) -> None:
    with card("user_profile"), st.form("user.profile_form", border=False):
        st.subheader("Profile", anchor=False)
        full_name = st.text_input("Full name", user.full_name, key=f"user.full_name.{user.id}", max_chars=120)
        email = st.text_input("Email", user.email, key=f"user.email.{user.id}", max_chars=254)
        premium = st.toggle("Premium: may use premium models", user.premium, key=f"user.premium.{user.id}")
        if st.form_submit_button("Save", type="primary"):
            try:
                platform().people.update(actor, user.id, full_name=full_name, email=email, premium=premium)
            except RegistryError as error:
                error_box(error)
            else:
                done("Saved")


def _role(actor: Actor, user: User) -> None:
    roles = list(Role)
    with card("user_role"), st.form("user.role_form", border=False):
        st.subheader("Role", anchor=False)
        role = st.selectbox(
            "Role",
            roles,
            roles.index(Role(user.role)),
            key=f"user.role.{user.id}",
            format_func=lambda each: ROLE_NAMES[str(each)],
            label_visibility="collapsed",
        )
        st.caption("With another role the user has to sign in anew.")
        if st.form_submit_button("Change the role", icon=":material/badge:") and role != user.role:
            try:
                platform().people.set_role(actor, user.id, role)
            except RegistryError as error:
                error_box(error)
            else:
                done(f"{user.username} is {ROLE_NAMES[role].lower()} now")


def _state(actor: Actor, user: User) -> None:
    with card("user_state"):
        st.subheader("Account", anchor=False)
        seen = ago(user.last_login_at) if user.last_login_at else "never"
        st.markdown(f":gray[Last sign-in] {seen}  \n:gray[Member since] {user.created_at:%d %B %Y}")
        try:
            if not user.active:
                label = "Switch on" if user.approved else "Approve"
                if st.button(label, key="user.activate", type="primary", icon=":material/how_to_reg:"):
                    platform().people.set_active(actor, user.id, active=True)
                    done(f"{user.username} can sign in now")
            elif user.id == actor.id:
                st.caption("Your own account is switched off or deleted by another administrator.")
            elif confirmed(
                f"user.deactivate.{user.id}",
                "Switch off",
                "Every sign-in of this user ends at once.",
                icon="block",
                really="Really switch off",
            ):
                platform().people.set_active(actor, user.id, active=False)
                done(f"{user.username} is switched off")
        except RegistryError as error:
            error_box(error)


def _end(actor: Actor, user: User) -> None:
    with card("user_end"):
        st.subheader("Delete", anchor=False)
        st.caption("Sessions, tokens and keys go along. Models and the audit trail stay.")
        if not confirmed(
            f"user.delete.{user.id}",
            "Delete this user",
            f"{user.username} cannot be brought back.",
            icon="delete",
            really="Really delete",
        ):
            return
        try:
            platform().people.delete(actor, user.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.toast(f"{plain(user.username)} is deleted", icon=":material/delete:")
            _leave()


def _activity(actor: Actor, user: User) -> None:
    list_ = f"user.activity.{user.id}"
    found, total = platform().auditing.page(actor, TrailFilter(person=user.id), number=page_number(list_), size=_SIZE)
    with card("user_activity"):
        st.subheader("Activity", anchor=False)
        if not found:
            st.markdown(":gray[This user has not done anything yet.]")
            return
        trail_rows(found, "activity")
        pager(list_, total, _SIZE, "entry", "entries")
