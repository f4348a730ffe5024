"""A picture one marks with the pointer: a click is a point, a drag a box, and corners that are there can move."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

_HTML = '<div class="frame"><img alt="The picture to mark" draggable="false"><svg></svg></div>'
_STYLE = """
.frame { position: relative; border-radius: .6rem; overflow: hidden; cursor: crosshair; touch-action: none; }
img, svg { display: block; width: 100%; }
img { user-select: none; }
svg { position: absolute; inset: 0; height: 100%; }
rect { fill: rgb(58 87 232 / .12); stroke: #3a57e8; stroke-width: 2; vector-effect: non-scaling-stroke; }
circle { stroke: #fff; stroke-width: 2; vector-effect: non-scaling-stroke; }
.on { fill: #12a594; }
.beside { fill: #d9483b; }
polygon, polyline, path { stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; fill: none; }
.zone { stroke: #34d3bd; }
polygon.zone { fill: rgb(52 211 189 / .2); }
.line { stroke: #ffb454; }
path.line { stroke-width: 3; }
.mask { stroke: #aab4cf; }
polygon.mask { fill: rgb(11 16 32 / .62); }
.open { stroke: #fff; stroke-dasharray: 6 4; }
polygon.open { fill: rgb(255 255 255 / .14); }
circle.grip { fill: #0b1020; cursor: move; }
text { font-family: var(--st-font); font-weight: 600; fill: #fff; paint-order: stroke; stroke: #0b1020; }
"""
# Streamlit calls the function again on every run of the page: handlers are assigned, never added.
_SCRIPT = """
const SVG = "http://www.w3.org/2000/svg";
const DRAG = 6;  // CSS pixels; less is the tremble of a click

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const frame = parentElement.querySelector(".frame");
  const image = frame.querySelector("img");
  const layer = frame.querySelector("svg");
  image.style.aspectRatio = `${data.width} / ${data.height}`;  // its place is kept while it loads
  if (image.src !== data.picture) image.src = data.picture;
  layer.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
  const add = (name, values, kind) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    if (kind) made.setAttribute("class", kind);
    layer.append(made);
    return made;
  };
  const radius = Math.max(data.width, data.height) / 110;
  const corners = (a, b) => [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const box = ([x1, y1, x2, y2]) => ({ x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
  const letters = Math.max(data.width, data.height) / 48;
  const say = (words, x, y) => {
    const made = add("text", { x, y, "font-size": letters, "stroke-width": letters / 4, "text-anchor": "middle" });
    made.textContent = words;
  };
  const arrow = (x1, y1, x2, y2, kind) => {   // from one place to another, with a head
    const turn = Math.atan2(y2 - y1, x2 - x1), head = letters * .8;
    const wing = (by) => `${x2 - head * Math.cos(turn + by)} ${y2 - head * Math.sin(turn + by)}`;
    add("path", { d: `M${x1} ${y1}L${x2} ${y2}M${wing(.5)}L${x2} ${y2}L${wing(-.5)}` }, kind);
  };
  const outline = ({ kind, points, name }) => {
    const ends = points.map(([x, y]) => `${x},${y}`).join(" ");
    const middle = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    if (kind === "line" && points.length === 2) {
      const [[x1, y1], [x2, y2]] = points, long = Math.hypot(x2 - x1, y2 - y1) || 1, far = letters * 2.4;
      const [nx, ny] = [-(y2 - y1) / long * far, (x2 - x1) / long * far];   // to the right of the way: in
      add("path", { d: `M${x1} ${y1}L${x2} ${y2}` }, kind);
      arrow(middle(0), middle(1), middle(0) + nx, middle(1) + ny, kind);
      say("in", middle(0) + nx * 1.5, middle(1) + ny * 1.5 + letters / 3);
      say("out", middle(0) - nx * .7, middle(1) - ny * .7 + letters / 3);
      if (name) say(name, x1, y1 - letters);
      return;
    }
    add(points.length > 2 ? "polygon" : "polyline", { points: ends }, kind);
    if (name) say(name, middle(0), middle(1) + letters / 3);
  };
  layer.replaceChildren();
  for (const each of data.outlines) outline(each);
  const grips = data.grips.map(([x, y]) => add("circle", { cx: x, cy: y, r: radius * .8 }, "grip"));
  for (const each of data.boxes) add("rect", box(each));
  for (const [x, y, on] of data.points) add("circle", { cx: x, cy: y, r: radius }, on ? "on" : "beside");

  const place = (event) => {
    const area = frame.getBoundingClientRect();
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    return {
      x: within((event.clientX - area.left) / area.width * data.width, data.width),
      y: within((event.clientY - area.top) / area.height * data.height, data.height),
      clientX: event.clientX, clientY: event.clientY,
    };
  };
  let began = null, drawn = null, held = -1;
  frame.onpointerdown = (event) => {
    if (event.button) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    began = place(event);
    held = grips.findIndex((grip) => grip === event.composedPath()[0]);
  };
  frame.onpointermove = (event) => {
    if (!began) return;
    const now = place(event);
    if (held >= 0) { grips[held].setAttribute("cx", now.x); grips[held].setAttribute("cy", now.y); return; }
    const far = Math.hypot(now.clientX - began.clientX, now.clientY - began.clientY) > DRAG;
    if (!far && !drawn) return;
    drawn = drawn || add("rect", {});
    for (const [key, value] of Object.entries(box(corners(began, now)))) drawn.setAttribute(key, value);
  };
  frame.onpointerup = (event) => {
    if (!began) return;
    const now = place(event);
    const marked = drawn ? { box: corners(began, now) } : { point: [now.x, now.y, event.shiftKey ? 0 : 1] };
    const mark = held >= 0 ? { moved: [held, now.x, now.y] } : marked;
    began = drawn = null;
    held = -1;
    setTriggerValue("mark", { ...mark, at: Date.now() });
  };
  frame.onpointercancel = () => { began = null; held = -1; drawn?.remove(); drawn = null; };
}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was marked last, in source pixels: a point with whether it lies on the object, a box, or a grip by its
    number with its new place.

    `at` tells one mark from another: the browser's clock in milliseconds.
    """

    at: int
    point: tuple[float, float, bool] | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    moved: tuple[int, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """A shape to show, corners in source pixels; `open` is one that is being drawn. Right of a line's way is in."""

    kind: Literal["zone", "mask", "line", "open"]
    points: Sequence[tuple[float, float]]
    name: str = ""


def sent(key: str, size_wh: tuple[int, int]) -> Mark | None:
    """The mark that began this run, known before the picture is drawn again."""
    return _mark(st.session_state.get(key), size_wh)


def marker(
    key: str,
    jpeg: bytes,
    size_wh: tuple[int, int],
    points: Sequence[Sequence[float]],
    boxes_xyxy: Sequence[Sequence[float]],
    outlines: Sequence[Outline] = (),
    *,
    movable: bool = False,
) -> Mark | None:
    """Show a picture of `size_wh` source pixels with its marks; answers the mark that began this run.

    A drag is a box, a click a point on the object, a click with the shift key a point beside it; where outlines are
    `movable`, a drag of a corner moves it: grips are numbered through all outlines. A mark made while
    the page was being drawn is only known here, and not to `sent`.
    """
    picture = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    data = {"picture": picture, "width": size_wh[0], "height": size_wh[1]}
    marks = {"points": [list(point) for point in points], "boxes": [list(box) for box in boxes_xyxy]}
    shapes = {
        "outlines": [
            {"kind": each.kind, "points": [list(p) for p in each.points], "name": each.name} for each in outlines
        ],
        "grips": [list(point) for each in outlines for point in each.points] if movable else [],
    }
    component = st.components.v2.component("nexusai.marker", html=_HTML, css=_STYLE, js=_SCRIPT)
    return _mark(component(key=key, data=data | marks | shapes, on_mark_change=_nothing), size_wh)


def _nothing() -> None:
    """Streamlit keeps a trigger only where something listens to it."""


def _mark(state: Any, size_wh: tuple[int, int]) -> Mark | None:
    """What the browser sent, if it is a mark within the picture: a browser may send anything."""
    found = state.get("mark") if isinstance(state, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(found.get("at"), int):
        return None
    at, (width, height) = int(found["at"]), size_wh
    numbers = found.get("box") or found.get("point") or found.get("moved")
    if not isinstance(numbers, list) or not all(isinstance(each, int | float) for each in numbers):
        return None
    if "box" in found and len(numbers) == 4:
        x1, y1, x2, y2 = numbers
        return Mark(at, box_xyxy=(x1, y1, x2, y2)) if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height else None
    if "moved" in found and len(numbers) == 3 and 0 <= numbers[1] <= width and 0 <= numbers[2] <= height:
        return Mark(at, moved=(int(numbers[0]), numbers[1], numbers[2]))
    if "point" in found and len(numbers) == 3 and 0 <= numbers[0] <= width and 0 <= numbers[1] <= height:
        return Mark(at, point=(numbers[0], numbers[1], bool(numbers[2])))
    return None
