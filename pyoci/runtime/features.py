"""The features document: what this build recognises (features.md, features-linux.md).

Every name comes from the table by which a section recognises it, so that nothing is listed that is not.
"""

from __future__ import annotations

from pyoci.container.container import SPEC_VERSION
from pyoci.syscalls.call import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

OCI_VERSION_MIN = "1.0.0"
OCI_VERSION_MAX = SPEC_VERSION


def features() -> Json:
    """The features document, as a JSON object."""
    from pyoci.config import hooks, mount_options

    libseccomp = libseccomp_version()
    return {
        "ociVersionMin": OCI_VERSION_MIN,
        "ociVersionMax": OCI_VERSION_MAX,
        "hooks": list(hooks.KINDS),
        "mountOptions": list(mount_options.NAMES),
        "linux": _linux(),
        "annotations": {
            "org.opencontainers.runc.checkpoint.enabled": "true",
            **({"io.github.seccomp.libseccomp.version": libseccomp} if libseccomp else {}),
        },
        "potentiallyUnsafeConfigAnnotations": ["org.criu.config", "org.systemd.property."],
    }


def _linux() -> Json:
    from pyoci.config.linux import memory_policy, namespaces
    from pyoci.syscalls import capabilities

    return {
        "namespaces": sorted(namespaces.TYPES),
        "capabilities": list(capabilities.NAMES),
        "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": True, "rdma": True},
        "seccomp": _seccomp(),
        "apparmor": {"enabled": True},
        "selinux": {"enabled": True},
        "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
        "memoryPolicy": {"modes": sorted(memory_policy.MODES), "flags": sorted(memory_policy.FLAGS)},
        "mountExtensions": {"idmap": {"enabled": True}},
        "netDevices": {"enabled": True},
    }


def _seccomp() -> Json:
    if not libseccomp_version():
        return {"enabled": False}
    from pyoci.config.linux.seccomp import ACTIONS, ARCHITECTURES, FLAGS, OPERATORS
    from pyoci.syscalls.seccomp import flag_available

    return {
        "enabled": True,
        "actions": sorted(ACTIONS),
        "operators": sorted(OPERATORS),
        "archs": sorted(ARCHITECTURES),
        "knownFlags": sorted(FLAGS),
        # The one part that depends on the kernel, as features-linux.md has it.
        "supportedFlags": sorted(name for name, flag in FLAGS.items() if flag_available(flag)),
    }


def libseccomp_version() -> str:
    """The version of the libseccomp that compiles filters, such as ``2.5.4``; empty when there is none."""
    if BUILT_IN:
        import _seccomp

        return _seccomp.version()
    import ctypes

    class Version(ctypes.Structure):
        """struct scmp_version of seccomp.h."""

        _fields_ = [(part, ctypes.c_uint) for part in ("major", "minor", "micro")]

    try:
        ask = ctypes.CDLL("libseccomp.so.2").seccomp_version
    except (OSError, AttributeError):
        return ""
    ask.restype = ctypes.POINTER(Version)
    version = ask().contents
    return f"{version.major}.{version.minor}.{version.micro}"
