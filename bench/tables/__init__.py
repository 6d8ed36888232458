"""Tables of records. Imports neither torch nor timm."""

from bench.tables.render import FORMATS, render
from bench.tables.table import Table, aggregate, to_json

__all__ = ["FORMATS", "Table", "aggregate", "render", "to_json"]
