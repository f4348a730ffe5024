"""What FFmpeg says while a film is made: a full disk is waited for, pictures it cannot take end the job."""

import errno

import av.error
import pytest

from registry.errors import InvalidVideo, RegistryError, StorageUnavailable
from registry.jobs.video.film import _full_disk


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (av.error.OSError(errno.ENOSPC, "no space"), StorageUnavailable),
        (av.error.MemoryError(errno.ENOMEM, "no memory"), StorageUnavailable),
        (av.error.OSError(errno.EIO, "broken"), StorageUnavailable),
        (OSError(errno.EROFS, "read-only"), StorageUnavailable),
        (av.error.ArgumentError(errno.EINVAL, "times go back"), InvalidVideo),
        (av.error.InvalidDataError(1_094_995_529, "broken"), InvalidVideo),
    ],
    ids=["full", "memory", "broken disk", "read-only", "argument", "data"],
)
def test_only_what_may_pass_is_tried_again(error: Exception, expected: type[RegistryError]) -> None:
    with pytest.raises(expected), _full_disk():
        raise error
