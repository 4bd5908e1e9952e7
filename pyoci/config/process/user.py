"""process.user: who the process is inside the container (config.md#posix-platform-user)."""

from __future__ import annotations

import errno
import os

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record, uint32
from pyoci.syscalls import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyoci.container.init import Init

_NO_ID = 2**32 - 1  # (uid_t)-1 tells setresuid(2) to change nothing
_DEFAULT_UMASK = 0o022  # as runc and crun have it; the specification is silent


class User(Record):
    """Ids as the container's user namespace sees them."""

    uid: uint32
    gid: uint32
    umask: uint32 | None = None
    additional_gids: tuple[uint32, ...] = ()

    def check(self) -> None:
        """Refuse the number that is no id, and a umask of more than nine bits."""
        ids = (("uid", self.uid), ("gid", self.gid),
               *((f"additionalGids[{place}]", gid) for place, gid in enumerate(self.additional_gids)))
        for field, number in ids:
            if number == _NO_ID:
                raise ConfigError(f"{number} is no id: to the kernel it means no change", field)
        if self.umask is not None and self.umask > 0o777:
            raise ConfigError(f"{self.umask:#o} is above 0777", "umask")


def umask(init: Init) -> None:
    """Set the file mode creation mask, 0022 unless another is given."""
    wanted = init.process.user.umask
    os.umask(_DEFAULT_UMASK if wanted is None else wanted)


def become(init: Init) -> None:
    """Become the user: the groups first, for without uid 0 they can no longer be changed."""
    user = init.process.user
    _set_groups(init, user.additional_gids)
    _change("gid", os.setresgid, user.gid)
    _change("uid", os.setresuid, user.uid)


def _set_groups(init: Init, gids: Sequence[int]) -> None:
    """Set exactly the supplementary groups *gids*, if none then none; docker names some twice.

    A user namespace made without privileges has setgroups(2) denied (user_namespaces(7)): only there may an empty
    list be left to what the caller had.
    """
    try:
        os.setgroups(list(dict.fromkeys(gids)))
    except PermissionError as error:
        denied = procfs.read(init.proc, "self/setgroups").strip() == "deny"
        if denied and not gids:
            return
        text = "cannot set any additional groups in a rootless container" if denied else "cannot set additional groups"
        raise StepError(f"{text}: {str(error.strerror).lower()}", field="process.user.additionalGids",
                        call="setgroups(2)", errno=error.errno,
                        hint="/proc/self/setgroups says deny" if denied else None) from error
    except ValueError:  # before the kernel is asked
        raise StepError(f"cannot set {len(gids)} additional groups: 65536 are the most",
                        field="process.user.additionalGids") from None
    except OSError as error:
        raise _explained("additionalGids", f"groups {', '.join(map(str, gids))}", "setgroups(2)", error) from error


def _change(kind: str, call: Callable[[int, int, int], None], number: int) -> None:
    """Set the real, effective and saved id at once."""
    try:
        call(number, number, number)
    except OSError as error:
        raise _explained(kind, f"{kind} {number}", f"setres{kind}(2)", error) from error


def _explained(field: str, what: str, call: str, error: OSError) -> StepError:
    """EINVAL means that an id is not mapped in the user namespace."""
    kind = "uid" if field == "uid" else "gid"
    unmapped = error.errno == errno.EINVAL
    text = (f"cannot set {kind} to unmapped user in user namespace: {what}" if unmapped
            else f"cannot set {what}: {str(error.strerror).lower()}")
    hint = f"linux.{kind}Mappings does not map it" if unmapped else None
    return StepError(text, field=f"process.user.{field}", call=call, errno=error.errno, hint=hint)
