"""Conversion: foreign model files looked at, run and turned into ONNX in children that can reach nothing."""
