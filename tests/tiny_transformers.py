"""Tiny transformers with seeded random weights, as KerasHub and as Hugging Face save them, and BERT in plain NumPy."""

import functools
import io
import json
import math
import string

import numpy as np

from tfl.backbones._encoder import EncoderPlan, build_encoder

WORDS = ("the", "card", "where", "is", "my", "money", "lost", "please", "transfer", "exchange", "rate", "hello")
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = "".join(
    dict.fromkeys(string.ascii_letters + string.digits + string.punctuation + "éüßñ日本語中文שלוםمرحبا")
)
VOCABULARY = (*SPECIALS, *WORDS, *_CHARACTERS, *(f"##{character}" for character in _CHARACTERS), "##ing")

#: Family -> the special tokens that KerasHub expects in its SentencePiece model.
SENTENCE_PIECE = {
    "Albert": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": 2,
        "eos_id": 3,
        "pad_piece": "<pad>",
        "unk_piece": "<unk>",
        "bos_piece": "[CLS]",
        "eos_piece": "[SEP]",
        "control_symbols": "[MASK]",
        "user_defined_symbols": "(,),-",
    },
    "DebertaV3": {
        "pad_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "unk_id": 3,
        "pad_piece": "[PAD]",
        "bos_piece": "[CLS]",
        "eos_piece": "[SEP]",
        "unk_piece": "[UNK]",
    },
    "XLMRoberta": {"unk_id": 0, "bos_id": 1, "eos_id": 2},
}
PIECES = 100

#: KerasHub's names of sizes.
SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24, "max_sequence_length": 32}


def save_preset(folder, *, family="Bert", seed=0, lowercase=True):
    """Write a KerasHub preset: WordPiece, but for RoBERTa (byte pairs) and `SENTENCE_PIECE`; return the folder."""
    import keras
    import keras_hub

    network = make_network(family, seed=seed)
    network.save_to_preset(str(folder))
    if family == "Roberta":
        vocabulary, merges = byte_pairs()
        tokenizer = keras_hub.models.RobertaTokenizer(vocabulary=vocabulary, merges=merges)
    elif family in SENTENCE_PIECE:
        tokenizer = getattr(keras_hub.models, f"{family}Tokenizer")(proto=train_pieces(family))
    else:
        kind = getattr(keras_hub.models, f"{family}Tokenizer")
        tokenizer = kind(vocabulary=list(VOCABULARY), lowercase=lowercase)
    tokenizer.save_to_preset(str(folder))
    keras.backend.clear_session()
    return folder


def make_network(family, *, seed=0, vocabulary_size=None):
    """Return a KerasHub backbone whose every weight, biases and normalizations too, is drawn."""
    import keras_hub

    count = vocabulary_size or _vocabulary_size(family)
    named = {"vocab_size": count} if family == "Electra" else {"vocabulary_size": count}
    if family in ("Electra", "Albert"):
        named["embedding_dim"] = 8
    if family == "DebertaV3":
        named["bucket_size"] = 8
    network = getattr(keras_hub.models, f"{family}Backbone")(**SIZES, **named, dtype="float32")
    generator = np.random.default_rng(seed)
    for weight in network.weights:
        centre = 1.0 if weight.name == "gamma" else 0.0
        weight.assign(generator.normal(centre, 0.3, weight.shape))
    return network


def _vocabulary_size(family):
    if family in SENTENCE_PIECE:
        # XLM-RoBERTa's numbering has two tokens more than the file, DeBERTa's the mask.
        return PIECES + {"XLMRoberta": 2, "DebertaV3": 1}.get(family, 0)
    return len(byte_pairs()[0]) if family == "Roberta" else len(VOCABULARY)


@functools.cache
def train_pieces(family, *, vocabulary_size=PIECES, **options):
    """Train a SentencePiece model with the special tokens of a family of `SENTENCE_PIECE`; return the file's bytes."""
    import sentencepiece

    generator = np.random.default_rng(0)
    words = (
        *WORDS,
        "caf\u00e9",
        "\u65e5\u672c\u8a9e",
        "\u4e2d\u6587",
        "\u05e9\u05dc\u05d5\u05dd",
        "12",
        "2024",
        "don't",
        "(ok)",
        "!?",
    )
    lines = [" ".join(generator.choice(words, 8)) for _ in range(300)] + [*string.ascii_letters, *string.digits]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=written,
        vocab_size=vocabulary_size,
        num_threads=1,
        minloglevel=2,
        **({"model_type": "unigram"} | SENTENCE_PIECE[family] | options),
    )
    return written.getvalue()


def byte_pairs():
    """Return a vocabulary of bytes with a few merges, as RoBERTa's."""
    from tokenizers import pre_tokenizers

    merges = ["t h", "th e", "Ġ the", "c a", "ca r", "car d", "Ġ card", "1 2"]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens += [merge.replace(" ", "") for merge in merges]
    return {token: index for index, token in enumerate(tokens)}, merges


