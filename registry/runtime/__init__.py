"""Runtime: a vision model in this process, from ONNX bytes and a card to a prediction."""
