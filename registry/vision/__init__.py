"""Vision: encoded bytes to pixels to network input, and boxes back to source pixels."""
