"""Draw accuracy with its interval for each method of a results folder, the floors as lines.

    python tools/make_readme_figure.py runs docs/quick.png [--filter 'digits/pico']

All rows must share data set, protocol and backbone; --filter chooses them. Earlier stages are drawn hollow.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.plots.comparison import comparison
from bench.records import Store
from bench.tables import aggregate


def main() -> None:
    """Read records, write the picture; the ending of its name chooses the format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--filter")
    given = parser.parse_args()
    table = aggregate(Store(given.results).all(), given.filter, stages=True)
    comparison(table).savefig(given.picture, dpi=150)


if __name__ == "__main__":
    main()
