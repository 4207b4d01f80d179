"""`python -m voiceguard`."""

from voiceguard.cli import main

main()
