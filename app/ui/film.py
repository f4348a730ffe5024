"""Films one after the other in the browser, with the time of day that each moment shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

_HTML = """
<div class="frame">
  <video controls playsinline preload="metadata"></video>
  <div class="row">
    <button type="button" class="back" aria-label="The film before">‹</button>
    <span class="clock" role="status"></span>
    <button type="button" class="next" aria-label="The next film">›</button>
  </div>
</div>
"""
_STYLE = """
video { display: block; width: 100%; aspect-ratio: 16 / 9; border-radius: .5rem; background: #0b1020; }
.row {
  display: flex; align-items: center; justify-content: center; gap: .9rem; padding-top: .5rem;
  font: 500 .95rem var(--st-font); color: var(--st-text-color); font-variant-numeric: tabular-nums;
}
button {
  width: 2.2rem; height: 2.2rem; font-size: 1.2rem; line-height: 1; cursor: pointer; border-radius: .5rem;
  border: 1px solid var(--st-border-color); background: var(--st-secondary-background-color); color: inherit;
}
button:disabled { opacity: .4; cursor: default; }
"""
_SCRIPT = """
class Reel {
  constructor(frame) {
    this.video = frame.querySelector("video");
    this.clock = frame.querySelector(".clock");
    this.back = frame.querySelector(".back");
    this.next = frame.querySelector(".next");
    this.films = [];
    this.at = 0;
    this.back.onclick = () => this.show(this.at - 1, true);
    this.next.onclick = () => this.show(this.at + 1, true);
    this.video.onended = () => this.show(this.at + 1, true);
    this.video.ontimeupdate = () => this.tell();
    this.video.onerror = () => { if (this.video.src) this.clock.textContent = "This film is not there any more"; };
  }
  set(films, zone) {
    this.zone = zone;
    const same = films.length && this.films.length && films[0].url === this.films[0].url;
    this.films = films;
    if (same) { this.doors(); return; }
    this.show(0, false);
  }
  show(at, plays) {
    if (at < 0 || at >= this.films.length) return;
    this.at = at;
    this.video.src = this.films[at].url;
    if (plays) this.video.play().catch(() => {});
    this.doors();
    this.tell();
  }
  doors() { this.back.disabled = this.at === 0; this.next.disabled = this.at >= this.films.length - 1; }
  tell() {
    const film = this.films[this.at];
    const moment = new Date(film.at + this.video.currentTime * 1000);
    const shown = moment.toLocaleTimeString([], { hour12: false, timeZone: this.zone });
    this.clock.textContent = `${shown}  ·  ${this.at + 1} of ${this.films.length}`;
  }
  end() { this.video.pause(); this.video.removeAttribute("src"); this.video.load(); }
}

export default function (component) {
  const frame = component.parentElement.querySelector(".frame");
  frame.reel ??= new Reel(frame);
  frame.reel.set(component.data.films, component.data.zone);
  return () => frame.reel?.end();
}
"""


@dataclass(frozen=True, slots=True)
class Film:
    """One film: its address, and when it begins in milliseconds since 1970."""

    url: str
    at_ms: int


def play(key: str, films: Sequence[Film], zone: str) -> None:
    """A player that goes on to the next film by itself; `zone` is the time zone of its clock."""
    told: list[dict[str, Any]] = [{"url": film.url, "at": film.at_ms} for film in films]
    component = st.components.v2.component("nexusai.film", html=_HTML, css=_STYLE, js=_SCRIPT)
    component(key=key, data={"films": told, "zone": zone})
