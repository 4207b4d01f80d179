"""Networks that reckon in integers: their layers, how weights and ranges are found, and the ONNX file."""
