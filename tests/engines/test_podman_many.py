"""Many containers of podman at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.engines import IMAGE, Podman


@pytest.mark.timeout(300)
def test_a_hundred_containers_ten_at_a_time(podman: Podman) -> None:
    def live(number: int) -> str:
        name = f"many{number}"
        podman("run", "-d", "--name", name, "--network=none", "--memory=64m", IMAGE)
        said = podman("exec", name, "sh", "-c", f"echo {number} > /tmp/number; cat /tmp/number").output
        podman("rm", "--force", "--time=0", name)
        return said

    with podman.leaving_nothing(), ThreadPoolExecutor(10) as workers:
        said = list(workers.map(live, range(100)))

    assert said == [str(number) for number in range(100)]
    assert podman("ps", "--all", "--quiet").output == ""
