"""Models: vision models and their versions, kept in MLflow's registry."""
