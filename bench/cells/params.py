"""Typed, frozen parameters: what methods, data sets, backbones and recipes have in common."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.core.errors import UsageError, guess, nearest


class Params(BaseModel):
    """A frozen pydantic model whose fields are the parameters printed in a cell's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def build(cls, label: str, values: dict[str, Any]) -> Self:
        """Validate ``values`` and return the object.

        Args:
            label: How the user calls this object, for messages (``cladapter``).
            values: Field values as written in a cell's name.

        Raises:
            UsageError: A field is unknown, of the wrong type, or out of range.
        """
        for key in values:
            if key not in cls.model_fields:
                raise UsageError(f"{label} has no parameter {key!r}. {nearest(key, cls.model_fields)}")
        try:
            return cls(**values)
        except ValidationError as error:
            problem = error.errors()[0]
            what = problem["msg"].removeprefix("Value error, ")
            if not problem["loc"]:  # a check that concerns several fields words its own message
                raise UsageError(f"{label}: {what}") from None
            where = ".".join(str(part) for part in problem["loc"])
            named = re.findall("'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
            hint = guess(str(problem["input"]), named)
            raise UsageError(f"{label}[{where}]: {what} (got {problem['input']!r}). {hint}".rstrip()) from None

    def changed(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, in declaration order."""
        fields = type(self).model_fields
        dumped = self.model_dump(mode="json")
        return {k: v for k, v in dumped.items() if getattr(self, k) != fields[k].get_default(call_default_factory=True)}
