"""Write docs/data-findings.md and a picture for every rule, from faults that are really planted and really found.

Run it from the project's folder: python -m docs.draw_findings
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from tests.faults import FAULTS, Fault
from tests.text_faults import TEXT_FAULTS
from tfl.core.errors import DataError
from tfl.data.check import RULES, CheckReport, Finding, check
from tfl.data.check.findings import finding as by_hand
from tfl.data.decode import decode
from tfl.data.kinds import KINDS
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "data-findings.md"
FOLDER = DOCS / "findings"

WIDTH, HEIGHT, MARGIN, SIDE = 460, 190, 14, 132
INK, SOFT, LINE, BACK = "#20242a", "#5a626c", "#c9ced5", "#ffffff"
COLOURS = {"error": "#9c3a06", "warning": "#7a5500", "info": "#00598c"}

INTRODUCTION = """# What the data check finds

`tfl data check DATA` holds data against the rules below; `tfl train` and `tfl run` do it first, and stop at an error.
`--allow RULE` lets a rule be broken, `--html FILE` shows the worst of each, `--fix OUT` writes a mended copy. An
**error** makes the figures wrong or stops the training, a **warning** should be looked at, an **info** says what tfl
does by itself. A rule that holds for over a third of the samples is told once. Rules about classes, splits, groups and
copies are the same for pictures and texts.

Each picture shows a fault that was planted into drawn pictures or made-up texts, and what the check said about it. What
it found in real data is in [data-found.md](data-found.md).
"""

#: Smaller pictures are drawn as small as they are.
_TINY = 32

PLANTED = FAULTS + TEXT_FAULTS

#: What can't be planted into samples alone.
BY_HAND = {
    "altered": ("cat/0000.jpg", "is not the file that was listed: SHA-256 5d1c9a0b77e2..., not 0f3a6611c8d4..."),
    "not_checked": ("", 'near copies were not looked for: pip install "tfl[data]"'),
    "not_compared": ("", "12 pictures are under 64 pixels, too small to be compared for near copies"),
}


def found_by_planting(fault: Fault, folder: Path) -> tuple[Finding, CheckReport, Manifest]:
    """Plant a fault and return what the check says of it."""
    data = fault.clean(folder / "data")
    fault.plant(data)
    report, manifest = check(read_manifest(data))
    (finding,) = [item for item in report.findings if (item.rule, item.path) == (fault.rule, fault.path)][:1]
    return finding, report, manifest


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, the same on every machine."""
    return ImageFont.load_default(size)


def wrapped(text: str, pen: ImageDraw.ImageDraw, size: int, width: int) -> list[str]:
    """Break a text into lines."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and pen.textlength(longer, font=font(size)) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def draw(finding: Finding, report: CheckReport | None, manifest: Manifest | None, file: Path) -> None:
    """Draw the samples that a finding is about, or the classes, beside its words."""
    image = Image.new("RGB", (WIDTH, HEIGHT), BACK)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=LINE)
    left = MARGIN
    files = [path for path in (finding.related, finding.path) if path and is_file(manifest, path)]
    quotes = quotes_of(finding, manifest)
    if quotes:
        left = draw_quotes(pen, quotes, left)
    elif files:
        for path in files:
            left = draw_file(image, pen, Path(manifest.root) / path, path, left)
    elif report is not None:
        left = draw_classes(pen, report, finding.path, left)
    colour = COLOURS[finding.severity]
    pen.text((left, MARGIN), finding.severity, fill=colour, font=font(13))
    pen.text((left, MARGIN + 18), finding.rule, fill=INK, font=font(16))
    top = MARGIN + 46
    for line in wrapped(ascii(finding.message)[1:-1], pen, 13, WIDTH - left - MARGIN)[:7]:
        pen.text((left, top), line, fill=SOFT, font=font(13))
        top += 18
    image.save(file, optimize=True)


def quotes_of(finding: Finding, manifest: Manifest | None) -> list[tuple[str, str]]:
    """Return path and text of what a finding is about, where the samples are texts."""
    if manifest is None:
        return []
    kind, of_path = KINDS.get(manifest.kind), {example.path: example for example in manifest.examples}
    found = [of_path[path] for path in (finding.related, finding.path) if path in of_path]
    return [(item.path, text) for item in found if (text := kind.excerpt(item.source(Path(manifest.root))))]


def draw_quotes(pen: ImageDraw.ImageDraw, quotes: list[tuple[str, str]], left: int) -> int:
    """Draw texts one below the other, and return where to go on."""
    width, top = SIDE + 4 * MARGIN, MARGIN
    rows = 6 // len(quotes)
    for path, text in quotes:
        lines = wrapped(ascii(text)[1:-1], pen, 12, width - MARGIN)
        shown = [*lines[: rows - 1], "..."] if len(lines) > rows else lines
        height = 8 + 16 * rows
        pen.rectangle((left, top, left + width, top + height), outline=LINE, fill="#f5f6f8")
        for number, line in enumerate(shown):
            pen.text((left + 7, top + 4 + 16 * number), line, fill=INK, font=font(12))
        pen.text((left, top + height + 4), short(path), fill=SOFT, font=font(11))
        top += height + 24
    return left + width + MARGIN


def is_file(manifest: Manifest | None, path: str) -> bool:
    """Say whether a finding's path is a file of the data that can be drawn."""
    if manifest is None or not KINDS.get(manifest.kind).is_drawn:
        return False
    return (Path(manifest.root) / path).is_file() or (Path(manifest.root) / path).is_symlink()


