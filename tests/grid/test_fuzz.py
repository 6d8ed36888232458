"""50,000 random names and overrides: whatever is wrong with one is a `BenchError`, never a traceback."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable

import pytest

from bench.cells.cell import Cell
from bench.core.errors import BenchError
from bench.grid.resolve import resolve
from bench.grid.suite import from_variables, parse_override
from bench.plugins import registry

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]

NAMES, OVERRIDES = 48_000, 2_000
VARIABLES = {"dataset": "digits", "backbone": "pico", "methods": ["knn"], "recipe": "quick"}
PARTS = {  # part of a name -> plug-ins, and their fields
    "dataset": ("digits image_folder csv_images digits_scene", "shots fraction protocol path intensity accept_leaks"),
    "backbone": ("pico lite0 deit_tiny cached r3d_18", "size lift depth planes model frames"),
    "method": ("knn cladapter lora logistic majority", "k tuning rank alpha"),
    "recipe": ("quick paper tuned own", "epochs lr lr_grid batch_size selection halve_at augment"),
}
FIELDS = ["seed", "data_seed", "methods", "dataset", "backbone", "recipe", "train", "image_size", "cladapter.k",
          "seeds", "protocol", "knn.k", "epochs", "lr_grid", "digits.shots"]  # fmt: skip
VALUES = ["0", "1", "-1", "5", "1e999", "nan", "-inf", "1e-400", "true", "none", "slices", "holdout", "[]", "[1,2]",
          "[[1],[2]]", '"a/b"', '"\\u0000"', '"\\ud800"', '"' + "x" * 300 + '"', "9" * 400, "9" * 5000, "[" * 40,
          "window[0,1]", "0.5", "frozen", "last", "99999999999999999999", "~", "../x", "digits", '["duplicate"]',
          "[[[[]]]]", "1_000", "²"]  # fmt: skip
CHARACTERS = string.ascii_letters + string.digits + '[]=,/"\\-+._ \t\n\x00\x1b*?äЖ🙂'


def spec(part: str, chance: random.Random) -> str:
    names, fields = (words.split() for words in PARTS[part])
    name = chance.choice(names)
    if chance.random() < 0.6:
        return name
    return (
        f"{name}[{','.join(f'{chance.choice(fields)}={chance.choice(VALUES)}' for _ in range(chance.randint(1, 3)))}]"
    )


def mutated(text: str, chance: random.Random) -> str:
    """The text with a few characters replaced, added, lost or moved."""
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        place = chance.randrange(len(text) + 1)
        middle = chance.choice(["", chance.choice(CHARACTERS), chance.choice(VALUES), text[place : place + 5]])
        text = text[:place] + middle + text[place + chance.choice([0, 1, 1, 3]) :]
    return text


def name(chance: random.Random) -> str:
    seed = chance.choice(["seed=0", "seed=1,data_seed=2", f"seed={chance.choice(VALUES)}"])
    return mutated("/".join([*(spec(part, chance) for part in PARTS), seed]), chance)


def override(chance: random.Random) -> str:
    part = chance.choice(list(PARTS))
    value = chance.choice([chance.choice(VALUES), spec(part, chance), f"[{spec(part, chance)},{spec(part, chance)}]"])
    return mutated(f"{chance.choice([part, chance.choice(FIELDS)])}={value}", chance)


@pytest.fixture(autouse=True)
def _plugins_imported() -> None:
    for kind in ("datasets", "baselines", "backbones", "tasks"):
        for plugin in registry.catalog(kind):
            registry.load(kind, plugin)


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except BenchError:
        return "refused"
    return "fine"


def test_names() -> None:
    chance = random.Random(0)
    texts = [name(chance) for _ in range(NAMES)]
    seen = Counter(outcome(lambda text=text: resolve(Cell.parse(text))) for text in texts)
    assert min(seen["fine"], seen["refused"]) > NAMES / 100  # the generator makes many of each


def test_overrides() -> None:
    chance = random.Random(1)
    texts = [override(chance) for _ in range(OVERRIDES)]
    seen = Counter(
        outcome(lambda text=text: from_variables("fuzz", "", VARIABLES, dict([parse_override(text)]))) for text in texts
    )
    assert min(seen["fine"], seen["refused"]) > OVERRIDES / 50
