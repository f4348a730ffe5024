#!/usr/bin/env bash
# Runs the tests of the GPU backends on a machine that has an NVIDIA GPU but not the project's environment.
#
#   deploy/gpu_check.sh [WHEELS]
#
# WHEELS is a folder of wheels to install from without a network: onnxruntime-gpu and what `python3` lacks of
# the list below. Without it pip asks its registry. CUDA and cuDNN come from the packages nvidia-* of that python3,
# or from the system. TensorRT is tested where its library or wheel is there, and skipped with the reason where not.
set -euo pipefail
cd "$(dirname "$0")/.."
site=${GPU_CHECK_SITE:-$(mktemp -d)/site}
python=${PYTHON:-python3}

if [ $# -ge 1 ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$site" "$1"/*.whl
else
    "$python" -m pip install -q --upgrade --target "$site" "onnxruntime-gpu[cuda,cudnn]>=1.31" nvidia-cublas \
        onnx numpy opencv-python-headless orjson pydantic pydantic-settings pyyaml psutil prometheus-client structlog \
        supervision pillow rapidocr pytest pytest-timeout pytest-xdist
fi
export PYTHONPATH="$site:$PWD${PYTHONPATH:+:$PYTHONPATH}"

# the folders of the CUDA libraries that this python3 carries, for ONNX Runtime's providers to find
libraries=$("$python" - <<'PY'
import sys
from pathlib import Path
found = {str(path.parent) for root in sys.path if root for path in Path(root, "nvidia").glob("**/lib/*.so*")}
found |= {str(path.parent) for root in sys.path if root for path in Path(root).glob("tensorrt_libs/*.so*")}
print(":".join(sorted(found)))
PY
)
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PYTHONDONTWRITEBYTECODE=1

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$python" - <<'PY'
from registry.runtime.backends import survey
for each in survey():
    print("usable " if each.usable else "missing", each.backend, "|", each.detail, "|", each.hint)
PY
"$python" -m pytest -p no:cacheprovider --confcutdir=tests/registry/runtime -m gpu -v -rs tests/registry/runtime/test_gpu.py
