"""Preprocessing contracts: each file of this folder says how one kind of source becomes a model's input."""
