"""domainname: the container's NIS domain (config.md#domainname)."""

from __future__ import annotations

import os

from pyoci.syscalls.call import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def set_name(init: Init) -> None:
    """Set the domain name, in a UTS namespace other than the runtime's only."""
    if init.config.domainname and "uts" in init.private:
        name = os.fsencode(init.config.domainname)
        syscall("setdomainname", name, len(name), path=init.config.domainname)
