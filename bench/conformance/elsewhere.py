"""``python -m bench.conformance.elsewhere FILE ROOT FIELDS``: print the identity of a data set as found here.

`check_determinism` compares it with its own; FIELDS is JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.data.prepare import prepare
from bench.plugins import registry


def main(file: str, root: str, fields: str) -> None:
    """Prepare the data set of a plug-in file and print its identity as the last line."""
    dataset = registry.load_file(Path(file))(**json.loads(fields))
    print(prepare(dataset, Path(root), data_seed=0, partial=True).identity)


if __name__ == "__main__":
    main(*sys.argv[1:])
