"""What setup.cfg cannot say: the manual and the shells' completions are written when pyoci is built."""

from __future__ import annotations

import os
import sys

from setuptools import setup

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools"))

import man_pages

from pyoci.cli.completion import SCRIPTS

# Where each shell looks, below /usr, /usr/local or a directory of its own.
COMPLETIONS = {
    "bash": "share/bash-completion/completions/pyoci",
    "zsh": "share/zsh/site-functions/_pyoci",
    "fish": "share/fish/vendor_completions.d/pyoci.fish",
}


def write(path: str, text: str) -> str:
    """Write *text* to *path*, which is returned."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


data_files = [("share/man/man8", man_pages.write("build/man"))]
for shell, place in COMPLETIONS.items():
    data_files.append((os.path.dirname(place), [write(f"build/{place}", SCRIPTS[shell])]))
setup(data_files=data_files)
