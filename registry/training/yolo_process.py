"""A child process for Ultralytics: clean environment, no downloads."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from registry.errors import ProcessFailed
from registry.settings import PROJECT_ROOT

_STDERR_TAIL = 2000
_LOOK_S = 0.25


def run_child(module: str, job: BaseModel) -> Iterator[str]:
    """Run `python -m module JOB.json`, yield the lines it writes, and end after it; stopping early kills it.

    Ultralytics is AGPL-3.0 and keeps global state, so it lives only in such children. The job's folder is
    their scratch space. Raises ProcessFailed with the end of stderr.
    """
    with tempfile.TemporaryDirectory() as scratch, Path(scratch, "stderr").open("w+b") as stderr:
        request = Path(scratch, "job.json")
        request.write_text(job.model_dump_json(), encoding="utf-8")
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, str(request)],
            cwd=scratch,
            env=_environment(scratch),
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
        )
        with child:
            try:
                yield from child.stdout or ()
            except BaseException:  # also when the reader stops early
                child.kill()
                raise
        if child.returncode:
            stderr.seek(0)
            tail = stderr.read()[-_STDERR_TAIL:].decode("utf-8", "replace").strip()
            raise ProcessFailed(f"{module} ended with status {child.returncode}: {tail}")


def follow_child(
    module: str, job: BaseModel, scratch: Path, stop: Callable[[], bool], further: Mapping[str, str]
) -> Iterator[str]:
    """As `run_child`, in a scratch folder that stays, asking `stop` four times a second; True kills the child.

    The child may use a GPU; `further` is added to its environment. Whoever stops asking for lines kills it, too.
    """
    environment = {**_environment(str(scratch)), **further}
    del environment["CUDA_VISIBLE_DEVICES"]
    request = scratch / "job.json"
    request.write_text(job.model_dump_json(), encoding="utf-8")
    with (scratch / "stderr").open("w+b") as stderr:
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, str(request)],
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            if (yield from _lines(child, stop)):
                return
            child.wait()
        finally:
            child.kill()
            child.wait()
        if child.returncode:
            stderr.seek(0)
            tail = stderr.read()[-_STDERR_TAIL:].decode("utf-8", "replace").strip()
            raise ProcessFailed(
                f"{module} ended with status {child.returncode}: {tail}", details={"status": child.returncode}
            )


def _lines(child: "subprocess.Popen[bytes]", stop: Callable[[], bool]) -> Generator[str, None, bool]:
    """What the child writes, until it ends; True where it was stopped."""
    pipe, pending = child.stdout, b""
    if pipe is None:
        return True
    with pipe:
        while not stop():
            if not select.select([pipe], [], [], _LOOK_S)[0]:
                continue
            some = os.read(pipe.fileno(), 65_536)
            if not some:
                return False
            *whole, pending = (pending + some).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
    return True


def provide_font(scratch: Path) -> None:
    """Put any font where Ultralytics would download Arial to."""
    from matplotlib import get_data_path

    folder = scratch / "Ultralytics"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf"), folder / "Arial.ttf")


def _environment(scratch: str) -> dict[str, str]:
    return {
        "HOME": scratch,
        "PATH": os.defpath,
        "PYTHONPATH": str(PROJECT_ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        # keep freed activations instead of faulting their pages in again at every step (a quarter faster)
        "MALLOC_MMAP_THRESHOLD_": "4000000000",
        "MALLOC_TRIM_THRESHOLD_": "8000000000",
        # threads that wait by spinning make a busy machine ten times slower
        "OMP_WAIT_POLICY": "PASSIVE",
        "YOLO_CONFIG_DIR": scratch,
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
    }
