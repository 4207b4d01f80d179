"""festival with voices of Debian's packages. Requests on standard input, wav files to the folder given."""

import json
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Speak every request; the speed by the stretch of all durations."""
    for line in sys.stdin:
        ask = json.loads(line)
        scheme = f"(begin (voice_{ask['voice']}) (Parameter.set 'Duration_Stretch {1 / ask['speed']:.3f}))"
        path = Path(sys.argv[1]) / f"{ask['name']}.wav"
        subprocess.run(["text2wave", "-eval", scheme, "-o", path], check=True, input=ask["text"].encode())


if __name__ == "__main__":
    main()
