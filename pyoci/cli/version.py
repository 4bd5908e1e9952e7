"""``--version``: callers look for the first line and for ``commit:`` and ``spec:``."""

from __future__ import annotations

import sys

import pyoci
from pyoci.cli.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments


def run(arguments: Arguments) -> int:
    """Print the version, and what it was built from."""
    from pyoci.runtime.features import OCI_VERSION_MAX, libseccomp_version

    lines = {
        "commit": pyoci.__commit__ or "unknown",
        "spec": OCI_VERSION_MAX,
        "python": ".".join(map(str, sys.version_info[:3])),
        "libseccomp": libseccomp_version(),
    }
    say(f"{arguments.program} version {pyoci.__version__}\n")
    say("".join(f"{name}: {value}\n" for name, value in lines.items() if value))
    return 0
