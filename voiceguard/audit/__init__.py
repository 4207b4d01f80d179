"""DECISION -> RECORD: canonical bytes, hash chains, signed checkpoints, receipts."""
