"""Print requirements.lock: the exact versions of an environment, with markers where a platform differs."""

import re
import subprocess
import sys

LINUX_X86 = "sys_platform == 'linux' and platform_machine == 'x86_64'"
CUDA_ONLY = re.compile(r"^(nvidia-|cuda-|triton==|onnxruntime-gpu==)")
HEADER = """\
# Exact versions of every package NexusAI was tested with. Written by `make lock`; used as pip constraints,
# so that one file serves every profile of `make setup`.
"""


def main(python: str) -> None:
    """Write the lock of the environment that `python` belongs to."""
    command = [python, "-m", "pip", "freeze", "--exclude-editable"]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    sys.stdout.write(HEADER)
    for line in sorted(frozen.splitlines(), key=str.lower):
        if " @ " in line or line.startswith("-e"):
            continue
        marker = f" ; {LINUX_X86}" if CUDA_ONLY.match(line) else ""
        sys.stdout.write(line + marker + "\n")
        if line.startswith("onnxruntime-gpu=="):
            elsewhere = "sys_platform != 'linux' or platform_machine != 'x86_64'"
            sys.stdout.write(f"onnxruntime=={line.split('==')[1]} ; {elsewhere}\n")


if __name__ == "__main__":
    main(sys.argv[1])
