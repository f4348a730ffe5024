"""Stands before the module of this name in a flow run's process; see `registry.libraries`."""

raise ImportError("NexusAI asks for no grammar of IRIs")
