"""The form that sends a model from the browser's disk straight to the API, with its progress.

Streamlit's own uploader would keep the whole file in the server's memory, so this is a component: its request streams.
"""

from typing import Any

import streamlit as st

_HTML = """
<form novalidate>
  <label class="drop">
    <input type="file" name="file">
    <span class="mark" aria-hidden="true">+</span>
    <span class="words"><b class="chosen">Choose a model file</b><small class="size">or drop it here</small></span>
  </label>
  <div class="row">
    <label>Name<input name="name" maxlength="63" placeholder="parts-detector" autocomplete="off"></label>
    <label>Who may use it<select name="access_level"></select></label>
  </div>
  <label>Description<input name="description" maxlength="400" autocomplete="off"></label>
  <div class="row">
    <label>Alias<input name="alias" maxlength="31" value="champion" placeholder="none" autocomplete="off"></label>
    <label>Made from<input name="parent" maxlength="80" placeholder="name/version" autocomplete="off"></label>
  </div>
  <details>
    <summary>Model card (optional)</summary>
    <p>Without a card, task, input and classes are read from the file.</p>
    <textarea name="card" rows="6" aria-label="Card as JSON" spellcheck="false"></textarea>
  </details>
  <p class="error" role="alert" hidden><b></b><br><span></span></p>
  <div class="foot">
    <button type="submit">Check and register</button>
    <div class="sending" hidden>
      <progress max="1" value="0" aria-label="Sent"></progress><span class="sent"></span>
      <button type="button" class="plain">Cancel</button>
    </div>
  </div>
</form>
"""
_CSS = """
form { display: grid; gap: .9rem; font: 400 .93rem var(--st-font); color: var(--st-text-color); }
label { display: grid; gap: .3rem; font-size: .87rem; }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
input, select, textarea {
  font: inherit; font-size: .93rem; color: inherit; padding: .5rem .7rem; min-height: 2.5rem; box-sizing: border-box;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); width: 100%; outline: none;
  border-radius: var(--st-base-radius);
}
textarea { font-family: var(--st-code-font); font-size: .85rem; resize: vertical; }
:is(input, select, textarea):focus-visible, .drop:focus-within { border-color: var(--st-primary-color); }
.drop {
  display: flex; align-items: center; gap: .9rem; padding: 1rem; cursor: pointer; position: relative;
  border: 1px dashed var(--st-border-color); border-radius: var(--st-base-radius);
  background: var(--st-background-color);
}
.drop.over { border-color: var(--st-primary-color); }
.drop input { position: absolute; inset: 0; opacity: 0; cursor: pointer; height: 100%; }
.drop b { font-weight: 600; font-size: .93rem; overflow-wrap: anywhere; }
.words { display: grid; gap: .1rem; min-width: 0; }
small, details p { opacity: .7; font-size: .83rem; }
.mark {
  width: 2.2rem; height: 2.2rem; border-radius: 50%; display: grid; place-items: center; font-size: 1.3rem; flex: none;
  color: var(--st-primary-color); background: color-mix(in srgb, var(--st-primary-color) 12%, transparent);
}
summary { cursor: pointer; font-size: .87rem; }
details p { margin: .5rem 0; }
button {
  font: 500 .93rem var(--st-font); padding: .5rem 1rem; border-radius: var(--st-button-radius); cursor: pointer;
  color: #fff; background: var(--st-primary-color); border: 1px solid var(--st-primary-color); white-space: nowrap;
}
button:disabled { opacity: .5; cursor: default; }
button.plain { color: inherit; background: transparent; border-color: var(--st-border-color); }
.foot { display: flex; align-items: center; gap: 1.2rem; min-height: 2.6rem; }
.sending { display: flex; align-items: center; gap: .9rem; flex: 1; }
.sending[hidden], .error[hidden] { display: none; }
progress { flex: 1; height: .45rem; accent-color: var(--st-primary-color); }
.sent { font-variant-numeric: tabular-nums; font-size: .85rem; opacity: .8; min-width: 20ch; text-align: right; }
.error {
  margin: 0; padding: .7rem .9rem; border-radius: var(--st-base-radius);
  color: var(--st-red-text-color); background: var(--st-red-background-color);
}
"""
# Streamlit calls the function again on every run of the page: the form is set up once.
_JS = """
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const CANCELLED = ["The upload was cancelled", "Nothing of it was kept."];
const UNITS = ["KiB", "MiB", "GiB", "TiB"];
const bytesText = (count) => {  // the words of registry/sizes.py
  if (count < 1024) return count ? `${count} byte${count > 1 ? "s" : ""}` : "nothing";
  let [value, place] = [count / 1024, 0];
  while (value.toFixed(1) >= 1024 && place < UNITS.length - 1) [value, place] = [value / 1024, place + 1];
  const digits = value < 100 ? 1 : 0;
  const shown = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${value.toLocaleString("en", shown)} ${UNITS[place]}`;
};

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const form = parentElement.querySelector("form");
  const at = (selector) => form.querySelector(selector);
  if (form.dataset.ready) return;
  form.dataset.ready = "1";
  for (const [value, words] of data.levels) at("select").add(new Option(words, value));
  at("select").value = data.level;

  const refuse = (message, hint) => {
    at(".error b").textContent = message.charAt(0).toUpperCase() + message.slice(1);
    at(".error span").textContent = hint || "";
    at(".error").hidden = false;
  };
  const choose = () => {
    const file = at("input[type=file]").files[0];
    at(".chosen").textContent = file ? file.name : "Choose a model file";
    at(".size").textContent = file ? bytesText(file.size) : "or drop it here";
  };
  at("input[type=file]").addEventListener("change", choose);
  for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    at(".drop").addEventListener(kind, () => at(".drop").classList.toggle("over", over));
  }
  const problem = (file) => {
    if (!file) return ["No file was chosen", "Choose a model file first."];
    if (file.size > data.most_mb * 2 ** 20) {
      return [`The file has ${bytesText(file.size)}, the limit is ${data.most_mb} MiB`, "Send a smaller file."];
    }
    const name = form.elements.name.value.trim();
    if (!NAME.test(name)) {
      return [name ? `“${name}” cannot be a model's name` : "A model needs a name",
        "1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first."];
    }
    return null;
  };
  const sending = (on) => {
    at(".sending").hidden = !on;
    at("button[type=submit]").disabled = on;
  };
  const filled = () => {
    const body = new FormData();
    for (const name of ["name", "description", "access_level", "card", "alias", "parent"]) {
      body.append(name, form.elements[name].value.trim());
    }
    return body;
  };
  // The fields alone first: all that is wrong with good ones is that the file is missing.
  const asked = async (signal) => {
    try {
      const answer = await fetch("/api/v1/models/upload", { method: "POST", body: filled(), signal });
      const { error } = await answer.json();
      return error.details.field === "file" ? null : [error.message, error.hint];
    } catch {
      return signal.aborted ? CANCELLED : ["The server does not answer", "Nothing was sent. Try it again."];
    }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    at(".error").hidden = true;
    const file = at("input[type=file]").files[0];
    const wrong = problem(file);
    if (wrong) return refuse(...wrong);
    const asking = new AbortController();
    at("button.plain").onclick = () => asking.abort();
    at("progress").value = 0;
    at(".sent").textContent = "";
    sending(true);
    const refused = await asked(asking.signal);
    if (refused) {
      sending(false);
      return refuse(...refused);
    }
    const body = filled();
    body.append("file", file, "model");
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => {
      at("progress").value = loaded / total;
      at(".sent").textContent = `${bytesText(loaded)} of ${bytesText(total)}`;
    };
    request.onload = () => {
      sending(false);
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (request.status === 202) setTriggerValue("sent", answer.upload.id);
      else refuse(answer.error?.message || `The server answered ${request.status}`, answer.error?.hint);
    };
    request.onerror = () => {
      sending(false);
      refuse("The connection was lost before the file was there", "Nothing of it was kept. Send it again.");
    };
    request.onabort = () => { sending(false); refuse(...CANCELLED); };
    at("button.plain").onclick = () => request.abort();
    request.open("POST", "/api/v1/models/upload");
    request.send(body);
  });
}
"""


def upload_form(levels: list[tuple[str, str]], level: str, most_mb: int) -> str:
    """Mount the form; the id of an upload in the run right after it was sent, else nothing.

    `levels` are the access levels with their words, `level` the one that is chosen at first.
    """
    data: dict[str, Any] = {"levels": levels, "level": level, "most_mb": most_mb}
    form = st.components.v2.component("nexusai.upload", html=_HTML, css=_CSS, js=_JS)
    sent = form(key="upload.form", data=data, on_sent_change=lambda: None).get("sent")
    return sent if isinstance(sent, str) else ""
