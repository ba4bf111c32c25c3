"""`python -m benchmarks.load MODE PORT PATH SECONDS OPTIONS`: one load, one line of JSON.

OPTIONS is a JSON object of the mode's keyword arguments. On stdout the figures, or on stderr one
sentence and exit status 1.
"""

from __future__ import annotations

import gc
import json
import sys

from benchmarks.load.connection import Target
from benchmarks.load.modes import MODES
from benchmarks.load.wire import LoadError


def main() -> int:
    """Run the load the arguments describe; the exit status."""
    mode, port, path, seconds, options = sys.argv[1:]
    # Nothing here makes cycles, and a collection would be counted as the server's time.
    gc.disable()
    try:
        figures = MODES[mode](Target(int(port), path), float(seconds), **json.loads(options))
    except (LoadError, OSError) as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
