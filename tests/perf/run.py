"""`make bench [NAME=predict]`: run one bench, or each of them."""

import importlib
import sys
from pathlib import Path

from registry.libraries import prepare_libraries

NAMES = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: list[str]) -> int:
    """Run the benches; the exit status counts the bounds that did not hold."""
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"there is no bench {sorted(unknown)[0]!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    prepare_libraries()
    missed = 0
    for name in wanted or NAMES:
        report = importlib.import_module(f"tests.perf.bench_{name}").main()
        report.write()
        missed += not report.holds
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
