"""Bounds of what an import takes."""

from dataclasses import dataclass, field

from registry.conversion.census import ArchiveLimits
from registry.vision.images import MAX_PIXELS

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """Bounds of a dataset that is read; sizes in bytes."""

    images: int = 200_000
    objects_per_image: int = 5_000
    objects: int = 5_000_000
    classes: int = 10_000
    depth: int = 24
    image_bytes: int = 64 * MIB
    image_pixels: int = MAX_PIXELS
    label_bytes: int = 4 * MIB
    document_bytes: int = 128 * MIB
    archive: ArchiveLimits = field(
        default_factory=lambda: ArchiveLimits(members=600_000, member_bytes=512 * MIB, total_bytes=64 << 30)
    )


DEFAULT = ImportLimits()
