"""`python -m quorate`: the command line."""

from __future__ import annotations

from quorate.cli.main import main

if __name__ == "__main__":
    main()
