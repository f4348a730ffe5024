"""Finding the picture that a label file names, among the files that are there and nowhere else."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath

from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.source import is_image


class ImageIndex:
    """The pictures of a source by their file names."""

    def __init__(self, files: Sequence[str]) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in filter(is_image, files):
            self._by_name[PurePosixPath(path).name].append(path)
        self._used: set[str] = set()

    def find(self, wanted: str, folder: str, file: str, findings: Findings, line: int | None = None) -> str:
        """The path of the picture `wanted`, named by `file` which lies in `folder`; empty, noted, for none or several.

        A name that leads out of the source finds nothing but what is called the same inside it.
        """
        clean = normpath(wanted.replace("\\", "/"))
        found = self._by_name.get(PurePosixPath(clean).name, [])
        usual = (
            folder,
            ".",
            "images",
            normpath(f"{folder}/../images"),
            normpath(f"{folder}/../JPEGImages"),
            "JPEGImages",
        )
        exact = [path for path in (normpath(f"{place}/{clean}") for place in usual) if path in found][:1]
        ending = [path for path in found if path.endswith(f"/{clean}")]
        near = [path for path in found if path.startswith(f"{folder}/")]
        for candidates in (exact, ending, near, found):
            if len(candidates) == 1:
                self._used.add(candidates[0])
                return candidates[0]
        if found:
            message = f"{wanted[:80]!r} may be any of {len(found)} pictures"
            findings.leave_image(ProblemKind.IMAGE_AMBIGUOUS, message, file, line)
        else:
            findings.leave_image(ProblemKind.IMAGE_MISSING, f"the picture {wanted[:80]!r} is not there", file, line)
        return ""

    def unused(self) -> Iterator[str]:
        """The pictures nobody asked for."""
        for paths in self._by_name.values():
            yield from (path for path in paths if path not in self._used)
