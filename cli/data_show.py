"""`tfl data show`: draw what resizing and augmentation make of a few pictures, or print a few texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl.core.config import DEFAULT_BACKBONE
from tfl_cli._options import augment_flags, chosen_augmentation, list_option, names_or, read_flags, read_named
from tfl_cli._output import print_json, print_table

if TYPE_CHECKING:
    from tfl.data.manifest import Manifest


@click.command("show")
@click.argument("data", type=click.Path())
@list_option("--resize", metavar="METHODS", help="crop,pad,squish,random_resized_crop or all; all by default.")
@augment_flags
@click.option("--samples", type=int, default=4, show_default=True, help="How many, of as many classes as can be.")
@click.option("--views", type=int, default=5, show_default=True, help="How often each picture is augmented.")
@click.option("--backbone", default=DEFAULT_BACKBONE, help="Whose input contract, source:name.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@read_flags
@click.option("--out", type=click.Path(path_type=Path), default=Path("data-show.png"), show_default=True, help="A PNG.")
@click.option("--overwrite", is_flag=True, help="Replace the file in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(
    data: str,
    resize: str | None,
    augment: str | None,
    assignments: tuple[str, ...],
    samples: int,
    views: int,
    backbone: str,
    seed: int,
    out: Path,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw a few training pictures of DATA as they are, resized by each method, and augmented; print a few texts.

    `tfl data show photos --augment strong` shows what training makes of them; --set augment.rotation=0.1 sets one
    knob. Validation and test pictures are resized as the column marked as the model's, and never augmented.
    """
    from tfl.core.errors import OutputExistsError, UserError
    from tfl.data.kinds import KINDS

    manifest = read_named(data, options)
    kind = KINDS.get(manifest.kind)
    if not kind.is_drawn:
        if resize or augment or assignments:
            raise UserError(f"{data}: {kind.nouns} are neither resized nor augmented.", hint="Leave these flags out.")
        _print_samples(manifest, samples, seed, as_json=as_json)
        return
    from tfl.report.data_grids import RESIZE_METHODS, draw_data, save_png

    if out.suffix.lower() != ".png":
        raise UserError(f"--out must end in .png. Received: '{out}'.")
    if out.exists() and (out.is_dir() or not overwrite):
        raise OutputExistsError(f"{out} exists already.", hint="Choose another --out, or add --overwrite.")
    augmentation = chosen_augmentation(augment, assignments)
    everything = resize == "all" or (resize is None and augmentation is None)
    methods = RESIZE_METHODS if everything else names_or(resize, ())
    picture, examples = draw_data(
        manifest, backbone, methods=methods, augmentation=augmentation, samples=samples, views=views, seed=seed
    )
    save_png(picture, out)
    if as_json:
        document = {"path": str(out), "width": picture.width, "height": picture.height}
        print_json({**document, "samples": [{"path": item.path, "label": item.label} for item in examples]})
        return
    click.echo(f"Picture: {out}")


def _print_samples(manifest: Manifest, count: int, seed: int, *, as_json: bool) -> None:
    from tfl.data.describe import typical
    from tfl.data.kinds import KINDS

    kind, root = KINDS.get(manifest.kind), Path(manifest.root)
    rows = [(item.path, item.label, kind.excerpt(item.source(root))) for item in typical(manifest, count, seed=seed)]
    if as_json:
        print_json({"samples": [{"path": path, "label": label, "text": text} for path, label, text in rows]})
        return
    print_table(["sample", "class", kind.noun], rows)
