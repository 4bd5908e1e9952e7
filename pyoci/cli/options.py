"""The options that several commands share, and the global ones."""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.log import FORMATS, LEVELS

HELP = Option("--help", "-h", help="show this help")

GLOBAL = (
    Option("--root", value="DIR", help="where containers are remembered; should be on a tmpfs (default: /run/pyoci)"),
    Option("--log", value="FILE", help="append to this log file, or to the system's: journald:ID or syslog:ID"),
    # Checked when the log is opened, for runc's text.
    Option("--log-format", value="FORMAT", suggested=FORMATS, help="text (default) or json"),
    Option("--log-level", value="LEVEL", choices=LEVELS, help="least important level to log (default: warning)"),
    Option("--trace", value="FILE", help="write what is done, and how long it takes, for chrome://tracing or Perfetto"),
    Option("--debug", help="log everything that is done, and where unexpected errors come from"),
    Option("--systemd-cgroup", help='let systemd make cgroups; cgroupsPath is then "slice:prefix:name"'),
    Option("--cgroup-manager", value="NAME", choices=("cgroupfs", "systemd", "disabled"),
           help="who makes cgroups: cgroupfs (default), systemd or disabled"),
    Option("--rootless", value="BOOL", suggested=("true", "false", "auto"),
           help="ignore missing permission for cgroups: true, false or auto (default)"),
    Option("--criu", value="FILE", help="ignored: callers of runc 1.1 may give it"),
    Option("--version", "-v", help="print the version"),
    HELP,
)

BUNDLE = Option("--bundle", "-b", value="DIR", help="directory of the bundle (default: the current one)")

# What starts a process has these: create, run and exec.
STARTING = (
    Option("--console-socket", value="SOCKET", help="unix socket that receives the master end of the terminal"),
    Option("--pidfd-socket", value="SOCKET", help="unix socket that receives a pidfd of the process"),
    Option("--pid-file", value="FILE", help="write the process id to this file"),
    Option("--preserve-fds", value="N", kind="number",
           help="pass N more file descriptors on, from 3 (in addition to $LISTEN_FDS)"),
)
DETACH = Option("--detach", "-d", help="return once the process runs")
FORMAT = Option("--format", "-f", value="FORMAT", choices=("table", "json"), help="table (default) or json")
REGEX = Option("--regex", "-r", help="ID is a regular expression: every container in whose id it is found")
