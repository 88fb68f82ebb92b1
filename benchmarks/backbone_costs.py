"""Count the weights and multiply-adds of the backbones that tfl lists, into `tfl/backbones/_costs_table.py`.

A multiply-add is one product added to a sum, of a convolution or of a product of matrices, for one sample: what papers
call MACs, half of what profilers call floating-point operations. Biases, normalizations, activations, pooling and the
look-up of embeddings are left out; most of them vanish into convolutions when a network is exported.

Image networks are really built, a few in a process, at the size that they were trained at. Those of TF Hub's modules
must have the number of weights that is known of the module (`hub_networks.py`). Of KerasHub's presets the shape is
told below, since the configuration lies beside the weights; the number of weights that follows from it must be
KerasHub's own.

    python benchmarks/backbone_costs.py                  # write the table, a quarter of an hour
    python benchmarks/backbone_costs.py --check          # compare all of it
    python benchmarks/backbone_costs.py --only embedded  # write the rows of one source anew
    python benchmarks/backbone_costs.py --published      # beside figures of others, and TensorFlow's profiler
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hub_networks
from tfl.backbones import SOURCES
from tfl.backbones._costs_table import COSTS, Cost
from tfl.backbones._hub_table import HUB_MODULES
from tfl.backbones._keras_applications_table import APPLICATIONS
from tfl.backbones._keras_hub_table import PRESETS

TABLE = Path(__file__).resolve().parents[1] / "tfl" / "backbones" / "_costs_table.py"
TOKENS = 128
#: Networks that are built in one process: TensorFlow takes seconds to start, and memory that is never given back.
PER_PROCESS = 6
#: Multiply-adds in millions that others state, classifier included, and where.
PUBLISHED = {
    "keras_applications:MobileNetV2": (300, hub_networks.SLIM_MOBILENET),
    "keras_applications:MobileNetV3Large": (217, hub_networks.SLIM_MOBILENET),
    "keras_applications:MobileNetV3Small": (56, "arXiv:1905.02244, table 3"),
    "keras_applications:MobileNet": (569, "arXiv:1704.04861, table 8"),
    "keras_applications:ResNet50": (3_800, "arXiv:1512.03385, table 1"),
    "keras_applications:EfficientNetB0": (390, "arXiv:1905.11946, table 2"),
    "keras_applications:EfficientNetB7": (37_000, "arXiv:1905.11946, table 2"),
    "keras_applications:ConvNeXtTiny": (4_500, "arXiv:2201.03545, table 1"),
    "keras_applications:NASNetMobile": (564, "arXiv:1707.07012, table 2"),
}
PROFILED = ("MobileNetV2", "ResNet50", "EfficientNetB0", "MobileNetV3Small", "Xception")
HEAD = '''"""Weights and multiply-adds of backbones, written by `benchmarks/backbone_costs.py`; its head says how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one backbone costs.

    Attributes:
        parameters: Number of weights without the classification top.
        multiply_adds: For one sample, without the top.
        at: The input that they hold for.
        parameters_with_top: With the published classifier of 1,000 classes, or None.
        multiply_adds_with_top: The same.
    """

    parameters: int
    multiply_adds: int
    at: str
    parameters_with_top: int | None = None
    multiply_adds_with_top: int | None = None


#: By spec.
COSTS: dict[str, Cost] = {
'''


# --- Counting ---------------------------------------------------------------------------------------------------------
def count_multiply_adds(model: Any) -> int:
    """Count over the layers of a Functional model, nested models included.

    Raises:
        ValueError: A layer has weights that are multiplied, and is of no kind that is known here.
    """
    return sum(_of_layer(layer) for layer in model.layers)


def _of_layer(layer: Any) -> int:
    if hasattr(layer, "layers"):
        return count_multiply_adds(layer)
    kind = type(layer).__name__
    if kind == "Dot":
        first, second = (tensor.shape for tensor in layer.input)
        return math.prod(_sides(first[1:])) * math.prod(_sides(second[2:]))
    if kind == "Embedding" or not any(len(weight.shape) > 1 for weight in layer.weights):
        return 0
    outputs = layer.output.shape[1:]
    if kind == "Conv2D":
        # A kernel's third side is the number of channels of one group.
        return math.prod(outputs) * math.prod(layer.kernel.shape[:3])
    if kind == "DepthwiseConv2D":
        return math.prod(outputs) * math.prod(layer.kernel.shape[:2])
    if kind == "SeparableConv2D":
        height, width, _ = outputs
        return height * width * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))
    if kind == "Dense":
        return math.prod(outputs[:-1]) * math.prod(layer.kernel.shape)
    raise ValueError(f"{layer.name}: nobody told how a {kind} is counted.")


def _sides(shape: tuple[int | None, ...]) -> list[int]:
    """Put the contract's longest text where a side is free: the embedded network of n-grams takes any number."""
    from tfl.backbones._ngrams import CONTRACT

    return [CONTRACT.length if side is None else side for side in shape]


