"""Recipes are files: ``NAME.toml`` in a plug-in folder or its ``recipes/``, with what they are about and their values.

``[assumed]`` names fields that a recipe's source leaves open, with the reason for the value taken.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.cells.notation import Spec
from bench.cells.params import Params
from bench.cells.recipes import RATE_GRIDS, Recipe
from bench.core.errors import UsageError, nearest
from bench.plugins.registry import find


class RecipeFile(Params):
    """What a recipe's file holds."""

    title: str = ""
    about: str
    values: dict[str, Any]
    assumed: dict[str, str] = {}

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return Recipe(**self.values)


def recipe_file(name: str) -> RecipeFile:
    """What the file of a recipe says.

    Raises:
        UsageError: No recipe has this name, or its file is wrong; the message says where.
    """
    path = find("recipes", name).path
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, mtime_ns: int) -> RecipeFile:
    held = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        found = RecipeFile(**held)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}.") from None
    try:
        Recipe.build(path.stem, found.values)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    for field in found.assumed.keys() - Recipe.model_fields.keys():
        raise UsageError(f"{path}: assumed names no field of recipes: {field}. {nearest(field, Recipe.model_fields)}")
    return found


def preset(name: str) -> Recipe:
    """Return a named recipe; errors are those of `recipe_file`."""
    return recipe_file(name).recipe


def resolve(spec: Spec) -> Recipe:
    """Return the recipe a spec such as ``paper[epochs=5]`` names; a search stands in the place of its grids of rates.

    Raises:
        UsageError: The recipe or a field is unknown, or a value is out of range.
    """
    replaced = dict.fromkeys(RATE_GRIDS, ()) if spec.params.get("search") else {}
    return Recipe.build(spec.name, {**preset(spec.name).model_dump(), **replaced, **spec.params})


def canonical(name: str, recipe: Recipe) -> Spec:
    """A recipe by the fields in which it differs from a named one."""
    base = preset(name).model_dump()
    return Spec(name, {key: value for key, value in recipe.model_dump().items() if value != base[key]})
