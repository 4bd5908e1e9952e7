from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from pyoci.config.process import execute
from pyoci.errors import StepError
from tests.support.fake_init import fake_init

PASSWD = [b"root:x:0:0::/root:/bin/sh", b"", b"# x", b"short:x:7", b"web:x:33:33:Web:/srv/www:/bin/false",
          b"other:x:33:33::/second:", b"none:x:9:9:::/bin/sh"]  # fmt: skip


def an_init(args=("true",), env=(), **attributes):
    process = SimpleNamespace(args=args, env=env, user=SimpleNamespace(uid=0))
    return fake_init(process=process, **attributes)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A working directory with bin/program, bin/text, bin/directory and other/program."""
    for name in ("bin", "other"):
        (tmp_path / name).mkdir()
    for name in ("bin/program", "other/program", "program", "other/text"):
        (tmp_path / name).write_bytes(b"#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "bin/text").write_bytes(b"x")
    (tmp_path / "bin/text").chmod(0o644)
    (tmp_path / "bin/directory").mkdir()
    (tmp_path / "bin/loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        pytest.param("program", "{}/bin:{}/other", "{}/bin/program", id="first in PATH"),
        pytest.param("program", "{}/none:{}/other", "{}/other/program", id="a directory is missing"),
        pytest.param("text", "{}/bin:{}/other", "{}/other/text", id="not executable, go on"),
        pytest.param("program", "", None, id="no PATH"),
        pytest.param("program", ":{}/other", "./program", id="an empty entry is the working directory"),
        pytest.param("program", "other", "other/program", id="a relative entry"),
        pytest.param("{}/bin/program", "", "{}/bin/program", id="absolute"),
        pytest.param("bin/program", "{}/other", "bin/program", id="with a slash, relative to the working directory"),
        pytest.param("./program", "", "./program", id="dot slash"),
    ],
)
@pytest.mark.clause("process.args.path")
def test_locate_finds(tree, name, path, expected):
    name, path = name.format(tree), path.replace("{}", tree)
    if expected is None:
        with pytest.raises(StepError, match="executable file not found"):
            execute.locate(name, path)
    else:
        assert expected.format(tree) == execute.locate(name, path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("foo", 'exec: "foo": executable file not found in $PATH', id="not in PATH"),
        pytest.param("", 'exec: "": executable file not found in $PATH', id="empty"),
        pytest.param("directory", 'exec: "directory": executable file not found in $PATH', id="a directory in PATH"),
        pytest.param('a"b', 'exec: "a\\"b": executable file not found in $PATH', id="quoted as Go does"),
        pytest.param("/x/y", 'exec: "/x/y": stat /x/y: no such file or directory', id="path that is not there"),
        pytest.param("bin/directory", 'exec: "bin/directory": permission denied: it is a directory', id="directory"),
        pytest.param("bin/text", 'exec: "bin/text": permission denied', id="not executable"),
        pytest.param("bin/text/x", 'exec: "bin/text/x": stat bin/text/x: not a directory', id="below a file"),
        pytest.param("bin/loop", 'exec: "bin/loop": stat bin/loop: too many levels of symbolic links', id="loop"),
    ],
)
@pytest.mark.clause("process.args.missing")
def test_locate_words_it_as_go_does_when_it_fails(tree, name, expected):
    with pytest.raises(StepError) as caught:
        execute.locate(name, f"{tree}/bin")
    assert expected == caught.value.message


@pytest.mark.parametrize("name", ["text", "directory"])
def test_locate_hints_at_what_it_passed_over(tree, name):
    with pytest.raises(StepError, match=rf"\({tree}/bin/{name} cannot be executed\)"):
        execute.locate(name, f"{tree}/bin")


def test_prepare_keeps_the_last_value_when_a_name_is_given_twice():
    init = an_init(env=("A=1", "B=", "A=2=3"))
    execute.prepare(init)
    assert init.environment == {"A": "2=3", "B": ""}


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        pytest.param(0, "/root", id="root"),
        pytest.param(33, "/srv/www", id="the first of two"),
        pytest.param(9, "/", id="empty home"),
        pytest.param(7, "/", id="line cut short"),
        pytest.param(1000, "/", id="nobody"),
    ],
)
def test_home_of(uid, expected):
    assert expected == execute.home_of(uid, PASSWD)


@pytest.mark.parametrize(
    ("env", "passwd", "expected"),
    [
        pytest.param((), b"root:x:0:0::/root:", "/root", id="absent"),
        pytest.param(("HOME=",), b"root:x:0:0::/root:", "/root", id="empty"),
        pytest.param(("HOME=/x",), b"root:x:0:0::/root:", "/x", id="given"),
        pytest.param((), None, "/", id="no passwd"),
    ],
)
def test_inspect_adds_home_when_there_is_none(tmp_path, env, passwd, expected):
    if passwd is not None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/passwd").write_bytes(passwd)
    root = os.open(tmp_path, os.O_PATH)
    init = an_init(env=env, root=root)
    execute.prepare(init)
    execute.inspect(init)
    os.close(root)
    assert expected == init.environment["HOME"]


def test_inspect_does_not_wait_when_passwd_is_a_fifo(tmp_path):
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    root = os.open(tmp_path, os.O_PATH)
    assert execute.home(an_init(root=root)) == "/"
    os.close(root)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("bin/text", "its mode is 0644: nobody may execute it", id="no x bit"),
        pytest.param("bin/program", "", id="nothing wrong"),
        pytest.param("bin/none", "", id="not there"),
        pytest.param("/dev/null", "it is not a regular file", id="device"),
    ],
)
def test_inspect_notes_a_hint_and_never_fails(tree, name, expected):
    init = an_init(args=(name,), env=("HOME=/",))
    execute.prepare(init)
    execute.inspect(init)
    assert expected == init.prepared["process.execute"]


def test_find_gives_the_hint_when_it_fails(tree):
    init = an_init(args=("bin/text",), env=("HOME=/",))
    execute.prepare(init)
    execute.inspect(init)
    with pytest.raises(StepError, match=r"permission denied \(its mode is 0644"):
        execute.find(init)
