"""checkpoint: write the state of a container to files, by criu; restore makes a container of them."""

from __future__ import annotations

import os

from pyoci import json_text
from pyoci.config.linux.namespaces import TYPES
from pyoci.container import store
from pyoci.errors import PyociError, WrongStatus
from pyoci.runtime import delete, external_mounts
from pyoci.runtime.criu import Criu
from pyoci.runtime.criu_options import CheckpointOptions
from pyoci.syscalls import files, mountinfo, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.config import Config
    from pyoci.config.linux.namespaces import Namespace
    from pyoci.container.container import Container
    from pyoci.runtime.criu import Value

LOG = "dump.log"
DESCRIPTORS = "descriptors.json"
# The namespaces criu does not save where they were given, and the names by which restore gives it others.
EXTERNAL_NAMESPACES = {"network": "extRootNetNS", "pid": "extRootPidNS"}


def checkpoint(root: str, container_id: str, **given: object) -> None:
    """Write the state of the container to ``image_path``; see CheckpointOptions for the rest.

    Its processes end with that, and it is deleted, unless ``leave_running`` or ``pre_dump`` is given. Raises
    WrongStatus unless it is running or paused, ContainerError with criu's reason, after which it goes on as before.
    """
    options = CheckpointOptions(**given)
    container = store.Store(root).load_locked(container_id)
    try:
        _check_status(container)
        _make_directories(options)
        options.check()
        _dump(container, options)
    except BaseException:
        store.unlock(container)
        raise
    if options.leave_running or options.pre_dump:
        store.unlock(container)
    else:
        delete.destroy(container)


def _check_status(container: Container) -> None:
    status = container.status
    if status not in {"running", "paused"}:
        raise WrongStatus(f"container cannot be checkpointed in {status} state")


def _make_directories(options: CheckpointOptions) -> None:
    for path in filter(None, (options.image_path, options.work_path)):
        try:
            # Searchable: criu looks for images as root of the container's user namespace, too.
            os.makedirs(path, 0o711, exist_ok=True)  # noqa: TID251 (the host's directories)
        except OSError as error:
            reason = str(error.strerror).lower()
            raise PyociError(f"cannot make the directory {path}: {reason}", file=path, errno=error.errno) from error


def _dump(container: Container, options: CheckpointOptions) -> None:
    with Criu.started(options.log_file(LOG)) as criu:
        criu.check_version()
        if options.pre_dump:
            criu.check_feature("mem_track")
        if options.lazy_pages:
            criu.check_feature("lazy_pages")
        if not options.pre_dump:
            _write_descriptors(container, options)
        criu.on_notify = lambda script, _pid, _fds: _meet(script, options)
        criu.perform("PRE_DUMP" if options.pre_dump else "DUMP", _for_criu(criu, container, options))


def _write_descriptors(container: Container, options: CheckpointOptions) -> None:
    """Write down where the standard streams lead: at restore, pipes are those of the caller again."""
    links = container.record.get("descriptors") or [os.readlink(f"/proc/{container.pid}/fd/{fd}") for fd in range(3)]
    files.replace(f"{options.image_path}/{DESCRIPTORS}", json_text.dumps(links).encode(), 0o600)


def _meet(script: str, options: CheckpointOptions) -> None:
    """Tell the caller when lazy pages can be asked for."""
    if script == "status-ready" and options.status_fd >= 0:
        os.write(options.status_fd, b"\0")
        os.close(options.status_fd)


def _for_criu(criu: Criu, container: Container, options: CheckpointOptions) -> dict[str, Value]:
    config = container.config()
    told = options.for_criu(criu, config.annotations)
    told.update(
        pid=container.pid,
        root=str(container.record["rootfs"]),
        log_file=LOG,
        external=external_namespaces(config.linux.namespaces),
    )
    paths = container.cgroup().paths()
    if freezer := paths.get("freezer") or paths.get(""):
        told["freeze_cgroup"] = freezer
    if not options.pre_dump:
        told["ext_mnt"] = [(name, name) for name in _external_mounts(container, config)]
    return told


def external_namespaces(entries: Iterable[Namespace]) -> list[str]:
    """Those that were given and that criu shall not save, as it wants to be told."""
    return [
        f"{TYPES[entry.type]}[{os.stat(entry.path).st_ino}]:{EXTERNAL_NAMESPACES[entry.type]}"
        for entry in entries
        if entry.path and entry.type in EXTERNAL_NAMESPACES
    ]


def _external_mounts(container: Container, config: Config) -> list[str]:
    with open(f"/proc/{container.pid}/mountinfo", "rb", buffering=0) as file:
        text = file.readall().decode(errors="surrogateescape")
    own_cgroups = not namespaces.same("cgroup", container.pid)
    return external_mounts.names(config.mounts, mountinfo.entries(text), own_cgroups=own_cgroups)
