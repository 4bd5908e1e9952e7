from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from pyoci.container import store
from pyoci.container.container import Container
from pyoci.errors import ContainerError, ContainerExists, ContainerNotFound, InvalidId


@pytest.mark.parametrize(
    "container_id",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="the directory itself"),
        pytest.param("..", id="the one above"),
        pytest.param("a/b", id="slash"),
        pytest.param("../a", id="out of the root"),
        pytest.param("a b", id="space"),
        pytest.param("a\n", id="newline at the end"),
        pytest.param("a\0", id="NUL"),
        pytest.param("é", id="letter outside ASCII"),
        pytest.param("٣", id="digit outside ASCII"),
        pytest.param("a:b", id="colon"),
        pytest.param("~", id="tilde"),
        pytest.param("a" * 256, id="256 letters"),
        pytest.param("\udcff", id="no UTF-8"),
    ],
)
@pytest.mark.clause("create.id-taken")
def test_id_is_refused_when_no_directory_may_have_such_a_name(home: store.Store, container_id: str) -> None:
    with pytest.raises(InvalidId, match="invalid container ID format"):
        home.claim(container_id)
    with pytest.raises(InvalidId):
        home.load(container_id)
    assert not Path(home.root).exists()


@pytest.mark.parametrize("container_id", ["0", "-", "...", "_+-.", "a" * 255, "Web-1.example_com+x"])
def test_id_is_taken_when_it_has_letters_digits_and_a_few_signs(home: store.Store, container_id: str) -> None:
    claimed = home.claim(container_id)
    assert Path(claimed.path) == Path(home.root, container_id)
    assert home.ids() == [container_id]
    store.unlock(claimed)


@pytest.mark.parametrize("mask", [0o077, 0o777, 0])
def test_claim_makes_a_directory_one_can_pass_when_the_umask_is_odd(home: store.Store, mask: int) -> None:
    """A container's root, somebody else on the host, passes through it to its fifo; nobody lists it."""
    Path(home.root).mkdir(parents=True)
    before = os.umask(mask)
    try:
        claimed = home.claim("box")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(claimed.path).st_mode) == 0o711
    store.unlock(claimed)


@pytest.mark.clause("state.unique-id", "create.id-taken")
def test_claim_refuses_when_the_id_is_taken_even_by_nothing_complete(home: store.Store, container: Container) -> None:
    with pytest.raises(ContainerExists, match='container with given ID already exists: "box"'):
        home.claim("box")
    assert store.is_locked(container)


def test_claim_says_where_when_the_root_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ContainerError, match=r"cannot make the state directory .*/x/box: Not a directory") as caught:
        store.Store(str(tmp_path / "file" / "x")).claim("box")
    assert caught.value.details["file"] == str(tmp_path / "file" / "x" / "box")


@pytest.mark.clause("state.missing")
def test_load_says_where_it_looked_when_there_is_no_such_container(home: store.Store) -> None:
    with pytest.raises(ContainerNotFound, match=f'container does not exist: "box" below {home.root}'):
        home.load("box")


def test_load_gives_what_was_saved_when_read_again(home: store.Store, container: Container) -> None:
    container.record.update(bundle="/b", annotations={"a": "ü"}, pid=7, complete=True)
    container.save()
    loaded = home.load("box")
    assert loaded.record == container.record
    assert (loaded.id, loaded.path, loaded.pid, loaded.bundle) == ("box", container.path, 7, "/b")


def test_load_gives_an_incomplete_container_when_nothing_is_written_yet(
    home: store.Store, container: Container
) -> None:
    assert home.load("box").record["complete"] is False


def damaged_directory(**wrong: object) -> bytes:
    """A state.json with one directory, in which something is *wrong*."""
    directory = {"version": 1, "names": ["cpu"], "mount": "/m", "path": "/m/a", "created": [], **wrong}
    return json.dumps({"cgroup": {"rootless": False, "directories": [directory]}}).encode()


def test_load_keeps_what_a_newer_version_wrote_and_fills_what_an_older_did_not(
    home: store.Store, container: Container
) -> None:
    Path(container.path, "state.json").write_text('{"pid": 3, "future": [1]}')
    loaded = home.load("box")
    assert (loaded.pid, loaded.record["future"], loaded.record["startTime"]) == (3, [1], 0)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"id": "box", "pid": 4', id="cut off"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"\0" * 4096, id="zeros, as after a crash"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'{"cgroup": {"a": 1}}', id="no cgroup"),
        pytest.param(b'{"cgroup": {"rootless": false, "directories": [7]}}', id="no directory"),
        pytest.param(damaged_directory(version=3), id="no such version"),
        pytest.param(damaged_directory(names=[{}]), id="no controller"),
        pytest.param(damaged_directory(path=None), id="no path"),
        pytest.param(damaged_directory(alone=True), id="too much"),
        pytest.param(b'{"cgroup": {"rootless": false, "directories": [], "unit": {"name": "a"}}}', id="half a unit"),
        pytest.param(b'{"intelRdt": {"path": "/a"}}', id="half a CLOS"),
        pytest.param(b'{"privatePids": 0}', id="no boolean"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"{} {}", id="two objects"),
    ],
)
def test_load_says_which_file_when_the_state_is_damaged(
    home: store.Store, container: Container, content: bytes
) -> None:
    file = Path(container.path, "state.json")
    file.write_bytes(content)
    with pytest.raises(ContainerError, match="the state of box is damaged: ") as caught:
        home.load("box")
    assert caught.value.details["file"] == str(file)


def test_ids_are_sorted_and_only_of_directories_when_others_left_things_there(home: store.Store) -> None:
    assert home.ids() == []
    for name in ("b", "a", "10", "9"):
        store.unlock(home.claim(name))
    Path(home.root, "file").touch()
    Path(home.root, "with space").mkdir()
    Path(home.root, "dangling").symlink_to("nowhere")
    assert home.ids() == ["10", "9", "a", "b"]


