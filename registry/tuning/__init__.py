"""Tuning: which way to run a model is the fastest on this machine, and how much accuracy it costs."""
