"""Keras and TensorFlow files that the scan did not see: loaded in the child, nothing of them reaches outside."""

import io
import shutil
import zipfile
from pathlib import Path

import pytest

from registry.conversion import tensorflow_export
from registry.conversion.agreement import SAMPLE
from registry.conversion.file_kind import FileKind
from registry.conversion.sandbox import Bounds, Task, run_isolated, work_folder
from registry.errors import InvalidModel
from registry.vision.samples import find_samples

pytestmark = pytest.mark.tensorflow
SIDE = 32


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """What a file makes when it runs where it may write; anybody could."""
    tmp_path.chmod(0o777)
    return tmp_path / "canary"


def convert_unseen(kind: FileKind, data: bytes) -> None:
    """The conversion without the look at the file that comes before it."""
    bounds = Bounds(300, 8 << 30, 64 << 30, 512 << 20)
    with work_folder() as folder:
        (folder / tensorflow_export.SOURCES[kind]).write_bytes(data)
        (folder / tensorflow_export.KIND).write_text(kind, encoding="utf-8")
        shutil.copyfile(find_samples()[0].path, folder / SAMPLE)
        own = tensorflow_export.ENVIRONMENT | {"MPLCONFIGDIR": str(folder)}
        run_isolated(Task(tensorflow_export.__name__, bounds, "the conversion", strict=True, environment=own), folder)


@pytest.mark.parametrize("kind", [FileKind.HDF5, FileKind.KERAS])
def test_a_lambda_that_got_past_the_scan_does_not_run(kind: FileKind, canary: Path, tmp_path: Path) -> None:
    import keras

    touching = eval(f"lambda images: (__import__('pathlib').Path({str(canary)!r}).touch(), images)[1]")
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Lambda(touching, output_shape=(SIDE, SIDE, 3))]
    model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])
    model(keras.ops.zeros((1, SIDE, SIDE, 3)))
    assert canary.exists()  # called here, it does what it says
    canary.unlink()
    file = tmp_path / tensorflow_export.SOURCES[kind]
    model.save(file)
    with pytest.raises(InvalidModel):
        convert_unseen(kind, file.read_bytes())
    assert not canary.exists()


def test_a_saved_model_that_writes_a_file_writes_none_outside(canary: Path, tmp_path: Path) -> None:
    import tensorflow

    signature = tensorflow.TensorSpec((None, SIDE, SIDE, 3), tensorflow.float32, name="images")

    class Writing(tensorflow.Module):
        @tensorflow.function(input_signature=[signature])
        def serve(self, images: tensorflow.Tensor) -> dict[str, tensorflow.Tensor]:
            tensorflow.io.write_file(str(canary), "got out")
            return {"means": tensorflow.reduce_mean(images, axis=(1, 2))}

    module = Writing()
    module.serve(tensorflow.zeros((1, SIDE, SIDE, 3)))
    assert canary.read_text() == "got out"  # called here, it does what it says
    canary.unlink()
    tensorflow.saved_model.save(module, str(tmp_path / "net"), signatures={"serving_default": module.serve})
    with pytest.raises(InvalidModel):
        convert_unseen(FileKind.SAVED_MODEL, zipped(tmp_path / "net"))
    assert not canary.exists()


def zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder.parent))
    return buffer.getvalue()
