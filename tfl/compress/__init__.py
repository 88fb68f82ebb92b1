"""Smaller models by learning: quantization-aware training, pruning, clustering and distillation."""
