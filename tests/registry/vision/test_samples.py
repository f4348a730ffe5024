"""The sample pictures."""

from registry.vision.images import decode_image
from registry.vision.samples import find_samples


def test_samples_are_readable_and_told_apart() -> None:
    found = find_samples()
    assert len({sample.title for sample in found}) == len({sample.name for sample in found}) == len(found)
    for sample in found:
        assert decode_image(sample.path.read_bytes()).size


def test_photographs_of_installed_packages_are_among_them() -> None:
    assert {"sklearn/china.jpg", "sklearn/flower.jpg"} <= {sample.name for sample in find_samples()}
