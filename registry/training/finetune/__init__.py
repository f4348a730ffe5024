"""Fine-tuning a registered model on a version of a dataset, as a job."""
