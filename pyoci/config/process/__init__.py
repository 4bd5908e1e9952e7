"""process: the program the container runs, and how (config.md#process)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.process import (
        capabilities,
        exec_cpu_affinity,
        io_priority,
        rlimits,
        scheduler,
        terminal,
        user,
    )


class Process(Record):
    """The process of a container: what config.json names, or what ``exec`` adds."""

    console_size: terminal.ConsoleSize
    terminal: bool = False
    cwd: str
    env: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    user: user.User
    rlimits: tuple[rlimits.Rlimit, ...] = ()
    capabilities: capabilities.Capabilities
    no_new_privileges: bool = False
    apparmor_profile: str = ""
    selinux_label: str = ""
    oom_score_adj: int64 | None = None
    scheduler: scheduler.Scheduler
    io_priority: io_priority.IoPriority
    exec_cpu_affinity: exec_cpu_affinity.ExecCpuAffinity

    def check(self) -> None:
        """A process without ``user`` runs as root; the working directory is absolute, the arguments are not empty."""
        if "user" not in self:
            from pyoci.config.process.user import User

            vars(self)["user"] = User(uid=0, gid=0)
        if not self.cwd.startswith("/"):
            raise ConfigError("Cwd must be an absolute path", "cwd")
        if not self.args:
            raise ConfigError("args must not be empty", "args")
        if self.oom_score_adj is not None and not -1000 <= self.oom_score_adj <= 1000:
            raise ConfigError(f"{self.oom_score_adj} is not between -1000 and 1000", "oomScoreAdj")
        for place, entry in enumerate(self.env):
            if entry.find("=") < 1:
                raise ConfigError(f'"{entry}" is not of the form NAME=VALUE', f"env[{place}]")
