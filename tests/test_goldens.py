"""Tiny runs give the numbers they always gave; where they do not, the version of a plug-in must rise."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import golden_runs
import pytest
from golden_runs import WORLDS, World
from made_features import WIDTH

from bench.plugins import registry
from bench.plugins.fingerprint import version_of

NEAR = dict(rel=1e-3, abs=2e-4)  # other machines and libraries round otherwise; a changed rule is far beyond it
FAST = ("tiny_vit", "tiny_cnn", "tiny_clip", f"cached[size={WIDTH}]")  # every method runs on one of them
KINDS = ("recipes", "augmentations", "tasks", "baselines")


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where two nested values of numbers differ by more than rounding."""
    if isinstance(expected, dict):
        if found.keys() != expected.keys():
            return [f"{where}: {sorted(found.keys() ^ expected.keys())}"]
        return [one for key in expected for one in differences(found[key], expected[key], f"{where}/{key}")]
    if isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [one for place, (a, b) in pairs for one in differences(a, b, f"{where}/{place}")]
    if isinstance(expected, float) and isinstance(found, int | float):
        return [] if found == pytest.approx(expected, nan_ok=True, **NEAR) else [f"{where}: {found} was {expected}"]
    return [] if found == expected else [f"{where}: {found} was {expected}"]


def hold(kind: str, name: str, found: Any, expected: Any) -> None:
    """Fail with the name of the plug-in and the command that writes its numbers anew."""
    differing = differences(found, expected)
    shown = "; ".join(differing[:3])
    assert not differing, (
        f"numbers changed: raise `version` of {kind}/{name}, or mend the change ({shown}). After raising it: "
        f"python tests/helpers/golden_runs.py {kind}/{name}"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_everything_built_in_has_goldens_of_its_version(kind: str) -> None:
    written = sorted(file.stem for file in (golden_runs.FOLDER / kind).glob("*.json"))
    assert written == golden_runs.names(kind)
    for name in written:
        assert golden_runs.read(kind, name)["version"] == golden_runs.version(kind, name), (
            f"python tests/helpers/golden_runs.py {kind}/{name} writes the numbers of its new version"
        )


@pytest.mark.parametrize("kind", ["recipes", "augmentations"])
def test_recipes_and_augmentations(kind: str) -> None:
    for name in golden_runs.names(kind):
        hold(kind, name, golden_runs.made(kind, name), golden_runs.read(kind, name)["numbers"])


def methods_of(world: World) -> list[str]:
    return [name for name in golden_runs.names("baselines") if world in golden_runs.worlds_of(name)]


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.heavy or one.backbone not in FAST else [])
        for one in WORLDS
    ],
)
def test_methods(world: World) -> None:
    """All methods of a world run together, which gives the bits that each has alone; every one that changed is told."""
    found = golden_runs.records(world, methods_of(world))
    problems = defaultdict(list)
    for name in methods_of(world):
        numbers = golden_runs.numbers_of(found[name]) if name in found else {}
        for one in differences(numbers, golden_runs.read("baselines", name)["numbers"][world.name]):
            problems[name].append(one)
    assert not problems, (
        f"numbers of {world.name} changed: raise `version` of {', '.join(problems)}, or mend the change "
        f"({dict(problems)}). After raising it: python tests/helpers/golden_runs.py "
        + " ".join(f"baselines/{name}" for name in problems)
    )


@pytest.mark.parametrize("name", golden_runs.names("tasks"))
def test_tasks(name: str) -> None:
    if any(world.heavy for world in WORLDS if world.task == name):
        pytest.skip("among the slow ones")
    hold("tasks", name, golden_runs.made("tasks", name), golden_runs.read("tasks", name)["numbers"])


@pytest.mark.slow
@pytest.mark.parametrize("name", [world.task for world in WORLDS if world.heavy])
def test_tasks_with_heavy_heads(name: str) -> None:
    hold("tasks", name, golden_runs.made("tasks", name), golden_runs.read("tasks", name)["numbers"])


@pytest.mark.parametrize("kind", ["baselines", "tasks", "datasets", "backbones", "augmentations"])
def test_the_version_read_from_source_is_that_of_the_class(kind: str) -> None:
    for name, entry in registry.catalog(kind).items():  # type: ignore[arg-type]
        assert version_of(entry.path.resolve()) == registry.load(kind, name).version, name  # type: ignore[arg-type]
