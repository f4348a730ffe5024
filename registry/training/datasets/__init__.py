"""Datasets: their canonical form, the ways in and out, splits, figures and versions."""
