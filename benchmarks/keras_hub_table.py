"""Write the table of KerasHub's presets that tfl lists, `tfl/backbones/_keras_hub_table.py`, from KerasHub itself.

Families are left out whose networks are no encoders that tfl carries. KerasHub says nothing of licences; those stated
by the publishers of the weights are below, by the beginning of the preset's name.

    python benchmarks/keras_hub_table.py
"""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "tfl" / "backbones" / "_keras_hub_table.py"
FAMILIES = ("bert", "distil_bert", "roberta", "electra", "albert", "xlm_roberta", "deberta_v3")
LICENCES = {
    "albert_": "Apache-2.0",
    "bert_": "Apache-2.0",
    "distil_bert_": "Apache-2.0",
    "electra_": "Apache-2.0",
    "all_minilm_": "Apache-2.0",
    "paraphrase_minilm_": "Apache-2.0",
    "mxbai_": "Apache-2.0",
    "bge_": "MIT",
    "deberta_v3_": "MIT",
    "multilingual_e5_": "MIT",
    "roberta_": "MIT",
    "xlm_roberta_": "MIT",
}
HEAD = '''"""KerasHub's presets as data, written by `benchmarks/keras_hub_table.py`; other presets' folders work too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HubPreset:
    """One preset.

    Attributes:
        handle: On Kaggle, with its version.
        parameters: Number of weights, with the classifier's pooler where the network has one.
        licence: SPDX identifier as its publisher states it, or `unknown`.
        about: What KerasHub says of it.
    """

    handle: str
    parameters: int
    licence: str
    about: str


#: By name.
PRESETS = {
'''


def presets() -> dict[str, tuple[str, int, str, str]]:
    found = {}
    for family in FAMILIES:
        module = importlib.import_module(f"keras_hub.src.models.{family}.{family}_presets")
        for name, preset in module.backbone_presets.items():
            licence = next((text for begin, text in LICENCES.items() if name.startswith(begin)), "unknown")
            about = " ".join(preset["metadata"]["description"].replace(".Trained", ". Trained").split())
            handle = preset["kaggle_handle"].removeprefix("kaggle://")
            found[name] = (handle, preset["metadata"]["params"], licence, about)
    return found


def rendered() -> str:
    lines = [HEAD]
    for name, (handle, parameters, licence, about) in presets().items():
        lines.append(f'    "{name}": HubPreset(\n')
        lines.append(f'        "{handle}",\n        {parameters:_},\n        "{licence}",\n')
        pieces = textwrap.wrap(about, 96, drop_whitespace=False)
        lines += [f'        "{piece}"\n' for piece in pieces[:-1]]
        lines.append(f'        "{pieces[-1]}",\n    ),\n')
    return "".join((*lines, "}\n"))


if __name__ == "__main__":
    TABLE.write_text(rendered(), encoding="utf-8")
    print(f"{len(presets())} presets in {TABLE}")
