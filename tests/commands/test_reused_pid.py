"""The process id of a container that has ended is given to another process: in a pid namespace we can say to which."""

from __future__ import annotations

import subprocess

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bundle import Bundle
    from tests.support.container import Container
    from tests.support.runtime import Runtime

pytestmark = pytest.mark.needs("root")

# sh, as process 1 of the namespace, collects the container's init; what it starts next gets the number it asks for.
_SCRIPT = """
id=$1 bundle=$2 place=$3; shift 3
"$@" run --detach --bundle "$bundle" --pid-file "$place/pid" "$id" > "$place/said" 2>&1
pid=$(cat "$place/pid")
age() { cut -d ' ' -f 22 "/proc/$1/stat"; }
before=$(age "$pid")
kill -KILL "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.01; done
while sleep 0.01 & [ "$(age $!)" -le "$before" ]; do :; done
wait
echo $((pid - 1)) > /proc/sys/kernel/ns_last_pid
sleep 1000 > "$place/said" 2>&1 &
[ $! = "$pid" ]
set +e
for words in "state $id" "kill $id KILL" "exec $id true" "pause $id" "ps --format json $id" "delete $id"; do
    "$@" $words 2>&1
    echo "$?"
    kill -0 "$pid" || echo "the other is gone after $words"
done
kill -KILL "$pid"
"""


@pytest.mark.clause("state.pid", "kill.only-alive")
@pytest.mark.differs("its words are compared")
@pytest.mark.parametrize("private", [True, False], ids=["new pid namespace", "shared pid namespace"])
def test_another_process_is_not_taken_for_the_containers(
    container: Container, bundle: Bundle, runtime: Runtime, place: Path, private: bool
) -> None:
    bundle.args("sleep", "1000")
    if not private:
        bundle.without_namespace("pid")
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", _SCRIPT, "sh"]

    done = subprocess.run(
        [*words, container.id, bundle.write(), place, *runtime.command()], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "the other is gone" not in done.stdout
    state, _, rest = done.stdout.partition("}0\n")
    assert '"status": "stopped"' in state
    assert '"pid": 0' in state
    assert rest.splitlines() == [
        "container not running", "1",
        "exec failed: cannot exec in a stopped container", "255",
        "container not running", "1",
        "[]", "0",
        "0",
    ]  # fmt: skip
