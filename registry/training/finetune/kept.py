"""What a training has finished, kept with the job: the checkpoints to go on from, and the figures of every epoch."""

import json
from collections.abc import Sequence
from pathlib import Path

from registry.errors import ObjectNotFound
from registry.jobs.files import JobFiles
from registry.training.finetune.yolo_child import BEST, LAST, TRAINED, EpochReport, checkpoint_name

EPOCHS = "epochs.json"


class Kept:
    """The files of one training among the parts of its job. Each is there whole or not at all.

    The checkpoint to go on from is stored last, so that whatever a killed run left fits together.
    """

    def __init__(self, files: JobFiles) -> None:
        self._files = files
        names = list(files.names("parts"))
        self.epoch = max((_epoch_of(name) for name in names if name.startswith(LAST)), default=0)
        bests = [_epoch_of(name) for name in names if name.startswith(BEST)]
        self.best_epoch = max((each for each in bests if each <= self.epoch), default=0)
        self.trained = TRAINED in names
        self.epochs: list[EpochReport] = [each for each in read_epochs(files) if each.epoch <= self.epoch]

    def keep(self, report: EpochReport, folder: Path) -> None:
        """Store an epoch's checkpoints from a child's folder, then drop the ones before. Raises StorageUnavailable."""
        before, best_before = self.epoch, self.best_epoch
        self.epochs = [*(each for each in self.epochs if each.epoch < report.epoch), report]
        if report.best:
            self._put(folder, checkpoint_name(BEST, report.epoch))
        self._files.put("parts", EPOCHS, json.dumps([each.model_dump() for each in self.epochs]).encode())
        self._put(folder, checkpoint_name(LAST, report.epoch))
        self.epoch, self.best_epoch = report.epoch, report.epoch if report.best else best_before
        if before and before != report.epoch:
            self._drop(checkpoint_name(LAST, before))
        if report.best and best_before and best_before != report.epoch:
            self._drop(checkpoint_name(BEST, best_before))

    def lay_down(self, folder: Path) -> tuple[Path | None, Path | None]:
        """The checkpoint to go on from and the best one as files, None for what there is not."""
        return self._lay(LAST, self.epoch, folder), self._lay(BEST, self.best_epoch, folder)

    def keep_trained(self, data: bytes) -> None:
        """Store the trained network: nothing is trained any more after that."""
        self._files.put("parts", TRAINED, data)
        self.trained = True

    def read_trained(self) -> bytes:
        """The trained network. Raises ObjectNotFound."""
        return self._files.get("parts", TRAINED)

    def read_best(self) -> bytes | None:
        """The best checkpoint until now."""
        return self._files.get("parts", checkpoint_name(BEST, self.best_epoch)) if self.best_epoch else None

    @property
    def ended(self) -> bool:
        """Whether the last epoch is behind it."""
        return bool(self.epochs) and self.epochs[-1].ended

    def _lay(self, what: str, epoch: int, folder: Path) -> Path | None:
        if not epoch:
            return None
        name = checkpoint_name(what, epoch)
        (folder / f"from-{what}.pt").write_bytes(self._files.get("parts", name))
        return folder / f"from-{what}.pt"

    def _put(self, folder: Path, name: str) -> None:
        self._files.put("parts", name, (folder / name).read_bytes())
        (folder / name).unlink()

    def _drop(self, name: str) -> None:
        self._files.storage.delete(self._files.key("parts", name))


def read_epochs(files: JobFiles) -> Sequence[EpochReport]:
    """The figures of every epoch that a running training has finished."""
    try:
        return [EpochReport.model_validate(each) for each in json.loads(files.get("parts", EPOCHS))]
    except ObjectNotFound:
        return []


def _epoch_of(name: str) -> int:
    digits = name.rpartition("-")[2].removesuffix(".pt")
    return int(digits) if digits.isdecimal() else 0
