"""TEXT -> INTENTS: what a transcript asks for, what it must not carry on, and what it must not command."""
