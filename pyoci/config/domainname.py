"""domainname: the container's NIS domain (config.md#domainname)."""

from __future__ import annotations

import os

from pyoci.syscalls import libc
from pyoci.syscalls.ffi import c_char_p, c_ulong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_setdomainname = libc.bind("setdomainname", c_char_p, c_ulong)


def set_name(init: Init) -> None:
    """Set the domain name, in a UTS namespace other than the runtime's only."""
    if init.config.domainname and "uts" in init.private:
        name = os.fsencode(init.config.domainname)
        _setdomainname(name, len(name), path=init.config.domainname)