# --- Image networks ---------------------------------------------------------------------------------------------------
def application_cost(name: str) -> Cost:
    import keras

    size, make = APPLICATIONS[name].size, getattr(keras.applications, name)
    shape = (size, size, 3)
    bare = make(weights=None, include_top=False, pooling="avg", input_shape=shape)
    parameters, adds = bare.count_params(), count_multiply_adds(bare)
    del bare
    keras.utils.clear_session(free_memory=True)
    whole = make(weights=None, include_top=True, input_shape=shape)
    return Cost(parameters, adds, _pixels(size), whole.count_params(), count_multiply_adds(whole))


def embedded_cost(name: str) -> Cost:
    from tfl.backbones import embedded

    loaded = embedded.SOURCE.load(name)
    contract = loaded.info.preprocessing
    at = _pixels(contract.height) if hasattr(contract, "height") else f"{contract.length} n-grams"
    return Cost(int(loaded.model.count_params()), count_multiply_adds(loaded.model), at)


def hub_cost(handle: str) -> Cost:
    """Count the network of a module, which has the weights that are known of it and that the table states."""
    size, network = HUB_MODULES[handle].size, hub_networks.network_of(handle)
    model = hub_networks.build(network, size)
    weights = hub_networks.weights_of(model)
    hub_networks.check(network, weights)
    return _same_weights(handle, Cost(weights.kept, count_multiply_adds(model), _pixels(size)))


def hub_cost_of_counted(handle: str, costs: Mapping[str, Cost]) -> Cost | None:
    """Take a module's from the same network as it was counted already: in Keras, or of another module."""
    network = hub_networks.network_of(handle)
    specs = [spec for spec in costs if spec.startswith("tfhub:") and hub_networks.network_of(spec) == network]
    if network in hub_networks.APPLICATIONS:
        specs = [f"keras_applications:{hub_networks.APPLICATIONS[network]}"]
    same = next((costs[spec] for spec in specs if spec in costs), None)
    if same is None:
        return None
    hub_networks.check_kept(network, same.parameters)
    return _same_weights(handle, Cost(same.parameters, same.multiply_adds, same.at))


def _same_weights(handle: str, cost: Cost) -> Cost:
    entry = HUB_MODULES[handle]
    if (entry.parameters, _pixels(entry.size)) != (cost.parameters, cost.at):
        raise ValueError(f"The table tells {entry.parameters} weights of {handle}, not {cost.parameters} at {cost.at}.")
    return cost


def _pixels(size: int) -> str:
    return f"{size} x {size} pixels"


# --- Transformers -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Shape:
    """Of an encoder.

    Attributes:
        layers: Blocks that a token passes.
        hidden: Length of a token's vector.
        inner: Length inside a block's second half.
        vocabulary: Rows of the table of tokens.
        positions: Rows of the table of positions.
        segments: Rows of the table of segments.
        embedded: Columns of the tables, where they are fewer than `hidden`.
        has_pooler: Whether a dense layer over the first token is among the weights.
        has_shared_block: Whether all blocks are one.
        relative: Rows of the table of relative positions (DeBERTa's disentangled attention), which has a
            normalization of its own.
    """

    layers: int
    hidden: int
    inner: int
    vocabulary: int
    positions: int = 512
    segments: int = 2
    embedded: int = 0
    has_pooler: bool = True
    has_shared_block: bool = False
    relative: int = 0

    @property
    def parameters(self) -> int:
        """All weights, tables, normalizations and biases among them."""
        hidden, columns = self.hidden, self.embedded or self.hidden
        tables = (self.vocabulary + self.positions + self.segments + 2) * columns
        tables += (self.relative + 2) * columns if self.relative else 0
        projection = (columns + 1) * hidden if columns != hidden else 0
        block = 4 * (hidden + 1) * hidden + (hidden + 1) * self.inner + (self.inner + 1) * hidden + 4 * hidden
        pooler = (hidden + 1) * hidden if self.has_pooler else 0
        return tables + projection + block * (1 if self.has_shared_block else self.layers) + pooler

    def multiply_adds(self, tokens: int) -> int:
        """For a text of so many tokens; the pooler, which tfl leaves out, is not among them."""
        hidden, columns = self.hidden, self.embedded or self.hidden
        projection = columns * hidden if columns != hidden else 0
        dense = 4 * hidden * hidden + 2 * hidden * self.inner
        attention = 2 * (tokens + self.relative) * hidden
        # Keys and queries of the relative positions do not grow with the text.
        positions = 2 * self.relative * hidden * hidden
        return tokens * (projection + self.layers * (dense + attention)) + self.layers * positions


