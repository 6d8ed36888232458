"""50,000 random names and overrides: whatever is wrong with one is a `BenchError`, never a traceback."""

from __future__ import annotations

import random
import string
from collections import Counter

import pytest

from bench.core.errors import BenchError
from bench.grid.suite import from_variables, load_targets, parse_override
from bench.plugins import registry

NUMBER = 25_000  # of each kind
VARIABLES = {"dataset": "digits", "backbone": "pico", "methods": ["knn"], "recipe": "quick"}
NAMES = ["digits", "image_folder", "csv_images", "digits_scene", "pico", "lite0", "deit_tiny", "cached", "knn",
         "cladapter", "lora", "logistic", "quick", "paper", "tuned", "own"]  # fmt: skip
FIELDS = ["shots", "fraction", "protocol", "path", "size", "lift", "depth", "k", "tuning", "epochs", "lr", "lr_grid",
          "batch_size", "selection", "halve_at", "intensity", "accept_leaks", "seed", "data_seed", "methods", "dataset",
          "backbone", "recipe", "train", "image_size", "cladapter.k", "seeds"]  # fmt: skip
VALUES = ["0", "1", "-1", "5", "1e999", "nan", "-inf", "1e-400", "true", "none", "slices", "holdout", "[]", "[1,2]",
          "[[1],[2]]", '"a/b"', '"\\u0000"', '"\\ud800"', '"' + "x" * 300 + '"', "9" * 400, "9" * 5000, "[" * 40,
          "window[0,1]", "0.5", "frozen", "last", "99999999999999999999", "~", "../x", "digits", '["duplicate"]',
          "[[[[]]]]", "1_000", "²"]  # fmt: skip
CHARACTERS = string.ascii_letters + string.digits + '[]=,/"\\-+._ \t\n\x00\x1b*?äЖ🙂'


def spec(chance: random.Random) -> str:
    name = chance.choice(NAMES)
    if chance.random() < 0.4:
        return name
    return (
        f"{name}[{','.join(f'{chance.choice(FIELDS)}={chance.choice(VALUES)}' for _ in range(chance.randint(1, 3)))}]"
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
    return mutated("/".join([*(spec(chance) for _ in range(chance.choice([4, 4, 4, 3, 5]))), seed]), chance)


def override(chance: random.Random) -> str:
    value = chance.choice([chance.choice(VALUES), spec(chance), f"[{spec(chance)},{spec(chance)}]"])
    return mutated(f"{chance.choice(FIELDS)}={value}", chance)


@pytest.fixture(autouse=True)
def _plugins_imported() -> None:
    for kind in ("datasets", "baselines", "backbones", "tasks"):
        for plugin in registry.catalog(kind):
            registry.load(kind, plugin)


def test_names() -> None:
    chance, seen = random.Random(0), Counter[str]()
    for _ in range(NUMBER):
        text = name(chance)
        if text.count("/") < 4 or "seed=" not in text.rpartition("/")[2]:
            text += "/seed=0"
        if text.count("/") < 4:
            continue
        try:
            load_targets([text])
            seen["fine"] += 1
        except BenchError:
            seen["refused"] += 1
    assert min(seen.values()) > NUMBER / 500  # the generator makes some of each


def test_overrides() -> None:
    chance, seen = random.Random(1), Counter[str]()
    for _ in range(NUMBER):
        text = override(chance)
        try:
            key, value = parse_override(text)
            from_variables("fuzz", "", VARIABLES, {key: value})
            seen["fine"] += 1
        except BenchError:
            seen["refused"] += 1
    assert min(seen.values()) > NUMBER / 500
