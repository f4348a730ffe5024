"""Pages: one module each, which reads state, calls the registry, draws."""
