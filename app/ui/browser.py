"""What only the browser itself can do: trade the sign-in code for its cookie, give it back, open a page anew."""

from typing import Any

import streamlit as st

_STYLE = "p { margin: 0; font: 400 .9rem var(--st-font); color: var(--st-text-color); opacity: .75 }"

# Streamlit calls the function again on every run of the page: a code is sent once.
_EXCHANGE = """
const sent = new Set();
export default async function (component) {
  const { data, parentElement } = component;
  const note = parentElement.querySelector("p");
  if (!data?.code || sent.has(data.code)) return;
  sent.add(data.code);
  try {
    const answer = await fetch("/auth/exchange", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: data.code }),
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.ok) { window.location.replace(window.location.pathname); return; }
    const problem = await answer.json();
    note.textContent = `${problem.error.message}. Reload the page and sign in again.`;
  } catch (problem) {
    note.textContent = "The server cannot be reached. Reload the page and sign in again.";
  }
}
"""
_LEAVE = """
let left = false;
export default async function () {
  if (left) return;
  left = true;
  try {
    const answer = await fetch("/auth/logout", { method: "POST", credentials: "same-origin", cache: "no-store" });
    await answer.text();
  } finally {
    window.location.replace("/");
  }
}
"""

# Streamlit keeps the query of the page that one is on: from `/jobs?job=…` its own link would lead nowhere.
_ANEW = """
const opened = (click) => {
  const link = click.target.closest?.("[data-testid=stSidebarNavLink]");
  if (!link || click.button || click.metaKey || click.ctrlKey || click.shiftKey) return;
  if (link.pathname !== window.location.pathname || !window.location.search) return;
  click.preventDefault();
  click.stopPropagation();
  window.location.assign(link.pathname);
};
export default function () {
  document.addEventListener("click", opened, true);  // once, however often it is called
}
"""


def exchange(code: str) -> None:
    """Have the browser fetch its session cookie; the code travels in the body of a request."""
    _mount("nexusai.exchange", "<p>Signing in…</p>", _EXCHANGE, {"code": code})


def sign_out() -> None:
    """Have the browser end its session and start over at the sign-in page."""
    _mount("nexusai.leave", "<p>Signing out…</p>", _LEAVE, {})


def links_open_anew() -> None:
    """Have the navigation's link to the page that is shown lead to that page's beginning."""
    _mount("nexusai.anew", "<i hidden></i>", _ANEW, {})


def _mount(name: str, html: str, script: str, data: dict[str, Any]) -> None:
    st.components.v2.component(name, html=html, css=_STYLE, js=script)(key=name, data=data)
