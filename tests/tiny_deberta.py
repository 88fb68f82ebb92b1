"""A tiny DeBERTa v3 as Hugging Face saves it, and the network in plain NumPy."""

import json
import math

import numpy as np

from tests.tiny_transformers import VOCABULARY, save_tokenizer

LENGTH, BUCKETS = 32, 8
CONFIG = {
    "architectures": ["DebertaV2Model"],
    "model_type": "deberta-v2",
    "hidden_act": "gelu",
    "hidden_size": 16,
    "intermediate_size": 24,
    "layer_norm_eps": 1e-3,
    "max_position_embeddings": LENGTH,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
    "position_buckets": BUCKETS,
    "relative_attention": True,
    "share_att_key": True,
    "type_vocab_size": 0,
    "vocab_size": len(VOCABULARY),
}


def save_deberta(folder, *, seed=0, prefix="", parts=1, **changes):
    """Write a DeBERTa as transformers saves it, with `tokenizer.json`; return its weights by name.

    Args:
        folder: Made.
        seed: Of the weights.
        prefix: Of their names in the file.
        parts: How many files hold them.
        **changes: To `config.json`; None leaves a key out.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    config = {key: value for key, value in (CONFIG | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = draw_deberta(seed)
    if parts == 1:
        save_file({prefix + name: value for name, value in weights.items()}, str(folder / "model.safetensors"))
    else:
        files = {f"model-{part}.safetensors": list(weights)[part::parts] for part in range(parts)}
        for file, names in files.items():
            save_file({prefix + name: weights[name] for name in names}, str(folder / file))
        places = {prefix + name: file for file, names in files.items() for name in names}
        index = json.dumps({"weight_map": places})
        (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    save_tokenizer(folder)
    return weights


def draw_deberta(seed):
    """Draw the weights of `CONFIG`, under transformers' names."""
    generator = np.random.default_rng(seed)
    shapes = {"embeddings.word_embeddings.weight": (len(VOCABULARY), 16), "encoder.rel_embeddings.weight": (16, 16)}
    norms = ["embeddings.LayerNorm", "encoder.LayerNorm"]
    for layer in range(2):
        begin = f"encoder.layer.{layer}."
        for name in ("self.query_proj", "self.key_proj", "self.value_proj", "output.dense"):
            shapes |= {f"{begin}attention.{name}.weight": (16, 16), f"{begin}attention.{name}.bias": (16,)}
        shapes |= {f"{begin}intermediate.dense.weight": (24, 16), f"{begin}intermediate.dense.bias": (24,)}
        shapes |= {f"{begin}output.dense.weight": (16, 24), f"{begin}output.dense.bias": (16,)}
        norms += [f"{begin}attention.output.LayerNorm", f"{begin}output.LayerNorm"]
    for name in norms:
        shapes |= {f"{name}.weight": (16,), f"{name}.bias": (16,)}
    return {
        name: (generator.normal(0.0, 0.4, shape) + name.endswith("LayerNorm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }


def bucket(distance, *, buckets=BUCKETS, longest=LENGTH):
    """Return a distance's row, counted from that of 0, as the paper's code has it."""
    middle, far = buckets // 2, abs(distance)
    if far <= middle:
        return distance
    steps = math.log(far / middle) / math.log((longest - 1) / middle) * (middle - 1)
    return int(math.copysign(math.ceil(steps - 1e-9) + middle, distance))


def run_deberta(weights, ids, *, epsilon, heads=2, layers=2):
    """Answer one text's tokens with their last hidden states, in float64: He et al., 2021, one pair at a time."""
    weight = {name: value.astype(np.float64) for name, value in weights.items()}
    erf = np.vectorize(math.erf)

    def norm(states, name):
        centred = states - states.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * weight[f"{name}.weight"] + weight[f"{name}.bias"]

    def dense(states, name):
        return states @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    def row(distance):
        return min(max(bucket(distance) + BUCKETS, 0), 2 * BUCKETS - 1)

    states = norm(weight["embeddings.word_embeddings.weight"][ids], "embeddings.LayerNorm")
    distances = norm(weight["encoder.rel_embeddings.weight"], "encoder.LayerNorm")
    for number in range(layers):
        begin = f"encoder.layer.{number}."
        own, far = (
            [
                np.split(dense(values, f"{begin}attention.self.{name}_proj"), heads, -1)
                for name in ("query", "key", "value")
            ]
            for values in (states, distances)
        )
        mixed = []
        for head in range(heads):
            (query, key, value), (far_query, far_key) = (part[head] for part in own), (part[head] for part in far[:2])
            scores = np.zeros((len(ids), len(ids)))
            for i in range(len(ids)):
                for j in range(len(ids)):
                    scores[i, j] = query[i] @ key[j] + query[i] @ far_key[row(i - j)] + key[j] @ far_query[row(i - j)]
            scores = np.exp(scores / math.sqrt(3 * query.shape[-1]))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ value)
        attended = dense(np.concatenate(mixed, -1), f"{begin}attention.output.dense")
        states = norm(states + attended, f"{begin}attention.output.LayerNorm")
        inner = dense(states, f"{begin}intermediate.dense")
        outer = dense(inner * 0.5 * (1 + erf(inner / math.sqrt(2))), f"{begin}output.dense")
        states = norm(states + outer, f"{begin}output.LayerNorm")
    return states
