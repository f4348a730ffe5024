"""A child process for Ultralytics: clean environment, no downloads."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

import registry
from registry.errors import ProcessFailed

_STDERR_TAIL = 2000


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
        "PYTHONPATH": str(Path(registry.__file__).parents[1]),
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