_ENGLISH, _CASED, _CHINESE, _MANY = 30_522, 28_996, 21_128, 119_547
#: Published shapes. Which one a preset has follows from its number of weights.
SHAPES = (
    *(Shape(layers, hidden, 4 * hidden, _ENGLISH) for layers, hidden in ((2, 128), (4, 512), (8, 512), (24, 1024))),
    *(Shape(12, 768, 3072, words) for words in (_ENGLISH, _CASED, _CHINESE, _MANY)),
    *(Shape(24, 1024, 4096, words) for words in (_CASED, _CHINESE)),
    *(Shape(layers, 384, 1536, _ENGLISH) for layers in (6, 12)),
    Shape(12, 384, 1536, 250_037),
    Shape(6, 384, 1536, _ENGLISH, positions=4096),
    Shape(4, 512, 2048, _CHINESE),
    *(Shape(6, 768, 3072, words, segments=0, has_pooler=False) for words in (_ENGLISH, _CASED, _MANY)),
    Shape(12, 768, 3072, 50_265, segments=0, has_pooler=False),
    Shape(24, 1024, 4096, 50_265, segments=0, has_pooler=False),
    Shape(12, 768, 3072, 250_002, segments=0, has_pooler=False),
    Shape(24, 1024, 4096, 250_002, segments=0, has_pooler=False),
    Shape(24, 1024, 4096, 250_002, positions=8192, segments=0, has_pooler=False),
    *(
        Shape(layers, hidden, 4 * hidden, words, positions=0, segments=0, has_pooler=False, relative=512)
        for layers, hidden, words in ((12, 384, 128_100), (6, 768, 128_100), (12, 768, 128_100), (24, 1024, 128_100))
    ),
    Shape(12, 768, 3072, 251_000, positions=0, segments=0, has_pooler=False, relative=512),
    Shape(12, 256, 1024, _ENGLISH, embedded=128),
    Shape(12, 256, 1024, _ENGLISH, embedded=768),
    Shape(24, 256, 1024, _ENGLISH, embedded=1024),
    *(
        Shape(layers, hidden, 4 * hidden, 30_000, embedded=128, has_shared_block=True)
        for layers, hidden in ((12, 768), (24, 1024), (24, 2048), (12, 4096))
    ),
)


def preset_cost(name: str) -> Cost | None:
    """Find the shape with as many weights; None where none has, or several that differ in multiply-adds.

    None has as many as KerasHub tells of `paraphrase_minilm_l3_v2_en`, 17,066,496. Its checkpoint, three layers of 384,
    has 17,389,824 by its shape, and by its size at huggingface.co; with fewer, the positions would not fit in.
    """
    stated = PRESETS[name].parameters
    adds = {shape.multiply_adds(TOKENS) for shape in SHAPES if shape.parameters == stated}
    return Cost(stated, adds.pop(), f"{TOKENS} tokens") if len(adds) == 1 else None


# --- The table --------------------------------------------------------------------------------------------------------
def count_here(specs: Sequence[str]) -> dict[str, Cost]:
    """Build backbones in this process, one after the other, and count them."""
    import keras

    ways = {"keras_applications": application_cost, "embedded": embedded_cost, "tfhub": hub_cost}
    found = {}
    for spec in specs:
        source, _, name = spec.partition(":")
        found[spec] = ways[source](name)
        keras.utils.clear_session(free_memory=True)
    return found


def count_all(only: str) -> dict[str, Cost]:
    """Count every listed backbone that can be, in the order of the lists."""
    names = (only,) if only else SOURCES.names()
    specs = [info.spec for name in names for info in SOURCES.get(name).list()]
    built = [spec for spec in specs if spec.startswith(("embedded:", "keras_applications:"))]
    # Modules of one network differ in the data that they were trained on: it is built once.
    modules = {hub_networks.network_of(spec): spec for spec in specs if spec.startswith("tfhub:")}
    built += [spec for network, spec in modules.items() if network not in hub_networks.APPLICATIONS]
    found: dict[str, Cost] = {}
    for start in range(0, len(built), PER_PROCESS):
        group = built[start : start + PER_PROCESS]
        done = subprocess.run([sys.executable, __file__, "--here", *group], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.returncode)
        found |= {spec: Cost(**cost) for spec, cost in json.loads(done.stdout.splitlines()[-1]).items()}
        print(f"{len(found)} of {len(built)} built", file=sys.stderr, flush=True)
    for spec in specs:
        source, _, name = spec.partition(":")
        cost = preset_cost(name) if source == "keras_hub" else None
        if source == "tfhub" and spec not in found:
            cost = hub_cost_of_counted(name, COSTS | found)
        if cost is not None:
            found[spec] = cost
    print("Not counted:", *(spec for spec in specs if spec not in found), sep="\n  ", file=sys.stderr)
    return {spec: found[spec] for spec in specs if spec in found}


