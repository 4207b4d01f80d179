"""The speaker encoder: published weights to a small ONNX file, cosines to evidence."""
