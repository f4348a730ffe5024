"""User interface: the components that pages are drawn with."""
