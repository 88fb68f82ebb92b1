"""KerasHub's presets as data, written by `benchmarks/keras_hub_table.py`; other presets' folders work too."""

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
    "bert_tiny_en_uncased": HubPreset(
        "keras/bert/keras/bert_tiny_en_uncased/3",
        4_385_920,
        "Apache-2.0",
        "2-layer BERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_small_en_uncased": HubPreset(
        "keras/bert/keras/bert_small_en_uncased/3",
        28_763_648,
        "Apache-2.0",
        "4-layer BERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_medium_en_uncased": HubPreset(
        "keras/bert/keras/bert_medium_en_uncased/3",
        41_373_184,
        "Apache-2.0",
        "8-layer BERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_base_en_uncased": HubPreset(
        "keras/bert/keras/bert_base_en_uncased/3",
        109_482_240,
        "Apache-2.0",
        "12-layer BERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_base_en": HubPreset(
        "keras/bert/keras/bert_base_en/3",
        108_310_272,
        "Apache-2.0",
        "12-layer BERT model where case is maintained. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_base_zh": HubPreset(
        "keras/bert/keras/bert_base_zh/3",
        102_267_648,
        "Apache-2.0",
        "12-layer BERT model. Trained on Chinese Wikipedia.",
    ),
    "bert_base_multi": HubPreset(
        "keras/bert/keras/bert_base_multi/3",
        177_853_440,
        "Apache-2.0",
        "12-layer BERT model where case is maintained. Trained on trained on Wikipedias of 104 languages",
    ),
    "bert_large_en_uncased": HubPreset(
        "keras/bert/keras/bert_large_en_uncased/3",
        335_141_888,
        "Apache-2.0",
        "24-layer BERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_large_en": HubPreset(
        "keras/bert/keras/bert_large_en/3",
        333_579_264,
        "Apache-2.0",
        "24-layer BERT model where case is maintained. Trained on English Wikipedia + BooksCorpus.",
    ),
    "bert_tiny_en_uncased_sst2": HubPreset(
        "keras/bert/keras/bert_tiny_en_uncased_sst2/5",
        4_385_920,
        "Apache-2.0",
        "The bert_tiny_en_uncased backbone model fine-tuned on the SST-2 sentiment analysis dataset.",
    ),
    "all_minilm_l6_v2_en": HubPreset(
        "keras/sentence-transformers/keras/all_minilm_l6_v2_en/1",
        22_713_216,
        "Apache-2.0",
        "6-layer MiniLM sentence embedding model. Maps sentences to 384-dimensional dense vectors. "
        "Trained on 1B+ sentence pairs for semantic similarity, search, and clustering.",
    ),
    "all_minilm_l6_v1_en": HubPreset(
        "keras/sentence-transformers/keras/all_minilm_l6_v1_en/1",
        22_713_216,
        "Apache-2.0",
        "6-layer MiniLM sentence embedding model (v1). Maps sentences to 384-dimensional dense vectors.",
    ),
    "all_minilm_l12_v2_en": HubPreset(
        "keras/sentence-transformers/keras/all_minilm_l12_v2_en/1",
        33_360_000,
        "Apache-2.0",
        "12-layer MiniLM sentence embedding model. Maps sentences to 384-dimensional dense vectors. "
        "Higher accuracy than the L6 variant with moderate speed tradeoff.",
    ),
    "paraphrase_minilm_l3_v2_en": HubPreset(
        "keras/sentence-transformers/keras/paraphrase_minilm_l3_v2_en/1",
        17_066_496,
        "Apache-2.0",
        "3-layer MiniLM model for paraphrase detection. Ultra-fast with 384-dimensional sentence embeddings.",
    ),
    "paraphrase_minilm_l6_v2_en": HubPreset(
        "keras/sentence-transformers/keras/paraphrase_minilm_l6_v2_en/1",
        22_713_216,
        "Apache-2.0",
        "6-layer MiniLM model for paraphrase detection. Fast with 384-dimensional sentence embeddings.",
    ),
    "paraphrase_minilm_l12_v2_en": HubPreset(
        "keras/sentence-transformers/keras/paraphrase_minilm_l12_v2_en/1",
        33_360_000,
        "Apache-2.0",
        "12-layer MiniLM model for paraphrase detection with 384-dimensional sentence embeddings.",
    ),
    "multi_qa_minilm_l6_cos_v1_en": HubPreset(
        "keras/sentence-transformers/keras/multi_qa_minilm_l6_cos_v1_en/1",
        22_713_216,
        "unknown",
        "6-layer MiniLM model for semantic search with cosine similarity. Trained on 215M QA pairs.",
    ),
    "multi_qa_minilm_l6_dot_v1_en": HubPreset(
        "keras/sentence-transformers/keras/multi_qa_minilm_l6_dot_v1_en/1",
        22_713_216,
        "unknown",
        "6-layer MiniLM model for semantic search with dot-product similarity. Trained on 215M QA pairs.",
    ),
    "msmarco_minilm_l6_cos_v5_en": HubPreset(
        "keras/sentence-transformers/keras/msmarco_minilm_l6_cos_v5_en/1",
        22_713_216,
        "unknown",
        "6-layer MiniLM model for information retrieval with cosine similarity. Trained on MS MARCO passage ranking.",
    ),
    "msmarco_minilm_l12_cos_v5_en": HubPreset(
        "keras/sentence-transformers/keras/msmarco_minilm_l12_cos_v5_en/1",
        33_360_000,
        "unknown",
        "12-layer MiniLM model for information retrieval with cosine similarity. Trained on MS MARCO passage ranking.",
    ),
    "bge_small_en": HubPreset(
        "keras/bge/keras/bge_small_en/1",
        33_360_000,
        "MIT",
        "12-layer BGE small English embedding model (v1). Maps sentences to 384-dimensional L2-normalized"
        " dense vectors. Optimized for dense retrieval and semantic similarity.",
    ),
    "bge_base_en": HubPreset(
        "keras/bge/keras/bge_base_en/1",
        109_482_240,
        "MIT",
        "12-layer BGE base English embedding model (v1). Maps sentences to 768-dimensional L2-normalized "
        "dense vectors. Optimized for dense retrieval and semantic similarity.",
    ),
    "bge_large_en": HubPreset(
        "keras/bge/keras/bge_large_en/1",
        335_141_888,
        "MIT",
        "24-layer BGE large English embedding model (v1). Maps sentences to 1024-dimensional "
        "L2-normalized dense vectors. Highest accuracy in the BGE English v1 family.",
    ),
    "bge_small_v1.5_en": HubPreset(
        "keras/bge/keras/bge_small_v1.5_en/1",
        33_360_000,
        "MIT",
        "12-layer BGE small English embedding model (v1.5). Maps sentences to 384-dimensional "
        "L2-normalized dense vectors. Optimized for dense retrieval and semantic similarity.",
    ),
    "bge_base_v1.5_en": HubPreset(
        "keras/bge/keras/bge_base_v1.5_en/1",
        109_482_240,
        "MIT",
        "12-layer BGE base English embedding model (v1.5). Maps sentences to 768-dimensional "
        "L2-normalized dense vectors. Optimized for dense retrieval and semantic similarity.",
    ),
    "bge_large_v1.5_en": HubPreset(
        "keras/bge/keras/bge_large_v1.5_en/1",
        335_141_888,
        "MIT",
        "24-layer BGE large English embedding model (v1.5). Maps sentences to 1024-dimensional "
        "L2-normalized dense vectors. Highest accuracy in the BGE English family.",
    ),
    "bge_base_zh": HubPreset(
        "keras/bge/keras/bge_base_zh/1",
        102_267_648,
        "MIT",
        "12-layer BGE base Chinese embedding model (v1). Maps sentences to 768-dimensional L2-normalized "
        "dense vectors. Optimized for dense retrieval on Chinese text.",
    ),
    "bge_large_zh": HubPreset(
        "keras/bge/keras/bge_large_zh/1",
        325_522_432,
        "MIT",
        "24-layer BGE large Chinese embedding model (v1). Maps sentences to 1024-dimensional "
        "L2-normalized dense vectors. Highest accuracy in the BGE Chinese v1 family.",
    ),
    "bge_small_v1.5_zh": HubPreset(
        "keras/bge/keras/bge_small_v1.5_zh/1",
        23_953_920,
        "MIT",
        "12-layer BGE small Chinese embedding model (v1.5). Maps sentences to 384-dimensional "
        "L2-normalized dense vectors. Optimized for dense retrieval on Chinese text.",
    ),
    "bge_base_v1.5_zh": HubPreset(
        "keras/bge/keras/bge_base_v1.5_zh/1",
        102_267_648,
        "MIT",
        "12-layer BGE base Chinese embedding model (v1.5). Maps sentences to 768-dimensional "
        "L2-normalized dense vectors. Optimized for dense retrieval on Chinese text.",
    ),
    "bge_large_v1.5_zh": HubPreset(
        "keras/bge/keras/bge_large_v1.5_zh/1",
        325_522_432,
        "MIT",
        "24-layer BGE large Chinese embedding model (v1.5). Maps sentences to 1024-dimensional "
        "L2-normalized dense vectors. Highest accuracy in the BGE Chinese v1.5 family.",
    ),
    "bge_llm_embedder": HubPreset(
        "keras/bge/keras/bge_llm_embedder/1",
        109_482_240,
        "MIT",
        "BGE-LLM-Embedder: 12-layer embedding model for retrieval-augmented language model applications. "
        "Maps text to 768-dimensional dense vectors and supports knowledge, memory, demonstration, and "
        "tool retrieval tasks.",
    ),
    "multilingual_e5_small": HubPreset(
        "keras/multilingual-e5/keras/multilingual_e5_small/1",
        117_653_760,
        "MIT",
        "12-layer multilingual E5 embedding model with 384-dimensional vectors. Fine-tuned for dense "
        "retrieval across 100+ languages using weakly-supervised contrastive pre-training. Prefix inputs "
        "with 'query: ' for queries and 'passage: ' for documents.",
    ),
    "mxbai_embed_large_v1_en": HubPreset(
        "keras/mxbai-embed/keras/mxbai_embed_large_v1_en/1",
        335_141_888,
        "Apache-2.0",
        "24-layer BERT sentence embedding model by mixedbread-ai. Maps sentences to 1024-dimensional "
        "dense vectors using CLS pooling. Trained for semantic similarity, search, and clustering tasks.",
    ),
    "mxbai_embed_2d_large_v1_en": HubPreset(
        "keras/mxbai-embed/keras/mxbai_embed_2d_large_v1_en/1",
        335_141_888,
        "Apache-2.0",
        "24-layer BERT sentence embedding model by mixedbread-ai with 2D Matryoshka representation "
        "learning. Maps sentences to 1024-dimensional dense vectors using CLS pooling. Supports flexible "
        "truncation of both layers and dimensions.",
    ),
    "mxbai_embed_xsmall_v1_en": HubPreset(
        "keras/mxbai-embed/keras/mxbai_embed_xsmall_v1_en/1",
        24_089_472,
        "Apache-2.0",
        "6-layer BERT sentence embedding model by mixedbread-ai. Maps sentences to 384-dimensional dense "
        "vectors using mean pooling. Compact model for fast inference.",
    ),
    "distil_bert_base_en_uncased": HubPreset(
        "keras/distil_bert/keras/distil_bert_base_en_uncased/3",
        66_362_880,
        "Apache-2.0",
        "6-layer DistilBERT model where all input is lowercased. Trained on English Wikipedia + "
        "BooksCorpus using BERT as the teacher model.",
    ),
    "distil_bert_base_en": HubPreset(
        "keras/distil_bert/keras/distil_bert_base_en/3",
        65_190_912,
        "Apache-2.0",
        "6-layer DistilBERT model where case is maintained. Trained on English Wikipedia + BooksCorpus "
        "using BERT as the teacher model.",
    ),
    "distil_bert_base_multi": HubPreset(
        "keras/distil_bert/keras/distil_bert_base_multi/3",
        134_734_080,
        "Apache-2.0",
        "6-layer DistilBERT model where case is maintained. Trained on Wikipedias of 104 languages",
    ),
    "roberta_base_en": HubPreset(
        "keras/roberta/keras/roberta_base_en/3",
        124_052_736,
        "MIT",
        "12-layer RoBERTa model where case is maintained. Trained on English Wikipedia, BooksCorpus, "
        "CommonCraw, and OpenWebText.",
    ),
    "roberta_large_en": HubPreset(
        "keras/roberta/keras/roberta_large_en/3",
        354_307_072,
        "MIT",
        "24-layer RoBERTa model where case is maintained. Trained on English Wikipedia, BooksCorpus, "
        "CommonCraw, and OpenWebText.",
    ),
    "electra_small_discriminator_uncased_en": HubPreset(
        "keras/electra/keras/electra_small_discriminator_uncased_en/2",
        13_548_800,
        "Apache-2.0",
        "12-layer small ELECTRA discriminator model. All inputs are lowercased. Trained on English "
        "Wikipedia + BooksCorpus.",
    ),
    "electra_small_generator_uncased_en": HubPreset(
        "keras/electra/keras/electra_small_generator_uncased_en/2",
        13_548_800,
        "Apache-2.0",
        "12-layer small ELECTRA generator model. All inputs are lowercased. Trained on English Wikipedia "
        "+ BooksCorpus.",
    ),
    "electra_base_discriminator_uncased_en": HubPreset(
        "keras/electra/keras/electra_base_discriminator_uncased_en/2",
        109_482_240,
        "Apache-2.0",
        "12-layer base ELECTRA discriminator model. All inputs are lowercased. Trained on English "
        "Wikipedia + BooksCorpus.",
    ),
    "electra_base_generator_uncased_en": HubPreset(
        "keras/electra/keras/electra_base_generator_uncased_en/2",
        33_576_960,
        "Apache-2.0",
        "12-layer base ELECTRA generator model. All inputs are lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "electra_large_discriminator_uncased_en": HubPreset(
        "keras/electra/keras/electra_large_discriminator_uncased_en/2",
        335_141_888,
        "Apache-2.0",
        "24-layer large ELECTRA discriminator model. All inputs are lowercased. Trained on English "
        "Wikipedia + BooksCorpus.",
    ),
    "electra_large_generator_uncased_en": HubPreset(
        "keras/electra/keras/electra_large_generator_uncased_en/2",
        51_065_344,
        "Apache-2.0",
        "24-layer large ELECTRA generator model. All inputs are lowercased. Trained on English Wikipedia "
        "+ BooksCorpus.",
    ),
    "albert_base_en_uncased": HubPreset(
        "keras/albert/keras/albert_base_en_uncased/5",
        11_683_584,
        "Apache-2.0",
        "12-layer ALBERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "albert_large_en_uncased": HubPreset(
        "keras/albert/keras/albert_large_en_uncased/3",
        17_683_968,
        "Apache-2.0",
        "24-layer ALBERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "albert_extra_large_en_uncased": HubPreset(
        "keras/albert/keras/albert_extra_large_en_uncased/3",
        58_724_864,
        "Apache-2.0",
        "24-layer ALBERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "albert_extra_extra_large_en_uncased": HubPreset(
        "keras/albert/keras/albert_extra_extra_large_en_uncased/3",
        222_595_584,
        "Apache-2.0",
        "12-layer ALBERT model where all input is lowercased. Trained on English Wikipedia + BooksCorpus.",
    ),
    "xlm_roberta_base_multi": HubPreset(
        "keras/xlm_roberta/keras/xlm_roberta_base_multi/3",
        277_450_752,
        "MIT",
        "12-layer XLM-RoBERTa model where case is maintained. Trained on CommonCrawl in 100 languages.",
    ),
    "xlm_roberta_large_multi": HubPreset(
        "keras/xlm_roberta/keras/xlm_roberta_large_multi/3",
        558_837_760,
        "MIT",
        "24-layer XLM-RoBERTa model where case is maintained. Trained on CommonCrawl in 100 languages.",
    ),
    "bge_m3": HubPreset(
        "keras/bge/keras/bge_m3/1",
        566_702_080,
        "MIT",
        "568M-parameter multilingual text embedding model supporting 100+ languages with sequences up to "
        "8192 tokens. Uses CLS token pooling with L2 normalization. Supports dense, sparse, and multi-"
        "vector (ColBERT-style) retrieval. From BAAI.",
    ),
    "multilingual_e5_base": HubPreset(
        "keras/multilingual-e5/keras/multilingual_e5_base/1",
        277_450_752,
        "MIT",
        "12-layer multilingual E5 embedding model with 768-dimensional vectors. Fine-tuned for dense "
        "retrieval across 100+ languages using weakly-supervised contrastive pre-training. Prefix inputs "
        "with 'query: ' for queries and 'passage: ' for documents.",
    ),
    "multilingual_e5_large": HubPreset(
        "keras/multilingual-e5/keras/multilingual_e5_large/1",
        558_837_760,
        "MIT",
        "24-layer multilingual E5 embedding model with 1024-dimensional vectors. Fine-tuned for dense "
        "retrieval across 100+ languages using weakly-supervised contrastive pre-training. Prefix inputs "
        "with 'query: ' for queries and 'passage: ' for documents.",
    ),
    "deberta_v3_extra_small_en": HubPreset(
        "keras/deberta_v3/keras/deberta_v3_extra_small_en/3",
        70_682_112,
        "MIT",
        "12-layer DeBERTaV3 model where case is maintained. Trained on English Wikipedia, BookCorpus and OpenWebText.",
    ),
    "deberta_v3_small_en": HubPreset(
        "keras/deberta_v3/keras/deberta_v3_small_en/3",
        141_304_320,
        "MIT",
        "6-layer DeBERTaV3 model where case is maintained. Trained on English Wikipedia, BookCorpus and OpenWebText.",
    ),
    "deberta_v3_base_en": HubPreset(
        "keras/deberta_v3/keras/deberta_v3_base_en/3",
        183_831_552,
        "MIT",
        "12-layer DeBERTaV3 model where case is maintained. Trained on English Wikipedia, BookCorpus and OpenWebText.",
    ),
    "deberta_v3_large_en": HubPreset(
        "keras/deberta_v3/keras/deberta_v3_large_en/3",
        434_012_160,
        "MIT",
        "24-layer DeBERTaV3 model where case is maintained. Trained on English Wikipedia, BookCorpus and OpenWebText.",
    ),
    "deberta_v3_base_multi": HubPreset(
        "keras/deberta_v3/keras/deberta_v3_base_multi/3",
        278_218_752,
        "MIT",
        "12-layer DeBERTaV3 model where case is maintained. Trained on the 2.5TB multilingual CC100 dataset.",
    ),
}
