"""What a camera shows now, in the browser: WebRTC, else its stream, or a still that is fetched again and again."""

from typing import Any

import streamlit as st

_HTML = """
<div class="frame" role="img" tabindex="0">
  <video muted autoplay playsinline disablepictureinpicture></video><img alt=""><p class="note" role="status"></p>
  <button type="button" class="again" hidden>Try live video again</button>
  <button type="button" class="full" aria-label="Full screen" title="Full screen (double-click)">
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/></svg>
  </button>
</div>
"""
_STYLE = """
.frame {
  position: relative; aspect-ratio: 16 / 9; border-radius: .5rem; overflow: hidden; background: #0b1020;
  display: grid; place-items: center; outline-offset: 2px;
}
.frame:fullscreen { border-radius: 0; aspect-ratio: auto; }
img, video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; opacity: 0; }
.shown { opacity: 1; }
.note {
  position: relative; margin: 0; padding: .35rem .8rem; max-width: 88%; text-align: center; border-radius: .4rem;
  font: 400 .86rem var(--st-font); color: #dfe5f7; background: rgb(11 16 32 / .72);
}
.note:empty { display: none; }
.full, .again {
  position: absolute; bottom: .4rem; height: 2rem; border: 0; border-radius: .4rem;
  background: rgb(11 16 32 / .6); cursor: pointer; opacity: 0;
}
.full { right: .4rem; width: 2rem; display: grid; place-items: center; }
.again { left: .4rem; padding: 0 .7rem; font: 400 .8rem var(--st-font); color: #dfe5f7; }
.full svg { width: 1.1rem; fill: none; stroke: #fff; stroke-width: 2.2; }
.frame:is(:hover, :focus-within) button, button:focus-visible { opacity: 1; }
@media (hover: none) { .full, .again { opacity: .85; } }
"""
# A browser holds six connections to a server open: a stream takes one of them for as long as it is shown. So it is
# shown only in a visible part of a visible tab, and given up on leaving. Streamlit calls the function again on every
# run of the page: what runs is kept on the element.
_SCRIPT = """
const PATIENCE_MS = 8000;   // a stream without its first picture is given up for stills
const AGAIN_MS = 2000;
const CALL_MS = 3000;       // without a picture by WebRTC for so long it is MJPEG, until the other one comes after all
const CALL_AGAIN_MS = 4000, CALL_LATEST_MS = 60000;   // between calls that failed, while the other pictures go on

class Player {
  constructor(frame) {
    this.frame = frame;
    this.image = frame.querySelector("img");
    this.video = frame.querySelector("video");
    this.note = frame.querySelector(".note");
    this.inView = false;
    this.turn = 0;          // one number for each way of showing: answers of an older one do not count
    this.failures = 0;
    this.shows = 0;         // how often a call has shown pictures: stills end with the first
    this.knowsCalls = "RTCPeerConnection" in window;
    this.forgetCalls();
    this.calling = false;   // a call is under way, and has shown nothing yet
    this.away = false;      // even stills do not come
    this.hangUp = () => {};
    this.watching = new IntersectionObserver(([entry]) => { this.inView = entry.isIntersecting; this.update(); });
    this.watching.observe(frame);
    this.onVisibility = () => this.update();
    document.addEventListener("visibilitychange", this.onVisibility);
    frame.querySelector(".full").onclick = () => this.full();
    this.again = frame.querySelector(".again");
    this.again.onclick = () => this.callAgain();
    frame.ondblclick = () => this.full();
  }
  full() { document.fullscreenElement ? document.exitFullscreen() : this.frame.requestFullscreen(); }
  set(data) {
    const told = ["offer", "stream", "still", "on", "every_ms"];
    const changed = !this.data || told.some((key) => this.data[key] !== data[key]);
    if (this.data?.label !== data.label) this.forgetCalls();   // another camera
    this.data = data;
    this.frame.setAttribute("aria-label", data.label);
    if (changed) { this.stop(); this.failures = 0; this.soon(); }
    this.update();
    if (!data.on) this.say(data.note);
  }
  update() {
    const wanted = this.data?.on && this.inView && !document.hidden;
    if (wanted && !this.showing) this.start();
    if (!wanted && this.showing) this.stop();
  }
  forgetCalls() {
    this.canCall = this.knowsCalls;
    this.worked = false;    // a call has shown pictures of this camera
    this.soon();
  }
  soon() { this.callAt = 0; this.pause = CALL_AGAIN_MS; }
  callAgain() {
    this.canCall = this.knowsCalls;
    this.anew();
  }
  anew() {
    this.soon();
    this.stop();
    this.update();
  }
  start() {
    this.showing = true;
    const turn = ++this.turn;
    if (this.data.offer && this.canCall && this.callAt <= Date.now()) { this.call(turn); return; }
    this.wait(turn);
    this.without(turn);
  }
  without(turn) { if (this.data.stream && this.failures < 2) this.stream(turn); else this.still(turn); }
  wait(turn) {              // to call by itself, or for somebody to ask for it
    this.again.hidden = !this.data.offer || !this.knowsCalls;
    clearTimeout(this.calls);
    if (this.data.offer && this.canCall) this.calls = setTimeout(() => this.call(turn, true), this.callAt - Date.now());
  }
  stop() {
    this.showing = false;
    this.again.hidden = true;
    this.turn += 1;
    clearTimeout(this.timer);
    clearTimeout(this.calls);
    this.hangUp();
    this.noImage();
  }
  noImage() {
    this.image.onload = this.image.onerror = null;
    this.image.removeAttribute("src");   // ends the request
    this.image.classList.remove("shown");
  }
  // The server learns our addresses from our own packets, so none are gathered first. The connection lives as long
  // as the request that answers the offer, and the request as long as the connection.
  // `behind` pictures that are shown: those go on until the call shows its own.
  call(turn, behind = false) {
    this.again.hidden = true;
    const peer = new RTCPeerConnection({ iceServers: [] });
    const request = new AbortController();
    let seen = false, ended = false, fellBack = behind;
    this.calling = true;
    this.hangUp = () => {
      this.hangUp = () => {};
      this.calling = false;
      request.abort();
      peer.close();
      this.video.srcObject = null;
      this.video.classList.remove("shown");
    };
    const fallBack = () => {
      if (turn !== this.turn || fellBack) return;
      fellBack = true;
      this.without(turn);
    };
    const over = () => {
      if (turn !== this.turn || ended) return;
      ended = true;
      if (seen) {                 // the other pictures at once, and a call behind them
        this.stop();
        this.callAt = Date.now() + AGAIN_MS;
        this.update();
        return;
      }
      // no packet came through: here it will not, until somebody asks for it or the page is opened anew
      if (peer.remoteDescription && !this.worked) this.canCall = false;
      this.callAt = Date.now() + this.pause;
      this.pause = Math.min(2 * this.pause, CALL_LATEST_MS);
      clearTimeout(fellBack ? 0 : this.timer);
      this.hangUp();
      this.wait(turn);
      fallBack();
    };
    if (!behind) {
      this.say("Connecting…");
      this.timer = setTimeout(fallBack, CALL_MS);
    }
    peer.onconnectionstatechange = () => { if (["failed", "disconnected"].includes(peer.connectionState)) over(); };
    peer.ontrack = ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.video.srcObject = new MediaStream([track]);
      this.video.onloadeddata = () => {
        if (turn !== this.turn || ended) return;
        seen = this.worked = true;
        this.calling = false;
        this.soon();
        this.shows += 1;
        clearTimeout(this.timer);
        this.noImage();
        this.video.classList.add("shown");
        this.picture(turn);
      };
    };
    this.talk(peer, request.signal).then(over, over);
  }
  async talk(peer, signal) {
    peer.addTransceiver("video", { direction: "recvonly" });
    await peer.setLocalDescription();
    const headers = { "content-type": "application/sdp" };
    const body = peer.localDescription.sdp;
    const answer = await fetch(this.data.offer, { method: "POST", headers, body, signal });
    if (!answer.ok) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let told = "", known = false; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (known) continue;
      told += value;
      known = told.includes("\\n");
      if (known) await peer.setRemoteDescription(JSON.parse(told.split("\\n")[0]));
    }
  }
  stream(turn) {
    this.say("Connecting…");
    const again = () => {
      if (turn !== this.turn) return;
      this.failures += 1;
      if (this.calling) {     // which may come through after all; until then there are stills
        this.noImage();
        this.still(turn, this.shows);
        return;
      }
      this.stop();
      this.say("No picture at the moment");
      this.timer = setTimeout(() => this.update(), AGAIN_MS);
    };
    this.timer = setTimeout(again, PATIENCE_MS);
    this.image.onload = () => { clearTimeout(this.timer); this.image.classList.add("shown"); this.picture(turn); };
    this.image.onerror = again;
    this.image.src = this.data.stream;
  }
  still(turn, shows = this.shows) {
    const next = new Image();
    const wanted = () => turn === this.turn && shows === this.shows;
    const again = () => this.still(turn, shows);
    const later = () => { if (wanted()) this.timer = setTimeout(again, this.data.every_ms); };
    next.onload = () => {
      if (!wanted()) return;
      if (this.away) { this.away = false; this.failures = 0; this.anew(); return; }   // it is back: as at first
      this.image.src = next.src;
      this.image.classList.add("shown");
      this.picture(turn);
      later();
    };
    next.onerror = () => {
      if (!wanted()) return;
      this.away = true;
      this.say("No picture at the moment");
      later();
    };
    next.src = `${this.data.still}${this.data.still.includes("?") ? "&" : "?"}at=${Date.now()}`;
  }
  picture(turn) {
    if (turn !== this.turn) return;
    this.failures = 0;
    this.say("");
  }
  say(text) { if (this.note.textContent !== text) this.note.textContent = text; }
  end() {
    this.stop();
    this.watching.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }
}

export default function (component) {
  const frame = component.parentElement.querySelector(".frame");
  frame.player ??= new Player(frame);
  frame.player.set(component.data);
  return () => frame.player?.end();
}
"""


def live_picture(
    key: str, label: str, *, offer: str = "", stream: str, still: str, note: str = "", every_ms: int = 1_000
) -> None:
    """Show a camera's pictures while they can be seen: by WebRTC where an `offer` is answered and its packets get
    through, else as `stream`, else `still` every so often; what is empty is not tried.

    With a `note` there is nothing to show but its words. `label` is what a screen reader says.
    """
    data: dict[str, Any] = {"label": label, "offer": offer, "stream": stream, "still": still, "every_ms": every_ms}
    component = st.components.v2.component("nexusai.live_picture", html=_HTML, css=_STYLE, js=_SCRIPT)
    component(key=key, data=data | {"on": not note, "note": note})
