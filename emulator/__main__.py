"""`python -m emulator` is the command `durable`."""

from __future__ import annotations

from emulator.cli.main import main

if __name__ == "__main__":
    main()
