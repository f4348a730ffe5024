"""Who is asked alone, and who is not asked for a while."""

import pytest

from registry.streams.blame import FORGIVE_S, Blame


def test_a_camera_that_loses_the_detector_again_and_again_is_barred_for_longer_each_time() -> None:
    blame, now, barred = Blame(), 1_000.0, []
    assert not blame.is_suspect("a", now)
    for _ in range(9):
        barred.append(blame.lost("a", now))
        assert blame.is_suspect("a", now)
        assert blame.is_barred("a", now) == (barred[-1] > 0)
        now += barred[-1]
        assert not blame.is_barred("a", now)
    assert barred == [0, 1, 2, 4, 8, 16, 30, 30, 30]
    assert not blame.is_suspect("b", now)


@pytest.mark.parametrize(("passed_s", "losses"), [(FORGIVE_S - 1, 2), (FORGIVE_S + 1, 1)], ids=["not yet", "forgiven"])
def test_what_is_long_ago_is_forgiven(passed_s: float, losses: int) -> None:
    blame = Blame()
    blame.lost("a", 1_000.0)
    assert blame.is_suspect("a", 1_000.0 + passed_s) == (losses == 2)
    assert blame.lost("a", 1_000.0 + passed_s) == (1.0 if losses == 2 else 0.0)


def test_ten_thousand_losses_are_no_other_than_ten() -> None:
    blame = Blame()
    assert [blame.lost("a", 1_000.0) for _ in range(10_000)][-1] == 30
