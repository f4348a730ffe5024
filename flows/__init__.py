"""What runs in the background: flows, and the stages of dvc.yaml."""
