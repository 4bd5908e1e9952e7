"""Debian's services, installed by a build: they serve, and keep what they were given when their container ends."""

from __future__ import annotations

import pytest

from tests.support import services
from tests.support.belongings import Belongings
from tests.support.engines import HOME
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root", "nat", "packages")

_PATIENCE = 60  # seconds for a service to be there


def _answers(made: Belongings, container: str, *words: str, answer: str = "") -> None:
    """Wait until *words* in the *container* succeed, and answer so."""

    def is_so() -> bool:
        said = made.engine.attempt("exec", container, *words)
        return said.status == 0 and answer in said.output

    wait_for(is_so, f"{words} in {container}", _PATIENCE)


def test_redis_keeps_what_it_was_given(made: Belongings) -> None:
    image, network, volume = services.image(made.engine, "redis-server"), made.network(), made.volume()
    options = [f"--network={network}", f"--volume={volume}:/var/lib/redis"]
    server = made.container(*options, "--name=redis", image)
    client = made.container(f"--network={network}", image, "sleep", "infinity")
    cli = ("redis-cli", "-h", "redis")
    _answers(made, client, *cli, "ping", answer="PONG")

    assert made.execute(client, *cli, "set", "word", "kept") == "OK"

    made.engine("restart", "--time=30", server)
    _answers(made, client, *cli, "get", "word", answer="kept")
    assert made.execute(client, *cli, "incr", "count") == "1"
    made.engine("kill", "--signal=KILL", server)
    made.engine("wait", server)
    made.engine("start", server)
    _answers(made, client, *cli, "ping", answer="PONG")
    assert made.execute(client, *cli, "mget", "word", "count") == "kept\n1"


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
    options = [f"--network={network}", f"--volume={volume}:/var/lib/postgresql/data", "--shm-size=128m",
               f"--volume={secret}:/run/password:ro"]  # fmt: skip
    server = made.container(*options, "--name=database", image)
    client = made.container(f"--network={network}", "--env=PGPASSWORD=a secret", image, "sleep", "infinity")
    sql = ("psql", "--host=database", "--no-align", "--tuples-only", "--command")
    _answers(made, client, *sql, "select 1", answer="1")

    made.execute(client, *sql, "create table kept (word text); insert into kept values ('first')")

    made.engine("restart", "--time=30", server)
    _answers(made, client, *sql, "select word from kept", answer="first")
    made.execute(client, *sql, "insert into kept values ('second')")
    made.engine("kill", "--signal=KILL", server)
    made.engine("wait", server)
    made.engine("rm", server)
    made.container(*options, "--name=database", image)
    _answers(made, client, *sql, "select count(*) from kept", answer="2")
    assert made.execute(client, *sql, "select word from kept order by word") == "first\nsecond"
    made.engine.attempt("exec", "--env=PGPASSWORD=wrong", client, *sql, "select 1").failed("password", status=2)
