"""Shapes while they are drawn: what a mark does, and that nothing wrong comes to count."""

import pytest

from app.ui.marker import Mark
from app.ui.zone_draft import Draft, Kind, draft_of
from registry.cameras.configuration import AnalysisSettings
from registry.errors import InvalidInput, InvalidZone, RegistryError

SIZE = (200, 100)
TRIANGLE = [(20.0, 20.0), (120.0, 20.0), (120.0, 80.0)]
CROSSED = [(20.0, 20.0), (120.0, 80.0), (120.0, 20.0), (20.0, 80.0)]


def fresh(kind: Kind = "zone") -> Draft:
    draft = draft_of(AnalysisSettings())
    draft.begin(kind)
    return draft


def click(draft: Draft, *points: tuple[float, float]) -> Draft:
    for x, y in points:
        assert draft.take(Mark(draft.heard_at + 1, point=(x, y, True)), SIZE)
    return draft


def with_zone(name: str = "door") -> Draft:
    draft = click(fresh(), *TRIANGLE)
    draft.close(name)
    return draft


def test_clicks_become_a_zone_in_shares_of_the_picture() -> None:
    draft = with_zone()
    assert draft.settings.zones[0].points == [[0.1, 0.2], [0.6, 0.2], [0.6, 0.8]]
    assert (draft.is_changed, draft.points) == (True, [])
    draft.discard()
    assert not draft.is_changed


def test_a_mark_counts_once() -> None:
    draft = fresh()
    mark = Mark(5, point=(20, 20, True))
    assert draft.take(mark, SIZE)
    assert not draft.take(mark, SIZE)
    assert len(draft.points) == 1


DRAGS: dict[Kind, list[tuple[float, float]]] = {
    "zone": [(0.1, 0.2), (0.6, 0.2), (0.6, 0.8), (0.1, 0.8)],
    "mask": [(0.1, 0.2), (0.6, 0.2), (0.6, 0.8), (0.1, 0.8)],
    "line": [(0.1, 0.2), (0.6, 0.8)],
}


@pytest.mark.parametrize("kind", DRAGS)
def test_a_drag_is_a_whole_shape(kind: Kind) -> None:
    draft = fresh(kind)
    draft.take(Mark(1, box_xyxy=(20, 20, 120, 80)), SIZE)
    assert draft.points == DRAGS[kind]
    assert draft.is_complete
    draft.close("a")
    assert len(draft.shapes()) == 1


def test_a_line_has_two_ends_and_a_third_click_begins_anew() -> None:
    draft = click(fresh("line"), (20, 20), (120, 80))
    assert draft.is_complete
    click(draft, (40, 40))
    assert draft.points == [(0.2, 0.4)]


WRONG: dict[str, tuple[str, list[tuple[float, float]], type[RegistryError]]] = {
    "crossed": ("door", CROSSED, InvalidZone),
    "no name": (" ", TRIANGLE, InvalidInput),
    "too few corners": ("door", TRIANGLE[:2], InvalidZone),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_shape_stays_open_and_does_not_count(case: str) -> None:
    name, points, error = WRONG[case]
    draft = click(fresh(), *points)
    with pytest.raises(error):
        draft.close(name)
    assert (len(draft.points), draft.settings.zones, draft.is_changed) == (len(points), [], False)


def test_what_was_refused_is_told_until_something_else_is_done() -> None:
    def drawn() -> Draft:
        draft = click(fresh(), *TRIANGLE)
        draft.wrong = InvalidZone("two zones are called 'door'")
        return draft

    changes = (
        Draft.undo,
        Draft.clear,
        Draft.discard,
        lambda draft: draft.begin("line"),
        lambda draft: draft.close("gate"),
        lambda draft: click(draft, (20, 70)),
    )
    for change in changes:
        draft = drawn()
        change(draft)
        assert draft.wrong is None
    same = drawn()
    same.begin("zone")
    assert same.wrong is not None


def test_a_name_that_is_taken_is_refused() -> None:
    draft = click(with_zone(), *TRIANGLE)
    with pytest.raises(InvalidZone, match="two zones"):
        draft.close("door")


def test_a_corner_is_moved_but_not_across_an_edge() -> None:
    draft = fresh()
    draft.take(Mark(1, box_xyxy=(20, 20, 120, 80)), SIZE)
    draft.close("door")
    draft.take(Mark(2, moved=(1, 140, 10)), SIZE)
    assert draft.settings.zones[0].points[1] == [0.7, 0.1]
    before = draft.settings
    with pytest.raises(InvalidZone):
        draft.take(Mark(3, moved=(1, 60, 90)), SIZE)
    assert draft.settings == before


def test_grips_are_counted_through_all_shapes_and_the_open_one() -> None:
    draft = with_zone()
    draft.begin("line")
    click(draft, (20, 20))
    draft.take(Mark(draft.heard_at + 1, moved=(3, 60, 60)), SIZE)
    assert draft.points == [(0.3, 0.6)]
    assert [outline.kind for outline in draft.outlines(SIZE)] == ["zone", "open"]


def test_rules_follow_a_name_and_keep_a_zone_from_being_deleted() -> None:
    draft = with_zone()
    draft.set_rules([{"name": "entry", "zones": ["door"]}])
    draft.change(draft.shapes()[0], name="gate", loiter_s=5)
    assert draft.rules()[0]["zones"] == ["gate"]
    with pytest.raises(InvalidZone, match="no zone 'gate'"):
        draft.remove(draft.shapes()[0])
    draft.set_rules([])
    draft.remove(draft.shapes()[0])
    assert draft.shapes() == ()
