"""Tables of records. Imports neither torch nor timm."""

from bench.tables.render import FORMATS, render, to_json
from bench.tables.table import Table, aggregate

__all__ = ["FORMATS", "Table", "aggregate", "render", "to_json"]
