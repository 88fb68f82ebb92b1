"""Write docs/models.md from the tables that `tfl models` reads.

Run it from the project's folder: python -m docs.models_page
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfl.backbones import SOURCES
from tfl.catalogue import BYTES_PER_WEIGHT, ModelEntry, read_catalogue, short_name, short_number
from tfl.core.files import write_text
from tfl.report.tables import markdown_table

PAGE = Path(__file__).resolve().parent / "models.md"

INTRODUCTION = """# Backbones

```
tfl models list --task image_classification --max-mb 20 --sort score
tfl models list --offline
tfl models search mobilnet 224
tfl models info MobileNetV2
tfl models recommend YOUR_DATA
```

`list` and `search` show every backbone that tfl knows, in a notebook `tfl.list_models(search="mobilnet")`; `info`
(`tfl.model_info`) tells all of one: input, size, cost, published scores with who says so, licence, what was measured
on this machine, whether it loads now without a network, and the command that goes on with it. None of them imports a
framework. `--format json` is for programs, `--format markdown` for pages like this one. This page is written from the
same tables; what depends on a machine is not on it.

**Which one to take.** A published score says how a backbone does on ImageNet or SST-2, not on your data. The
command `recommend` trains a small probe on your samples with each backbone that is on this machine, measures their
latency, and names the one to take ([search.md](search.md)). The embedded ones need no download.

## What the figures are

- **weights**: the number of weights without the classification top; for KerasHub's presets, with their pooler. Every
  network of `keras.applications` was built and counted.
- **MACs**: multiply-adds for one input without the top: one product added to a sum, of a convolution or of a product
  of matrices. Profilers' floating-point operations are about twice as many. Biases, normalizations, activations and
  pooling are left out. Pictures are counted at the input's size, texts at 128 tokens or 256 n-grams.
  `benchmarks/backbone_costs.py` counts them: layer by layer on really built networks, and for KerasHub's presets from
  the shape that has exactly the weights that KerasHub states; where no shape has, nothing is said
  (`paraphrase_minilm_l3_v2_en`, of which KerasHub tells fewer weights than its checkpoint has). `--check` counts again,
  `--published` shows the counts beside those of papers (MobileNetV2 300.8 M of 300 M, ResNet50 3.86 G of 3.8 G,
  EfficientNetB0 386 M of 390 M, all 22 MobileNetV2 checkpoints within 1 M) and of TensorFlow's profiler (0.4 to 6 %
  more, as it counts normalizations too). Of a module of TF Hub the network is built, with Keras or from its authors'
  code, and counts only with the weights that are known of it: as the module prints them, as its authors' code, papers
  and tests tell them, or as timm counts them in the same checkpoint (`benchmarks/hub_networks.py` says which). Where
  others state multiply-adds of these networks, they are within 1.6 % (NASNet-A large 23.78 G of 23.8 G, PNASNet-5
  24.9 G of 25.0 G, Big Transfer 0.7 to 1.6 % less than timm, which counts normalizations too).
- **MB**: estimated, 4, 2 or 1 byte for each weight. `benchmarks/export_sizes.py` compares with exports of MobileNetV2,
  ResNet50 and EfficientNetB0 to TFLite, ONNX and OpenVINO: fp32 and fp16 came out from 2.4 % smaller, since
  normalizations vanish into convolutions, to 0.4 % larger; int8 1 to 2 % larger for ResNet50 and 9 to 18 % larger for
  the two small networks, where scales, biases and the graph weigh more. What your export takes is in its benchmark;
  once there is one, `tfl models info` shows it.
- **score**: what others published; tfl has not measured it. For pictures top-1 and top-5 on ImageNet-1k, for texts the
  accuracy on SST-2 after fine-tuning, on its test or its development set as the source says. Scores on different data
  do not compare, and an empty cell means that tfl knows of no source.
- **licence**: of the weights, by SPDX identifier; `unknown` where nobody states one. `tfl models info` names who
  does. It is no legal advice.
- **ms here** (in the lists, not on this page): the least median latency of one sample that was measured on this
  machine at the backbone's own input; `tfl models info` shows all, with target, precision, size, day and file.
  `tfl run`, `tfl benchmark` and `tfl models recommend` add to an index in the cache (`TFL_CACHE`), one per machine. An
  entry counts as long as its record is unaltered and its engine has the same version.
- **offline** (the same): whether the weights are where `KERAS_HOME`, `TFHUB_CACHE_DIR` and `KAGGLEHUB_CACHE` say.
  Digests are compared when a backbone is loaded.

A limit such as `--max-mb` leaves out what its figure is not known of, and says how many. The exit status is 1 where a
source could not be listed, 2 for a mistake in what was asked. A package of your own that registers a source of
backbones is listed with the others. A name of the tables below is enough for `tfl models info`, which tells the
`source:name` that `--backbone` takes.
"""


def build() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for name in SOURCES.names():
        entries = read_catalogue(sources=[name], measured=False).entries
        parts.append(f"## `{name}`\n\n{SOURCES.get(name).summary}\n")
        parts.append(_table(entries))
    parts.append(_grounds(read_catalogue(sources=SOURCES.names(), measured=False).entries))
    return "\n".join(parts)


def _table(entries: Sequence[ModelEntry]) -> str:
    head = ["name", "input", "weights", "MACs", *(f"MB {name}" for name in BYTES_PER_WEIGHT), "score", "licence"]
    rows = [
        [
            short_name(entry.name),
            entry.preprocessing.summary.removesuffix(" x 3"),
            short_number(entry.parameters),
            short_number(entry.facts.multiply_adds),
            *(_megabytes(entry, name) for name in BYTES_PER_WEIGHT),
            " / ".join(f"{score.value:.1%}" for score in entry.facts.scores),
            entry.licence,
        ]
        for entry in entries
    ]
    return markdown_table(head, rows)


def _megabytes(entry: ModelEntry, precision: str) -> str:
    size = entry.estimated_bytes.get(precision)
    return "" if size is None else f"{size / 1e6:.1f}"


def _grounds(entries: Sequence[ModelEntry]) -> str:
    scores = {f"{score.data}: {score.source}" for entry in entries for score in entry.facts.scores}
    licences = {
        f"{entry.facts.family}, {entry.licence}: {entry.facts.licence_source}"
        for entry in entries
        if entry.facts.licence_source
    }
    lines = ["## Who says so", "", "Scores:", "", *(f"- {line}" for line in sorted(scores))]
    lines += ["", "Licences, by family:", "", *(f"- {line}" for line in sorted(licences))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(PAGE, build())
    print(f"{PAGE}: written")
