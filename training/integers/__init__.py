"""Integer networks: their layers, the choice of weights and ranges, and their ONNX file."""