def test_lock_is_refused_after_a_while_when_another_holds_it(
    home: store.Store, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LOCK_SECONDS", 0.0)
    other = home.load("box")
    with pytest.raises(ContainerError, match="another operation on box has not ended within 0 s"):
        store.lock(other)
    store.unlock(other)
    assert store.is_locked(other)


def test_lock_is_had_when_the_holder_lets_go(home: store.Store, container: Container) -> None:
    other = home.load("box")
    waiting = threading.Thread(target=store.lock, args=(other,))
    waiting.start()
    store.unlock(container)
    waiting.join()
    assert other.lock_fd >= 0
    assert store.is_locked(container)
    store.unlock(other)
    assert not store.is_locked(container)


def claim_and_die(home: store.Store, *, having_saved: bool) -> None:
    """Be a create that is killed."""
    if (pid := os.fork()) == 0:
        container = home.claim("box")
        if having_saved:
            container.save()
        os._exit(0)
    os.waitpid(pid, 0)


def test_lock_is_free_when_its_holder_has_died(home: store.Store) -> None:
    claim_and_die(home, having_saved=True)

    assert not store.is_locked(home.load("box"))
    assert home.load("box").status == "stopped"


def test_what_was_claimed_and_never_written_is_no_container(home: store.Store) -> None:
    claim_and_die(home, having_saved=False)

    with pytest.raises(ContainerNotFound):
        home.load("box")
    with pytest.raises(ContainerNotFound):
        home.load_locked("box")
    assert home.ids() == []


def test_claim_takes_an_id_that_a_dead_one_has_only_claimed(home: store.Store) -> None:
    claim_and_die(home, having_saved=False)

    assert home.claim("box").lock_fd >= 0


def test_claim_begins_anew_when_its_directory_is_taken_for_one_left_behind(
    home: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, rivals = store.lock, ["one"]

    def lock_behind_a_rival(container: Container) -> None:
        if rivals:
            rivals.pop()
            with pytest.raises(ContainerNotFound):
                home.load_locked("box")
        lock(container)

    monkeypatch.setattr(store, "lock", lock_behind_a_rival)

    container = home.claim("box")

    assert os.path.samestat(os.fstat(container.lock_fd), os.stat(container.path))


def test_claim_leaves_to_another_what_that_one_made_in_its_place(
    home: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, rivals = store.lock, ["one"]

    def lock_behind_a_rival(container: Container) -> None:
        if rivals:
            rivals.pop()
            os.rmdir(container.path)
            claim_and_die(home, having_saved=True)
        lock(container)

    monkeypatch.setattr(store, "lock", lock_behind_a_rival)

    with pytest.raises(ContainerExists):
        home.claim("box")


def test_claim_refuses_a_file_in_the_place_of_a_container(home: store.Store) -> None:
    os.makedirs(home.root)
    Path(home.root, "box").touch()

    with pytest.raises(ContainerExists):
        home.claim("box")


def test_unlock_does_not_fail_when_close_does(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    def close(fd: int) -> None:
        real_close(fd)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real_close = os.close
    monkeypatch.setattr(os, "close", close)
    store.unlock(container)
    assert container.lock_fd == -1


def test_unlock_does_nothing_when_done_twice(container: Container) -> None:
    store.unlock(container)
    store.unlock(container)
    assert container.lock_fd == -1


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made anew"])
def test_lock_is_refused_when_the_container_was_deleted_meanwhile(
    home: store.Store, container: Container, again: bool
) -> None:
    other = home.load("box")
    waiting: list[Exception] = []

    def wait() -> None:
        try:
            store.lock(other)
        except ContainerNotFound as error:
            waiting.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while other.lock_fd < 0:  # until it has opened the directory that is about to go
        pass
    store.remove(container)
    if again:
        store.unlock(home.claim("box"))
    store.unlock(container)
    thread.join()
    assert [str(error) for error in waiting] == [f'container does not exist: "box" below {home.root}']
    assert other.lock_fd == -1


def test_lock_is_refused_when_the_container_is_gone(home: store.Store, container: Container) -> None:
    other = home.load("box")
    store.remove(container)
    with pytest.raises(ContainerNotFound):
        store.lock(other)
    assert not store.is_locked(other)


@pytest.mark.clause("delete.id-again", "delete.removes-all")
def test_remove_forgets_everything_below_and_nothing_else(
    home: store.Store, container: Container, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    Path(container.path, "notify", "deep").mkdir(parents=True)
    Path(container.path, "notify", "deep", "file").touch()
    Path(container.path, "link").symlink_to(outside / "kept")
    os.mkfifo(f"{container.path}/exec.fifo")
    store.remove(container)
    store.remove(container)
    assert home.ids() == []
    assert (outside / "kept").exists()
    store.unlock(home.claim("box"))


@pytest.mark.parametrize("name", sorted(Container("box", "/").record))
@pytest.mark.parametrize("value", [[], "x", 0.5])
def test_load_names_a_value_of_the_wrong_type(
    home: store.Store, container: Container, name: str, value: object
) -> None:
    container.save()
    text = json.loads(Path(container.path, "creating.json").read_text())
    if isinstance(value, type(text[name])):
        return
    Path(container.path, "creating.json").write_text(json.dumps({**text, name: value}))

    with pytest.raises(ContainerError, match=f"is damaged: {name} is"):
        home.load("box")


def test_claim_leaves_nothing_when_it_fails_halfway(home: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(os, "fchmod", refuse)

    with pytest.raises(OSError, match="no memory"):
        home.claim("box")

    assert os.listdir(home.root) == []
