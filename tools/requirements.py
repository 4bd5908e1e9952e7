"""Print the requirements that setup.cfg names under the given keys: install_requires, or an extra."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path


def main(keys: list[str]) -> None:
    """Print the requirements of *keys*, one in a line. Raises KeyError for a key that is not there."""
    config = configparser.ConfigParser()
    config.read(Path(__file__).resolve().parent.parent / "setup.cfg")
    for key in keys:
        section = "options" if key == "install_requires" else "options.extras_require"
        print(config[section][key].strip())


if __name__ == "__main__":
    main(sys.argv[1:])
