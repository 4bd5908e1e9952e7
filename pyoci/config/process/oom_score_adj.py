"""process.oomScoreAdj: how readily the kernel kills the process when memory runs out (config.md#linux-process)."""

from __future__ import annotations

import os

from pyoci.syscalls import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def set(init: Init) -> None:  # noqa: A001 (oom_score_adj.set)
    """Write the adjustment; children inherit it. Unset, it is not touched.

    It is taken before a user namespace is entered: lowering it needs CAP_SYS_RESOURCE in the first one. A rootless
    runtime never has that, and as with runc its container then keeps what it has.
    """
    adjustment = init.process.oom_score_adj
    if adjustment is None:
        return
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        procfs.write(proc, "self/oom_score_adj", str(adjustment))
    except PermissionError:
        if not init.rootless:
            raise
    finally:
        os.close(proc)
