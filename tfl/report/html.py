"""The report: one HTML file that needs no network, and the same in Markdown."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfl.core.extras import require_installed
from tfl.core.files import write_text
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.report._style import narrow_twin, twin
from tfl.report.facts import read_facts
from tfl.report.inlined import Inlined, inlined_shapes
from tfl.report.markdown import markdown_report
from tfl.report.measured import measured_sections
from tfl.report.model_card import model_card
from tfl.report.palette import PALETTE
from tfl.report.parts import Page
from tfl.report.quantized import quantized_sections
from tfl.report.tiles import read_tiles
from tfl.report.view import View, build_view

_TEMPLATE, _PAGE_TEMPLATE = "report.html.j2", "sections.html.j2"
_SCRIPTS = ("sort.js", "charts.js")
#: A PNG above this is embedded as JPEG where that is smaller: grids of photos.
_PNG_BYTES = 250_000
_JPEG_QUALITY = 88


def write_report(run_dir: Path, *, progress: Progress | None = None) -> Path:
    """Write `report.html`, `report.md` and `model_card.md` into a run's folder, from its records alone.

    Args:
        run_dir: The run; stages that did not run are said to be missing.
        progress: Told what happens.

    Returns:
        The path of the HTML file.

    Raises:
        IntegrityError: A record is there but damaged.
        ConfigError: `model_card.yaml` is there and has something wrong.
        MissingExtraError: Jinja2 is not installed.
    """
    progress = progress or default_progress()
    progress.update("reading the run's records")
    facts = read_facts(run_dir)
    view = dataclasses.replace(
        build_view(facts),
        quantized=quantized_sections(facts.folder),
        measured_sections=measured_sections(facts.folder),
    )
    card = model_card(facts, view)
    progress.update("writing the report")
    path = RunFolder(run_dir).report_file
    write_text(path, render_html(view))
    write_text(path.with_suffix(".md"), markdown_report(view, run_dir))
    write_text(RunFolder(run_dir).card_file, card)
    return path


def render_html(view: View) -> str:
    """Return the report as one self-contained HTML document; every value is escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    return _render(_TEMPLATE, view=view)


def render_page(page: Page) -> str:
    """Return a page of sections as one self-contained HTML document; every value is escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    return _render(_PAGE_TEMPLATE, page=page)


def _render(template: str, **values: Any) -> str:
    environment = make_environment()
    environment.filters["embedded"] = embedded
    environment.filters["size"] = _size
    environment.filters["chart"] = _chart_filter()
    environment.filters["tiles"] = read_tiles
    script = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return str(environment.get_template(template).render(**values, script=script, script_hash=content_hash(script)))


def _chart_filter() -> Callable[[Path], Inlined]:
    """Return what puts the SVG of a chart's PNG into one page, empty where there is none."""
    from markupsafe import Markup

    numbers = itertools.count(1)

    def chart(path: Path) -> Inlined:
        made = inlined_shapes(twin(path), narrow_twin(path), name=f"chart-{next(numbers)}")
        # It is built of known elements alone, with its text escaped.
        return dataclasses.replace(made, markup=Markup(made.markup))  # noqa: S704

    return chart


def content_hash(script: str) -> str:
    """Return what a page's Content-Security-Policy names an inline script by, so that no other one runs in it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def make_environment() -> Any:
    """Return the environment of this folder's templates, which escapes every value.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    require_installed("jinja2", purpose="writing the page")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["palette"] = PALETTE
    return environment


def _size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels."""
    from PIL import Image

    with Image.open(path) as image:
        return image.size


def embedded(path: Path) -> str:
    """Return a PNG as a `data:` address; a large one as JPEG where that is smaller."""
    data = path.read_bytes()
    kind = "png"
    if len(data) > _PNG_BYTES:
        from PIL import Image

        smaller = io.BytesIO()
        with Image.open(io.BytesIO(data)) as image:
            image.convert("RGB").save(smaller, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        if smaller.tell() < len(data):
            data, kind = smaller.getvalue(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
