"""A browser's own camera with a model's answers drawn on its pictures, one after the other.

Each picture goes to the API as any other would, with the rights and limits of who is signed in; none is kept. The next
one is taken when the answer is there, so a slow model shows fewer pictures, never late ones.
"""

import streamlit as st

from app.ui.frame import card, page_header
from app.ui.model_choice import choose_model
from app.ui.session import platform
from app.ui.states import empty_state
from registry.access import Actor
from registry.runtime.card import Task

VIEW = "webcam"
_SPEECHLESS = frozenset({Task.PROMPT, Task.EMBED})  # nothing of their answers could be drawn

_HTML = """
<div class="frame">
  <img alt="" hidden><video muted playsinline hidden></video><p class="note" role="status">The camera is off</p>
</div>
<div class="foot"><button type="button">Start the camera</button><span class="figures" role="status"></span></div>
"""
_CSS = """
.frame {
  position: relative; aspect-ratio: 4 / 3; border-radius: .5rem; overflow: hidden; background: #0b1020;
  display: grid; place-items: center;
}
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.frame video { display: none; }
[hidden] { display: none !important; }
.note {
  position: relative; margin: 0; padding: .35rem .8rem; max-width: 88%; text-align: center; border-radius: .4rem;
  font: 400 .9rem var(--st-font); color: #dfe5f7; background: rgb(11 16 32 / .72);
}
.note:empty { display: none; }
.foot { display: flex; align-items: center; gap: 1.2rem; margin-top: .9rem; min-height: 2.6rem; flex-wrap: wrap; }
.figures {
  font: 400 .9rem var(--st-font); font-variant-numeric: tabular-nums; color: var(--st-text-color); opacity: .8;
}
button {
  font: 500 .93rem var(--st-font); padding: .5rem 1rem; border-radius: var(--st-button-radius); cursor: pointer;
  color: #fff; background: var(--st-primary-color); border: 1px solid var(--st-primary-color); white-space: nowrap;
}
button.on { color: var(--st-text-color); background: transparent; border-color: var(--st-border-color); }
"""
# Streamlit calls the function again on every run of the page: what runs is kept on the element.
_JS = """
const LONGEST = 960;        // pixels of a picture's longer side: more would cost time and show nothing
const QUALITY = 0.85;
const AGAIN_MS = 1500;      // after an answer that was none
const WEIGHT = 0.2;         // of the newest among the figures
const REFUSED = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the address, then start again.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "Another program uses the camera.",
};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Webcam {
  constructor(root) {
    this.image = root.querySelector("img");
    this.video = root.querySelector("video");
    this.note = root.querySelector(".note");
    this.figures = root.querySelector(".figures");
    this.button = root.querySelector("button");
    this.canvas = document.createElement("canvas");
    this.turn = 0;          // one number for each start: what an older one still awaits does not count
    this.button.onclick = () => (this.on ? this.stop("The camera is off") : this.start());
  }
  async start() {
    if (!navigator.mediaDevices) {
      this.say("Browsers open their camera for pages over HTTPS or on localhost alone.");
      return;
    }
    const turn = ++this.turn;
    this.on = true;
    this.button.textContent = "Stop the camera";
    this.button.classList.add("on");
    this.say("Starting…");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
      if (turn !== this.turn) { for (const track of stream.getTracks()) track.stop(); return; }
      this.video.srcObject = stream;
      stream.getVideoTracks()[0].onended = () => { if (turn === this.turn) this.stop("The camera went away"); };
      await this.video.play();
    } catch (error) {
      if (turn === this.turn) this.stop(REFUSED[error.name] ?? `The camera could not be opened: ${error.message}`);
      return;
    }
    while (turn === this.turn) await this.look(turn);
  }
  stop(words) {
    this.turn += 1;
    this.on = false;
    this.request?.abort();
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.image.hidden = true;
    this.image.removeAttribute("src");
    this.figures.textContent = "";
    this.rate = this.took = this.shown = undefined;
    this.button.textContent = "Start the camera";
    this.button.classList.remove("on");
    this.say(words);
  }
  async look(turn) {
    if (document.hidden) return pause(250);
    const begun = performance.now();
    this.request = new AbortController();
    try {
      const body = new FormData();
      body.append("file", await this.picture(), "webcam.jpg");
      body.append("annotate", "true");
      for (const [name, value] of Object.entries(this.data.asked)) body.append(name, value);
      const { signal } = this.request;
      const answer = await fetch("/api/v1/inference/predict", { method: "POST", body, signal });
      if (turn !== this.turn) return;
      if (answer.ok) return this.show(await answer.json(), turn, performance.now() - begun);
      await this.refused(answer, turn);
    } catch (error) {
      if (turn !== this.turn) return;
      this.say("The platform does not answer at the moment");
      await pause(AGAIN_MS);
    }
  }
  async refused(answer, turn) {
    let told = {};
    try { told = (await answer.json()).error ?? {}; } catch { /* no answer of ours */ }
    if (turn !== this.turn) return;
    if (answer.status === 401) return this.stop("Your sign-in has ended");
    if (answer.status < 429) return this.stop(told.message ?? `The server answered ${answer.status}`);
    this.say(answer.status === 429 ? "As many pictures as you may ask for" : "The platform is busy");
    await pause(Math.max(AGAIN_MS, 1000 * Number(answer.headers.get("retry-after") ?? 0)));
  }
  picture() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
  }
  show(answer, turn, took) {
    if (turn !== this.turn) return;
    this.image.src = answer.annotated_image;
    this.image.hidden = false;
    const found = answer.detections ?? answer.text ?? answer.classes?.slice(0, 1) ?? [];
    this.image.alt = found.map((each) => each.label ?? each.text).join(", ") || "Nothing found";
    this.say("");
    const now = performance.now();
    const mean = (before, value) => (before === undefined ? value : before + WEIGHT * (value - before));
    if (this.shown) {       // the first answer may have waited for the model to be loaded
      this.took = mean(this.took, took);
      this.rate = mean(this.rate, 1000 / (now - this.shown));
      const figures = [`${this.rate.toFixed(1)} pictures a second`, `${Math.round(this.took)} ms to an answer`];
      this.figures.textContent = figures.join(" · ");
    }
    this.shown = now;
  }
  say(text) { if (this.note.textContent !== text) this.note.textContent = text; }
}

export default function (component) {
  const frame = component.parentElement.querySelector(".frame");
  frame.webcam ??= new Webcam(component.parentElement);
  frame.webcam.data = component.data;
  return () => frame.webcam.stop("The camera is off");
}
"""


