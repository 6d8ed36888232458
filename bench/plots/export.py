"""Charts as files: png, svg and pdf by vl-convert (no browser, no network), html that needs nothing else, json."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from bench.core.atomic import write_atomic
from bench.core.errors import UsageError, nearest
from bench.plots.style import VEGA_LITE

PNG_SCALE = 3  # 340 px wide charts are printed at about 300 dots an inch
Spec = dict[str, Any]


def save(spec: Spec, file: Path, format: str | None = None) -> Path:
    """Write a Vega-Lite specification and return the file.

    Args:
        format: One of `FORMATS`; None: the ending of the name.

    Raises:
        UsageError: There is no such format, or the file cannot be written.
    """
    format = format or file.suffix.removeprefix(".").lower()
    if format not in FORMATS:
        raise UsageError(f"No picture format {format!r}. {nearest(format, FORMATS)}")
    content = FORMATS[format](spec)
    write_atomic(file, lambda place: place.write_bytes(content))
    return file


def png(spec: Spec) -> bytes:
    """The picture in pixels, of 256 colours at most: charts hold hardly more, and a file takes far fewer bytes."""
    import vl_convert
    from PIL import Image

    drawn = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=PNG_SCALE, allowed_base_urls=[])
    small = BytesIO()
    with Image.open(BytesIO(drawn)) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(small, "PNG", optimize=True, dpi=picture.info.get("dpi"))
    return small.getvalue()


def svg(spec: Spec) -> str:
    """The picture as text of an SVG file."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[]))


def pdf(spec: Spec) -> bytes:
    """The picture as vectors with its fonts embedded."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_pdf(spec, vl_version=VEGA_LITE, allowed_base_urls=[]))


@lru_cache(maxsize=1)
def library() -> str:
    """Vega-Lite, Vega and Vega-Embed as one classic script that defines nothing but ``vegaEmbed``.

    The bundle declares short names such as ``n`` at its top; in a function they stay its own.
    """
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return f"(function () {{\n{bundle}\n}})();\n"


def page(spec: Spec) -> str:
    """A web page that shows the chart without a network, with tooltips."""
    title = spec["usermeta"]["finding"]
    safe = json.dumps(spec, ensure_ascii=False).replace("<", "\\u003c")
    # "</script" cannot be in a script; nothing of the library holds it, and of the chart it is written otherwise
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{_escaped(title)}</title></head>\n'
        f'<body><main><div id="chart"></div></main>\n<script>{library()}</script>\n'
        f'<script>vegaEmbed("#chart", {safe}, {{actions: false}});</script>\n</body>\n</html>\n'
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


FORMATS: dict[str, Callable[[Spec], bytes]] = {
    "png": png,
    "svg": lambda spec: svg(spec).encode(),
    "pdf": pdf,
    "html": lambda spec: page(spec).encode(),
    "json": lambda spec: json.dumps(spec, indent=1, ensure_ascii=False).encode(),
}
