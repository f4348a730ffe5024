"""Datasets, training, evaluation and export of the starter models."""
