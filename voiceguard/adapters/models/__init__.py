"""ONNX models: files and cards, what each takes and gives, and the scheduler that batches windows of all calls."""