def open_webcam() -> None:
    """Go to the camera's view."""
    st.query_params.from_dict({"view": VIEW})
    st.rerun()


def draw(actor: Actor) -> None:
    """The view: the camera at the left, what looks at it at the right."""
    if st.button("Back to inference", key="webcam.back", type="tertiary", icon=":material/arrow_back:"):
        st.query_params.clear()
        st.rerun()
    page_header("Webcam", "A registered model on what your browser's camera sees. No picture is kept.")
    listed, _ = platform().models.list(actor, size=500)
    models = [model for model in listed if model.latest_version and model.task not in _SPEECHLESS]
    if not models:
        empty_state("videocam", "No model to run yet", "As soon as one is published you can try it here.")
        return
    left, right = st.columns([0.66, 0.34], gap="medium")
    with right, card("webcam_model"):
        which = choose_model("webcam", models)
        confidence = st.number_input(
            "Confidence", 0.0, 1.0, None, 0.05, key="webcam.confidence", placeholder="From the model's card"
        )
    asked = {name: value for name, value in {**which.names, "confidence": confidence}.items() if value is not None}
    with left, card("webcam"):
        component = st.components.v2.component("nexusai.webcam", html=_HTML, css=_CSS, js=_JS)
        component(key="webcam.player", data={"asked": asked})
