"""Slips of the pen in a plug-in: what is missing or never called is said with the file and line."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.core.errors import UsageError
from bench.methods import FeatureMethod, Method
from bench.plugins import registry
from bench.plugins.folders import use_folders

FITTED = '''
import numpy as np
from bench.methods import FeatureMethod, Fitted


class Slip(FeatureMethod):
    """A closed-form method."""

    def {name}(self, train, val, spec):
        return Fitted(lambda x: np.zeros((len(x), spec.outputs)))
'''
TRAINED = '''
from bench.methods import Method, PooledLinear


class Slip(Method):
    """A trained method."""

    def {name}(self, spec):
        return PooledLinear(spec.features.pooled_dim, spec.outputs)
'''


@pytest.fixture
def folder(plugin_folder: Path) -> Iterator[Path]:
    use_folders([plugin_folder])
    yield plugin_folder
    use_folders([])


def load(folder: Path, text: str) -> type:
    (folder / "slip.py").write_text(text)
    use_folders([folder])
    registry.refresh()
    found: type = registry.load("baselines", "slip")
    return found


@pytest.mark.parametrize("name", ["fti", "fitt", "train"])
def test_a_missing_method_is_named_with_its_place(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"slip\.py:6: Slip must define fit\(train, val, spec\)\.") as raised:
        load(folder, FITTED.format(name=name))
    assert (f"Is {name}() meant to be it?" in str(raised.value)) == (name != "train")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["heads", "hea"])
def test_a_misspelled_hook_is_not_passed_over(folder: Path, name: str) -> None:
    """Without this the contract's own head would be trained, and nobody would know."""
    with pytest.raises(UsageError, match=rf"slip\.py:5: nothing calls Slip\.{name}\(\)\. Is it meant to be head\(\)\?"):
        load(folder, TRAINED.format(name=name))


@pytest.mark.parametrize("name", ["head", "_heads"])
def test_helpers_are_free(folder: Path, name: str) -> None:
    assert load(folder, TRAINED.format(name=name)).__name__ == "Slip"


def test_what_comes_with_the_package_keeps_its_contracts() -> None:
    kinds = [kind for kind in registry.KINDS if kind not in ("suites", "recipes")]
    loaded = [registry.load(kind, name) for kind in kinds for name in registry.catalog(kind)]
    assert len(loaded) > 40


UNCALLED = '''
from bench.methods import Method


class Slip(Method):
    """A method with a hook that does not exist."""

    def {name}(self, model, start):
        return None

    def stages(self):
        self.used()
        return super().stages()

    def used(self):
        """Called by its own code."""

    def _own(self):
        """Nobody's business."""
'''


@pytest.mark.parametrize("name", ["penalty", "regularise", "on_epoch_end"])
def test_a_hook_that_nothing_calls_is_refused(name: str, folder: Path) -> None:
    (folder / "slip.py").write_text(UNCALLED.format(name=name))
    with pytest.raises(UsageError, match=rf"nothing calls Slip.{name}\(\).*extra_loss"):
        registry.load("baselines", "slip")


def test_hooks_that_templates_and_pages_name_exist() -> None:
    """With the arguments that they are named with: ``penalty(model, start)`` stood in a template and nowhere else."""
    root = Path(__file__).parents[2]
    files = [*(root / "bench" / "cli" / "templates").glob("*.txt"), *(root / "docs").glob("*.md")]
    known = {
        name: ", ".join(one for one in inspect.signature(getattr(cls, name)).parameters if one != "self")
        for cls in (Method, FeatureMethod)
        for name in ("inject", "extra_loss", "head", "stages", "diagnose", "fit", "measure", "export")
        if hasattr(cls, name)
    }
    named = re.compile(r"(?<![.\w])(inject|extra_loss|penalty|diagnose|measure|fit)\(([a-z_, ]*)\)")
    found = [(file.name, *match) for file in files for match in named.findall(file.read_text(encoding="utf-8"))]
    assert len(found) >= 4
    assert [one for one in found if known.get(one[1]) != one[2]] == []
