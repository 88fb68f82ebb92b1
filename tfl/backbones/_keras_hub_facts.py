"""Scores of KerasHub's presets as published, and who states the licences of their weights."""

from __future__ import annotations

from tfl.backbones._base import BackboneFacts, PublishedScore
from tfl.backbones._facts import known_facts, share_of

_BERT = "github.com/google-research/bert, README, GLUE test set"
_BERT_PAPER = "arXiv:1810.04805, table 1, GLUE test set"
_ELECTRA = "github.com/google-research/electra, README, GLUE development set"
_ROBERTA = "github.com/facebookresearch/fairseq, examples/roberta/README.md, GLUE development set"
#: Accuracy in percent on the sentences of SST-2 after fine-tuning, and who says so.
_SST2_SCORES = {
    "bert_tiny_en_uncased": (83.2, _BERT),
    "bert_small_en_uncased": (89.7, _BERT),
    "bert_medium_en_uncased": (89.6, _BERT),
    "bert_base_en_uncased": (93.5, _BERT_PAPER),
    "bert_large_en_uncased": (94.9, _BERT_PAPER),
    "distil_bert_base_en_uncased": (91.3, "arXiv:1910.01108, table 1, GLUE development set"),
    "electra_small_discriminator_uncased_en": (91.2, _ELECTRA),
    "electra_base_discriminator_uncased_en": (95.1, _ELECTRA),
    "electra_large_discriminator_uncased_en": (96.9, _ELECTRA),
    "roberta_base_en": (94.8, _ROBERTA),
    "roberta_large_en": (96.4, _ROBERTA),
}
#: Who publishes the weights with the licence that the table has, by the beginning of the name.
_PRESET_LICENCE_SOURCES = {
    "bert_": "github.com/google-research/bert",
    "distil_bert_": "the publisher's model card on Hugging Face (distilbert)",
    "electra_": "github.com/google-research/electra",
    "all_minilm_": "the publisher's model card on Hugging Face (sentence-transformers)",
    "paraphrase_minilm_": "the publisher's model card on Hugging Face (sentence-transformers)",
    "mxbai_": "the publisher's model card on Hugging Face (mixedbread-ai)",
    "bge_": "github.com/FlagOpen/FlagEmbedding",
    "roberta_": "github.com/facebookresearch/fairseq",
}


def preset_facts(name: str, family: str, *, address: str) -> BackboneFacts:
    """Return what is known of a preset of KerasHub.

    Args:
        name: Of the preset.
        family: Of its architecture.
        address: What its archive is downloaded from.
    """
    value, source = _SST2_SCORES.get(name, (None, ""))
    scores = (
        ()
        if value is None
        else (PublishedScore(data="SST-2", metric="accuracy, fine-tuned", value=share_of(value), source=source),)
    )
    licence = next((said for begin, said in _PRESET_LICENCE_SOURCES.items() if name.startswith(begin)), "")
    return known_facts(f"keras_hub:{name}", family, scores, licence_source=licence, address=address)
