"""Pure measures over scores, windows and decisions, used by the live service, by analysis and by benchmarks."""
