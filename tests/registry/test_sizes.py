"""Sizes read well at every magnitude."""

import pytest

from registry.sizes import bytes_text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "nothing"),
        (1, "1 byte"),
        (512, "512 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (2**20 - 1, "1.0 MiB"),  # not 1024 KiB
        (2**20, "1.0 MiB"),
        (150 * 2**20, "150 MiB"),
        (1_288_490_189, "1.2 GiB"),
        (3 * 2**40, "3.0 TiB"),
        (5_000 * 2**40, "5,000 TiB"),  # the largest unit takes what is larger
    ],
)
def test_a_size_is_in_the_largest_unit_that_it_fills(count: int, words: str) -> None:
    assert bytes_text(count) == words
