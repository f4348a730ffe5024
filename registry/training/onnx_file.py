"""An exported ONNX graph made fit to publish."""

import onnx


def finish(model_bytes: bytes) -> bytes:
    """Slim the graph and drop the exporter's metadata (dates, paths, arguments); the weights stay as they are."""
    import onnxslim

    model = onnxslim.slim(onnx.load_model_from_string(model_bytes))
    del model.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
