from __future__ import annotations

import pytest

from pyoci.syscalls import keyring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]


def test_join_makes_a_keyring_of_that_name_when_there_is_none(in_child: InChild) -> None:
    def child() -> tuple[bool, str]:
        first = keyring.join_session_keyring("_ses.pyoci-test-a")
        second = keyring.join_session_keyring("_ses.pyoci-test-b")
        return first != second, keyring.describe(keyring.KEY_SPEC_SESSION_KEYRING)

    differ, description = in_child(child, 0)
    assert differ
    assert description.startswith("keyring;0;")
    assert description.endswith(";_ses.pyoci-test-b")


def test_setperm_adds_a_permission_when_it_was_missing(in_child: InChild) -> None:
    def child() -> tuple[int, int]:
        key = keyring.join_session_keyring("_ses.pyoci-test-c")
        before = keyring.permissions(key) & ~keyring.KEY_USR_SEARCH
        keyring.setperm(key, before | keyring.KEY_USR_SEARCH)
        return before, keyring.permissions(key)

    before, after = in_child(child, 0)
    assert after == before | keyring.KEY_USR_SEARCH


def test_describe_names_the_call_when_there_is_no_such_key() -> None:
    with pytest.raises(OSError, match="key") as caught:
        keyring.describe(2**31 - 1)

    assert caught.value.__notes__ == ["keyctl(2)"]
