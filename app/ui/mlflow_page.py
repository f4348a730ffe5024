"""Addresses of pages of MLflow."""


def mlflow_page(page: str) -> str:
    """One below `/mlflow/`, with the menu for models: by itself MLflow begins with the one for language models."""
    return f"/mlflow/#/{page}?workflowType=machine_learning"
