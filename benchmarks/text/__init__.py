"""What is heard, masked and flagged in sentences of real people: `python -m benchmarks.text DATA`."""
