"""Tiny text modules with seeded random weights, in the forms of TF Hub's: an encoder, its preprocessor, and strings."""

import numpy as np

from tests.tiny_transformers import VOCABULARY


def save_encoder(folder, *, seed=0, size=8, longest=32, padding=-1e4, width=None, lower=True, vocabulary=VOCABULARY):
    """Write a transformer of one layer that takes a dictionary; return the folder.

    Args:
        folder: Made.
        seed: Of the weights.
        size: Length of its vectors.
        longest: Rows of its table of positions.
        padding: What is added to a padded token's score.
        width: Tokens of its input; None leaves them free.
        lower: What it says of its letters; None leaves that out.
        vocabulary: Its asset; None leaves that out.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((None, width), tf.int32)
    draw = tf.random.Generator.from_seed(seed)

    class Encoder(tf.Module):
        def __init__(self):
            super().__init__()
            rows = len(vocabulary or VOCABULARY)
            self.table = tf.Variable(draw.normal((rows, size)), name="word_embeddings/embeddings")
            self.positions = tf.Variable(draw.normal((longest, size)), name="position_embedding/embeddings")
            self.dense = [tf.Variable(draw.normal((size, size)), name=f"layer/{name}") for name in "qkvop"]
            if lower is not None:
                self.do_lower_case = tf.Variable(lower, trainable=False)
            if vocabulary is not None:
                self.vocab_file = tf.saved_model.Asset(str(write_vocabulary(folder, vocabulary)))

        @tf.function
        def __call__(self, inputs, training=False):
            ids, mask = inputs["input_word_ids"], tf.cast(inputs["input_mask"], tf.float32)
            states = tf.gather(self.table, ids) + self.positions[: tf.shape(ids)[1]]
            states += tf.expand_dims(tf.cast(inputs["input_type_ids"], tf.float32), -1)
            if training:
                states = tf.nn.dropout(states, 0.5)
            query, key, value, outer, pooler = self.dense
            scores = tf.matmul(states @ query, states @ key, transpose_b=True) / size**0.5
            weights = tf.nn.softmax(scores + (1.0 - tf.expand_dims(mask, 1)) * padding)
            sequence = tf.tanh(states + weights @ (states @ value) @ outer)
            pooled = tf.tanh(sequence[:, 0] @ pooler)
            return {"pooled_output": pooled, "default": pooled, "sequence_output": sequence}

    module = Encoder()
    inputs = dict.fromkeys(("input_word_ids", "input_mask", "input_type_ids"), spec)
    for training in (True, False):
        module.__call__.get_concrete_function(inputs, training=training)
    tf.saved_model.save(module, str(folder))
    return folder


def save_preprocessor(folder, *, lower=True, length=24, vocabulary=VOCABULARY, extra=None):
    """Write a module from texts to an encoder's inputs, made of TensorFlow Text's operations; return the folder.

    Args:
        folder: Made.
        lower: Fold case and strip accents.
        length: At how many tokens it cuts.
        vocabulary: Its asset.
        extra: Changes texts first.
    """
    import tensorflow as tf
    import tensorflow_text

    source = write_vocabulary(folder, vocabulary)
    start, end = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")

    class Preprocessor(tf.Module):
        def __init__(self):
            super().__init__()
            lines = tf.lookup.TextFileInitializer(
                str(source),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.words = tf.lookup.StaticHashTable(lines, -1)
            self.tokenizer = tensorflow_text.BertTokenizer(self.words, lower_case=lower, token_out_type=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="sentences")])
        def __call__(self, sentences):
            texts = extra(sentences) if extra else sentences
            tokens = tf.cast(self.tokenizer.tokenize(texts).merge_dims(1, 2)[:, : length - 2], tf.int32)
            one = tf.ones((tokens.nrows(), 1), tf.int32)
            packed = tf.concat([start * one, tokens, end * one], 1)
            return {
                "input_word_ids": packed.to_tensor(shape=(None, length)),
                "input_mask": tf.ones_like(packed).to_tensor(shape=(None, length)),
                "input_type_ids": tf.zeros_like(packed).to_tensor(shape=(None, length)),
            }

    tf.saved_model.save(Preprocessor(), str(folder))
    return folder


def write_vocabulary(folder, vocabulary):
    """Write a vocabulary beside a module that is not there yet; return the file."""
    source = folder.with_name(f"{folder.name}-vocabulary") / "vocab.txt"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return source


def call_encoder(folder, ids, *, pad_id=0):
    """Ask a saved encoder itself; return its answers by name."""
    import tensorflow as tf

    fed = {"input_word_ids": ids, "input_mask": (ids != pad_id).astype(np.int32), "input_type_ids": np.zeros_like(ids)}
    return tf.saved_model.load(str(folder))(fed, training=False)


def save_strings(folder, *, seed=0, size=6, text_operations=False, batch=False, scalar=False):
    """Write a module from texts to vectors that no average of words equals: pairs of characters, hashed and looked up.

    Args:
        folder: Made.
        seed: Of the table.
        size: Length of its vectors.
        text_operations: Fold case by an operation of TensorFlow Text's.
        batch: Take the mean over the batch off every vector.
        scalar: Answer with one number for each text.
    """
    import tensorflow as tf

    if text_operations:
        import tensorflow_text

    source = write_vocabulary(folder, ("zero", "one", "two"))

    class Texts(tf.Module):
        def __init__(self):
            super().__init__()
            self.table = tf.Variable(tf.random.Generator.from_seed(seed).normal((97, size)), name="pairs")
            lines = tf.lookup.TextFileInitializer(
                str(source),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.words = tf.lookup.StaticHashTable(lines, -1)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="inputs")])
        def __call__(self, inputs):
            texts = tensorflow_text.case_fold_utf8(inputs) if text_operations else tf.strings.lower(inputs)
            known = tf.cast(self.words.lookup(texts) + 1, tf.float32)
            characters = tf.strings.unicode_split(tf.strings.join(["^", texts, "$"]), "UTF-8")
            pairs = tf.strings.ngrams(characters, 2, separator="")
            rows = pairs.with_flat_values(tf.strings.to_hash_bucket_fast(pairs.flat_values, 97))
            vectors = tf.reduce_mean(rows.with_flat_values(tf.gather(self.table, rows.flat_values)), axis=1)
            vectors = tf.tanh(vectors) + known[:, None]
            vectors = vectors - tf.reduce_mean(vectors, axis=0) if batch else vectors
            return vectors[:, 0] if scalar else vectors

    module = Texts()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return folder
