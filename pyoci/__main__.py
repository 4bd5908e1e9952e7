"""``python3 -I -m pyoci``: the command line without its installed script."""

from __future__ import annotations

from pyoci.cli import main

if __name__ == "__main__":
    main()
