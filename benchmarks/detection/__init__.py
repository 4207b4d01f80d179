"""How well the synthetic-voice detector tells voices apart, and what it costs."""
