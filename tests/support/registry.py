"""A registry of images on loopback, where the engines of a place push to and pull from: Debian's docker-registry."""

from __future__ import annotations

import contextlib

from tests.support.engines import HOME, Place
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "127.0.0.1:5000"
_CONFIGURATION = f"""\
version: 0.1
storage:
  filesystem:
    rootdirectory: {HOME}/registry
http:
  addr: {ADDRESS}
"""
_WITHOUT_TLS = f"""\
[[registry]]
location = "{ADDRESS}"
insecure = true
"""


@contextlib.contextmanager
def running(place: Place) -> Iterator[str]:
    """Let it run meanwhile; what the names of its images begin with."""
    place.inside("/etc/containers/registries.conf.d").mkdir(parents=True, exist_ok=True)
    place.inside("/etc/containers/registries.conf.d/loopback.conf").write_text(_WITHOUT_TLS)
    configuration = place.write("registry.yml", _CONFIGURATION)
    with place.watching(["docker-registry", "serve", configuration]):
        wait_for(lambda: place.run(["curl", "--silent", f"http://{ADDRESS}/v2/"]).output == "{}", "the registry", 30)
        yield ADDRESS
