"""Compress: smaller models whose loss is measured and stated."""
