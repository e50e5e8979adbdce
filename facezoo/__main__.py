"""``python -m facezoo``: the same as the command ``facezoo``."""

from __future__ import annotations

from facezoo.cli import main

if __name__ == "__main__":
    main()