def draw_file(image: Image.Image, pen: ImageDraw.ImageDraw, file: Path, path: str, left: int) -> int:
    """Draw a file's picture, or its first bytes where there is none, and return where to go on."""
    side = SIDE if left == MARGIN else SIDE - 20
    box = (left, MARGIN, left + side, MARGIN + side)
    try:
        picture = decode(file)
        if min(picture.size) >= _TINY:
            picture = ImageOps.contain(picture, (side, side))
        side = picture.height
        image.paste(picture, (left, MARGIN))
    except DataError:
        pen.rectangle(box, outline=LINE, fill="#f5f6f8")
        data = file.read_bytes()[:24] if file.is_file() else b""
        rows = [data[start : start + 6].hex(" ") for start in range(0, len(data), 6)] or [
            "0 bytes" if file.is_file() else "no file"
        ]
        for number, row in enumerate(rows):
            pen.text((left + 8, MARGIN + 10 + 20 * number), row, fill=SOFT, font=font(12))
    pen.text((left, MARGIN + side + 8), short(path), fill=SOFT, font=font(11))
    return left + box[2] - box[0] + MARGIN


def short(path: str, most: int = 21) -> str:
    """Shorten a path from its beginning."""
    return path if len(path) <= most else "..." + path[-most:]


def draw_classes(pen: ImageDraw.ImageDraw, report: CheckReport, about: str, left: int) -> int:
    """Draw how many pictures each class has; the one that the finding is about stands out."""
    most = max(report.class_counts.values())
    top = MARGIN + 4
    for label, count in report.class_counts.items():
        strong = about in (label, "")
        pen.text((left, top), ascii(label)[1:-1], fill=INK if strong else SOFT, font=font(13))
        pen.rectangle((left, top + 19, left + 4 + 100 * count // most, top + 29), fill="#9c3a06" if strong else LINE)
        pen.text((left + 112, top + 16), str(count), fill=SOFT, font=font(12))
        top += 40
    return left + SIDE + 2 * MARGIN


def section(finding: Finding, faults: list[Fault]) -> str:
    """Return a rule's part of the page."""
    kinds = f"Planted: {'; '.join(fault.name for fault in faults)}.\n\n" if faults else ""
    where = f"`{finding.path}`: " if finding.path else ""
    return (
        f"## {finding.rule}\n\n**{finding.severity}**. {finding.fix}\n\n"
        f"![{finding.rule}](findings/{finding.rule}.png)\n\n> {where}{finding.message}\n\n{kinds}"
    )


def build(*, pictures: bool) -> str:
    """Return the page; plant every fault that stands first for its rule."""
    parts = [INTRODUCTION]
    counts = Counter(severity for severity, _ in RULES.values())
    parts.append(f"\n{len(RULES)} rules: " + ", ".join(f"{number} {name}" for name, number in counts.items()) + ".\n\n")
    for rule in RULES:
        faults = [fault for fault in PLANTED if fault.rule == rule]
        with tempfile.TemporaryDirectory() as folder:
            if faults:
                finding, report, manifest = found_by_planting(faults[0], Path(folder))
            else:
                finding, report, manifest = by_hand(rule, *BY_HAND[rule]), None, None
            text = finding.message.replace(str(Path(folder).resolve()) + "/", "")
            finding = replace(finding, message=text)
            if pictures:
                draw(finding, report, manifest, FOLDER / f"{rule}.png")
        parts.append(section(finding, faults))
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    PAGE.write_text(build(pictures=True), encoding="utf-8")
    print(f"{PAGE}: {len(RULES)} rules")
