"""LFCC-LCNN, the baseline of the ASVspoof challenges: train, export."""
