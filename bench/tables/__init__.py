"""Tables of records. Imports neither torch nor timm."""

from bench.tables.render import FORMATS, render
from bench.tables.table import COLUMNS, DEFAULT_COLUMNS, Table, aggregate, to_json

__all__ = ["COLUMNS", "DEFAULT_COLUMNS", "FORMATS", "Table", "aggregate", "render", "to_json"]
