"""A binary mask as COCO's run lengths, which JSON can carry."""

from typing import Any

import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]


def coco_rle(crop: BoolMask, offset_xy: tuple[int, int], image_hw: tuple[int, int]) -> dict[str, Any]:
    """`{"size": [h, w], "counts": […]}`, uncompressed, of an image that is False but for `crop` at `offset_xy`.

    `counts` are lengths of runs down the columns, left to right, of False and True in turn, False first (0 where the
    first pixel is True). The image itself is never made: the cost is that of the crop.
    """
    rows, columns = crop.shape
    height, width = image_hw
    framed = np.zeros((columns, rows + 2), np.bool_)
    framed[:, 1:-1] = crop.T
    column, row = np.divmod(np.flatnonzero(framed[:, 1:] != framed[:, :-1]), rows + 1)
    edges = (column + offset_xy[0]) * height + row + offset_xy[1]
    joined = np.flatnonzero(edges[1:] == edges[:-1])  # a run that goes on at the top of the next column
    edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    counts = np.diff(edges, prepend=0, append=height * width)
    return {"size": [height, width], "counts": (counts if counts[-1] else counts[:-1]).tolist()}
