"""Smaller models whose loss is measured and stated: by quantization after training, and by further training."""
