"""Images of services as Debian packages them: a build installs the packages, with all their scripts, in containers."""

from __future__ import annotations

import shlex

from tests.support import debian, packages

_SECONDS = 300

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.engines import Engine

# No script of a package starts a service while it is installed, and no cluster of databases is made in an image.
_INSTALL = r"""
FROM localhost/debian
ENV DEBIAN_FRONTEND=noninteractive PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
RUN mkdir /etc/postgresql-common && echo create_main_cluster = false >/etc/postgresql-common/createcluster.conf
COPY *.deb /packages/
RUN apt-get install --yes /packages/*.deb && rm -r /packages
"""
_SERVE = {
    "redis-server": """
USER redis
WORKDIR /var/lib/redis
VOLUME /var/lib/redis
CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--appendonly", "yes", "--appendfsync", "always"]
""",
    "nginx-light": """
RUN ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
""",
    "postgresql-15": """
ENV PGDATA=/var/lib/postgresql/data
USER postgres
RUN mkdir -m 700 $PGDATA
VOLUME $PGDATA
STOPSIGNAL SIGINT
CMD test -e $PGDATA/PG_VERSION || initdb --auth-local=trust --auth-host=scram-sha-256 --pwfile=/run/password && \\
    echo host all all samenet scram-sha-256 >>$PGDATA/pg_hba.conf; \\
    exec postgres -c listen_addresses=*
""",
}
PACKAGES = tuple(_SERVE)


def image(engine: Engine, package: str) -> str:
    """The name of the image of a service, built by *engine* when it is asked for the first time."""
    name = f"localhost/{package}"
    if engine.attempt("image", "inspect", name).status != 0:
        _import_base(engine)
        file = engine.place.write(f"services/{package}", _INSTALL + _SERVE[package])
        archives = str(packages.archives(package))
        engine("build", "--network=none", "--file", file, "--tag", name, archives, timeout=_SECONDS)
    return name


def _import_base(engine: Engine) -> None:
    """Make the image localhost/debian of Debian's tree, without what apt-get update fetched."""
    if engine.attempt("image", "inspect", "localhost/debian").status != 0:
        without = ["--exclude=./var/lib/apt/lists/*", "--exclude=*.deb"]
        tree = shlex.join(["tar", "-C", str(debian.tree()), *without, "-c", "."])
        importing = shlex.join(engine.command(["import", "-", "localhost/debian"]))
        engine.place.run(["sh", "-c", f"{tree} | {importing}"], timeout=_SECONDS).ok()
