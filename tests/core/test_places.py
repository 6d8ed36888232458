"""Where an error came from: the plug-in's line, however deep in a library it surfaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conformance.base import examine
from bench.core.places import is_library, place_of, trace_of
from bench.plugins import registry

METHOD = '''from bench.methods import Method
from .wings.wide import widen


class Wide(Method):
    """Wide."""

    def head(self, features, classes):
        return widen()
'''
NETS = """import torch


def widen():
    return torch.nn.functional.linear(torch.zeros(2, 3), torch.zeros(5, 4))
"""


@pytest.fixture
def error(plugin_folder: Path) -> Exception:
    (plugin_folder / "wings").mkdir()
    (plugin_folder / "wings" / "wide.py").write_text(NETS)
    (plugin_folder / "wide.py").write_text(METHOD)
    registry.use_folders([plugin_folder])
    try:
        registry.load("baselines", "wide")().head(None, 2)
    except Exception as raised:
        return raised
    finally:
        registry.use_folders([])
    raise AssertionError("it must fail")


def test_the_plugin_is_named_not_the_library_below_it(error: Exception, plugin_folder: Path) -> None:
    assert place_of(error, [plugin_folder]) == "wings/wide.py:5"
    assert place_of(error, [plugin_folder / "wings"]) == "wide.py:5"


def test_without_a_plugin_the_last_line_of_anybody_but_a_library(error: Exception, tmp_path: Path) -> None:
    assert place_of(error, []) == "wide.py:5"  # not torch's functional.py
    with pytest.raises(ValueError, match="y") as raised:
        Path("x").relative_to("y")  # raised in pathlib
    assert place_of(raised.value, [tmp_path]) == f"test_places.py:{raised.tb.tb_lineno}"


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError("x"), []) == ""


def test_the_trace_outlives_the_error(error: Exception) -> None:
    text = trace_of(error)
    assert text.startswith("Traceback")
    assert "wings/wide.py" in text
    assert text.endswith(str(error))


def test_what_is_a_library() -> None:
    import json

    import torch

    assert is_library(Path(torch.__file__))
    assert is_library(Path(json.__file__))
    assert not is_library(Path(__file__))


def test_a_failed_check_says_where(plugin_folder: Path) -> None:
    path = plugin_folder / "helper_of_checks.py"
    path.write_text("import json\n\n\ndef check_reading(subject):\n    '''It reads.'''\n    json.loads(subject)\n")
    registry.use_folders([plugin_folder])
    scope: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    (verdict,) = examine("{", [scope["check_reading"]])  # type: ignore[list-item]
    registry.use_folders([])
    assert verdict.problem is not None
    assert verdict.problem.endswith("(helper_of_checks.py:6)")  # not json's decoder.py
    assert "decoder.py" in verdict.trace