def rendered(costs: Mapping[str, Cost]) -> str:
    lines = [HEAD]
    for spec, cost in costs.items():
        more = ""
        if cost.parameters_with_top is not None and cost.multiply_adds_with_top is not None:
            more = f", {cost.parameters_with_top:_}, {cost.multiply_adds_with_top:_}"
        value = f'Cost({cost.parameters:_}, {cost.multiply_adds:_}, "{cost.at}"{more})'
        line = f'    "{spec}": {value},\n'
        if len(line) > 121:
            line = f'    "{spec}": Cost(\n        {value[5:-1]}\n    ),\n'
        lines.append(line)
    return "".join((*lines, "}\n"))


def hub_millions(network: str, size: int) -> float:
    """Return what a network of TF Hub costs at a size with the classifier of 1,001 classes that was scored."""
    entry = next(entry for handle, entry in HUB_MODULES.items() if hub_networks.network_of(handle) == network)
    bare = COSTS[f"tfhub:{entry.handle}"].multiply_adds * (size / entry.size) ** 2
    return (bare + (entry.feature_size or 0) * 1001) / 1e6


def print_published() -> None:
    for spec, (published, source) in PUBLISHED.items():
        adds = (COSTS[spec].multiply_adds_with_top or 0) / 1e6
        print(f"{spec}: {adds:,.1f} M, published {published:,} M ({adds / published - 1:+.1%}), {source}")
    for network, (published, size, source) in hub_networks.PUBLISHED.items():
        adds = hub_millions(network, size)
        at = f"{network} at {size} x {size}"
        print(f"{at}: {adds:,.1f} M, published {published:,} M ({adds / published - 1:+.1%}), {source}")
    for name in PROFILED:
        profiled = profiler_operations(name) / 2
        adds = COSTS[f"keras_applications:{name}"].multiply_adds
        print(
            f"{name}: {adds / 1e6:,.1f} M, TensorFlow's profiler {profiled / 1e6:,.1f} M ({profiled / adds - 1:+.1%})"
        )


def profiler_operations(name: str) -> int:
    """Return the floating-point operations that TensorFlow's profiler finds in a model of Keras."""
    import keras

    size = APPLICATIONS[name].size
    make = getattr(keras.applications, name)
    return operations_of(
        make(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)), (size, size, 3)
    )


def operations_of(model: Any, shape: tuple[int, ...]) -> int:
    """Return the floating-point operations of a model for one input of a shape, found in its frozen graph."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    called = tf.function(lambda inputs: model(inputs, training=False))
    signature = tf.TensorSpec((1, *shape), model.inputs[0].dtype)
    frozen = convert_variables_to_constants_v2(called.get_concrete_function(signature))
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return int(tf.compat.v1.profiler.profile(frozen.graph, options=options).total_float_ops)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="Compare with the table and write nothing.")
    parser.add_argument("--only", default="", metavar="SOURCE", help="The backbones of one source alone.")
    parser.add_argument("--published", action="store_true", help="Print the table beside other people's figures.")
    parser.add_argument("--here", metavar="SPEC", nargs="+", help="Count these in this process and print JSON.")
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps({spec: vars(cost) for spec, cost in count_here(asked.here).items()}))
        return
    if asked.published:
        print_published()
        return
    found = count_all(asked.only)
    if asked.check:
        expected = {spec: cost for spec, cost in COSTS.items() if not asked.only or spec.startswith(f"{asked.only}:")}
        wrong = sorted(spec for spec in expected | found if expected.get(spec) != found.get(spec))
        sys.exit(f"The table is wrong for {', '.join(wrong)}" if wrong else 0)
    known = COSTS | found if asked.only else found
    # In the order of the lists, without what is listed no more.
    listed = [info.spec for name in SOURCES.names() for info in SOURCES.get(name).list()]
    TABLE.write_text(rendered({spec: known[spec] for spec in listed if spec in known}), encoding="utf-8")
    print(f"{len(found)} rows in {TABLE}")


if __name__ == "__main__":
    main()
