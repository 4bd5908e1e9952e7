"""Debian's services, installed by a build: they serve, and keep what they were given when their container ends."""

from __future__ import annotations

import pytest

from tests.support import services
from tests.support.belongings import Belongings
from tests.support.engines import HOME
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root", "nat", "packages")

_PATIENCE = 60  # seconds for a service to be there


def _wait_until(made: Belongings, container: str, *words: str) -> None:
    """Wait until *words* succeed in the *container*."""
    wait_for(lambda: made.engine.attempt("exec", container, *words).status == 0, f"{words} to succeed", _PATIENCE)


def test_redis_keeps_what_it_was_given(made: Belongings) -> None:
    image, network, volume = services.image(made.engine, "redis-server"), made.network(), made.volume()
    storage = f"--volume={volume}:/var/lib/redis"
    server = made.container(f"--network={network}", storage, image)
    client = made.container(f"--network={network}", image, "sleep", "infinity")
    answers = ("redis-cli", "ping")

    def ask(*words: str) -> str:
        return made.execute(client, "redis-cli", "-h", made.address(server), *words)

    _wait_until(made, server, *answers)
    assert ask("set", "word", "kept") == "OK"

    made.engine("restart", "--time=30", server)
    _wait_until(made, server, *answers)
    assert ask("get", "word") == "kept"
    assert ask("incr", "count") == "1"
    made.engine("kill", "--signal=KILL", server)
    made.engine("wait", server)
    made.engine("start", server)
    _wait_until(made, server, *answers)
    assert ask("mget", "word", "count") == "kept\n1"


def test_nginx_serves_a_page_and_reads_its_configuration_again(made: Belongings) -> None:
    image, place = services.image(made.engine, "nginx-light"), made.engine.place
    place.write("web/index.html", "a page\n")
    place.write("sites/default", "server { listen 80; root /web; }\n")
    volumes = [f"--volume={HOME}/web:/web:ro", f"--volume={HOME}/sites:/etc/nginx/sites-enabled:ro"]
    hardened = ["--read-only", "--tmpfs=/run", "--tmpfs=/var/lib/nginx", "--cap-drop=ALL"]
    needed = [f"--cap-add={name}" for name in ("CHOWN", "SETUID", "SETGID", "NET_BIND_SERVICE")]
    server = made.container("--publish=127.0.0.1::80", *volumes, *hardened, *needed, image)
    url = made.published(server, 80)

    wait_for(lambda: made.fetch(url) == "a page", "the page", _PATIENCE)
    place.write("sites/default", "server { listen 80; return 200 reloaded; }\n")
    made.engine("kill", "--signal=HUP", server)
    wait_for(lambda: made.fetch(url) == "reloaded", "the new configuration", _PATIENCE)

    assert '"GET / HTTP/1.1" 200' in made.engine("logs", server).output
    made.engine("stop", "--time=30", server)
    assert made.inspect(server, "{{.State.ExitCode}}") == "0"


def test_postgresql_keeps_what_was_committed(made: Belongings) -> None:
    image, network, volume = services.image(made.engine, "postgresql-15"), made.network(), made.volume()
    secret = made.engine.place.write("password", "a secret\n")
    volumes = [f"--volume={volume}:/var/lib/postgresql/data", f"--volume={secret}:/run/password:ro"]
    options = [f"--network={network}", *volumes, "--shm-size=128m"]
    server = made.container(*options, image)
    client = made.container(f"--network={network}", "--env=PGPASSWORD=a secret", image, "sleep", "infinity")
    is_ready = ("pg_isready", "--host=127.0.0.1")

    def ask(server: str, query: str) -> str:
        psql = ("psql", f"--host={made.address(server)}", "--no-align", "--tuples-only", f"--command={query}")
        return made.execute(client, *psql)

    _wait_until(made, server, *is_ready)
    ask(server, "create table kept (word text); insert into kept values ('first')")

    made.engine("restart", "--time=30", server)
    _wait_until(made, server, *is_ready)
    ask(server, "insert into kept values ('second')")
    made.engine("kill", "--signal=KILL", server)
    made.engine("wait", server)
    successor = made.container(*options, image)
    _wait_until(made, successor, *is_ready)
    assert ask(successor, "select word from kept order by word") == "first\nsecond"
    wrong = ["exec", "--env=PGPASSWORD=wrong", client, "psql", f"--host={made.address(successor)}"]
    made.engine.attempt(*wrong).failed("password authentication failed", status=2)
