"""The pictures of a dataset's version, for batches to read in place."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from registry.access import Actor
from registry.jobs.image_folders import ImageFolder, LocalFolder, OpenDataset
from registry.training.datasets.annotations import IMAGES
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.reference import parse_reference
from registry.training.datasets.sample import Sample


class VersionImages(LocalFolder):
    """The samples of a version in their order; what tells them apart is what they hold, wherever they lie."""

    def __init__(self, root: Path, samples: Sequence[Sample]) -> None:
        super().__init__(root)
        self._samples = samples

    def images(self) -> Iterator[tuple[str, list[object]]]:
        """See `ImageFolder`."""
        return ((sample.file, [sample.sha256]) for sample in self._samples)


def images_of(datasets: Datasets) -> OpenDataset:
    """Opens the version that `name` or `name/version` means, as that actor.

    What it gives raises InvalidInput, DatasetNotFound, VersionNotFound, StorageUnavailable.
    """

    def opened(actor: Actor, reference: str) -> tuple[str, ImageFolder]:
        name, wanted = parse_reference(reference)
        number = datasets.version(actor, name, wanted).number
        version = datasets.open(actor, name, number)
        return f"{name}/{number}", VersionImages((version.folder / IMAGES).resolve(), version.dataset.samples)

    return opened
