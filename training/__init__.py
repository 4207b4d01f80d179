"""How the shipped models were made; the package voiceguard never imports from here."""