def save_hugging_face(folder, *, seed=0, prefix="", **changes):
    """Write a BERT as transformers saves it, with `tokenizer.json`; return its weights by name.

    Args:
        folder: Made.
        seed: Of the weights.
        prefix: Of their names in the file.
        **changes: To `config.json`; None leaves a key out.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": 16,
        "intermediate_size": 24,
        "layer_norm_eps": 1e-3,
        "max_position_embeddings": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": len(VOCABULARY),
    }
    config = {key: value for key, value in (config | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = draw_bert(seed, embedding_size=config.get("embedding_size", 16))
    save_file({prefix + name: value for name, value in weights.items()}, str(folder / "model.safetensors"))
    save_tokenizer(folder)
    return weights


def save_tokenizer(folder, *, vocabulary=VOCABULARY):
    """Write `tokenizer.json` of a lower-casing BERT, with lengths of its own as sentence-transformers leaves them."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder.mkdir(parents=True, exist_ok=True)
    numbers = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    )
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(20)
    tokenizer.save(str(folder / "tokenizer.json"))


def draw_bert(seed, *, embedding_size=16):
    """Draw the weights of the BERT that `save_hugging_face` describes, under transformers' names.

    With an embedding size other than 16 it is an ELECTRA, which projects its embeddings.
    """
    generator = np.random.default_rng(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), embedding_size),
        "embeddings.position_embeddings.weight": (32, embedding_size),
        "embeddings.token_type_embeddings.weight": (2, embedding_size),
        "embeddings.LayerNorm.weight": (embedding_size,),
        "embeddings.LayerNorm.bias": (embedding_size,),
        "pooler.dense.weight": (16, 16),
        "pooler.dense.bias": (16,),
    }
    if embedding_size != 16:
        shapes |= {"embeddings_project.weight": (16, embedding_size), "embeddings_project.bias": (16,)}
    for layer in range(2):
        begin = f"encoder.layer.{layer}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{begin}{name}.weight": (16, 16), f"{begin}{name}.bias": (16,)}
        shapes |= {f"{begin}intermediate.dense.weight": (24, 16), f"{begin}intermediate.dense.bias": (24,)}
        shapes |= {f"{begin}output.dense.weight": (16, 24), f"{begin}output.dense.bias": (16,)}
        for name in ("attention.output", "output"):
            shapes |= {f"{begin}{name}.LayerNorm.weight": (16,), f"{begin}{name}.LayerNorm.bias": (16,)}
    return {
        name: (generator.normal(0.0, 0.4, shape) + name.endswith("LayerNorm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }


def run_bert(weights, ids, *, epsilon, heads=2, layers=2):
    """Answer one text's tokens with their last hidden states, in float64, as the paper has it (Devlin et al., 2019)."""
    weight = {name: value.astype(np.float64) for name, value in weights.items()}
    erf = np.vectorize(math.erf)

    def norm(states, name):
        centred = states - states.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * weight[f"{name}.LayerNorm.weight"] + weight[f"{name}.LayerNorm.bias"]

    def dense(states, name):
        return states @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    tables = [weight[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
    states = norm(tables[0][ids] + tables[1][: len(ids)] + tables[2][0], "embeddings")
    if "embeddings_project.weight" in weight:
        states = dense(states, "embeddings_project")
    for number in range(layers):
        begin = f"encoder.layer.{number}."
        parts = [
            np.split(dense(states, f"{begin}attention.self.{name}"), heads, -1) for name in ("query", "key", "value")
        ]
        mixed = []
        for query, key, value in zip(*parts, strict=True):
            scores = np.exp(query @ key.T / math.sqrt(query.shape[-1]))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ value)
        attended = dense(np.concatenate(mixed, -1), f"{begin}attention.output.dense")
        states = norm(states + attended, f"{begin}attention.output")
        inner = dense(states, f"{begin}intermediate.dense")
        outer = dense(inner * 0.5 * (1 + erf(inner / math.sqrt(2))), f"{begin}output.dense")
        states = norm(states + outer, f"{begin}output")
    return states


#: Sizes of the encoder of `make_encoder`.
PLAN = EncoderPlan(
    vocabulary_size=40,
    longest=24,
    pad_id=1,
    embedding_size=16,
    hidden_size=16,
    inner_size=24,
    heads=2,
    layers=3,
)


def make_encoder(pooling="mean", **changes):
    """Return tfl's own encoder with every weight drawn; `changes` are to `PLAN`."""
    plan = EncoderPlan(**(vars(PLAN) | changes))
    model = build_encoder(plan, pooling=pooling)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.normal(float(weight.name == "gamma"), 0.3, weight.shape))
    return model


def padded(*lengths, width, pad_id=1, seed=3):
    """Draw rows of identifiers for `PLAN`, so many each, padded to one width."""
    generator = np.random.default_rng(seed)
    rows = np.full((len(lengths), width), pad_id, dtype=np.int32)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = generator.integers(2, PLAN.vocabulary_size, length)
    return rows


def answer(model, ids):
    """Answer as in inference."""
    return np.asarray(model(ids, training=False))
