"""The program for the kernel, the exceptions of v1 and the rules themselves all give the same answers."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyoci.cgroups import device_program
from pyoci.config.linux.resources import devices
from pyoci.errors import ConfigError

NUMBERS = st.sampled_from([-1, 0, 1, 3, 5, 2**32 - 1])
RULES = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from("abc"), NUMBERS, NUMBERS,
        st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm", "mwr", "rr"]),
    ),
    max_size=12,
)
REQUESTS = st.tuples(
    st.sampled_from("bc"), st.sampled_from([0, 1, 3, 5, 7, 2**32 - 1]), st.sampled_from([0, 1, 3, 5, 7, 2**32 - 1]),
    st.sets(st.sampled_from("rwm"), min_size=1),
)


def is_allowed(rules, kind, major, minor, access):
    """The meaning of rules: for each kind of access the last that fits decides."""
    answers = dict.fromkeys(access, False)
    for allow, rule_kind, rule_major, rule_minor, letters in rules:
        if rule_kind in {"a", kind} and rule_major in {-1, major} and rule_minor in {-1, minor}:
            answers.update(dict.fromkeys(access & set(letters), allow))
    return all(answers.values())


def run(program, kind, major, minor, access):
    """Run a program as the kernel would; only what device_program emits is known."""
    wanted = sum(device_program.ACCESS[letter] for letter in access)
    context = struct.pack("=III", device_program.TYPES[kind] | wanted << 16, major, minor)
    code = list(struct.iter_unpack("=BBhi", program))
    registers = [0] * 11
    position = 0
    for _ in range(len(code)):  # no jump goes back
        operation, pair, offset, immediate = code[position]
        target, source = (pair & 15, pair >> 4) if sys.byteorder == "little" else (pair >> 4, pair & 15)
        position += 1
        if operation == 0x61:
            registers[target] = struct.unpack_from("=I", context, offset)[0]
        elif operation == 0xB7:
            registers[target] = immediate
        elif operation == 0xBF:
            registers[target] = registers[source]
        elif operation == 0x57:
            registers[target] &= immediate & (2**64 - 1)
        elif operation == 0x77:
            registers[target] >>= immediate
        elif operation in {0x16, 0x56}:
            equal = registers[target] & 0xFFFFFFFF == immediate & 0xFFFFFFFF
            position += offset if equal == (operation == 0x16) else 0
        elif operation == 0x95:
            return registers[0] != 0
        else:
            pytest.fail(f"unknown operation {operation:#x}")
    return pytest.fail("the program does not end")


@given(RULES, REQUESTS)
def test_program_answers_as_the_rules_do(rules, request):
    assert run(device_program.assemble(rules), *request) == is_allowed(rules, *request)


@given(RULES)
def test_every_instruction_can_be_reached(rules):
    """The verifier refuses a program with dead code."""
    code = list(struct.iter_unpack("=BBhi", device_program.assemble(rules)))
    reached, waiting = set(), [0]
    while waiting:
        position = waiting.pop()
        if position not in reached:
            reached.add(position)
            operation, _, offset, _ = code[position]
            waiting += [] if operation == 0x95 else [position + 1]
            waiting += [position + 1 + offset] if operation in {0x16, 0x56} else []
    assert reached == set(range(len(code)))


@given(RULES, REQUESTS)
def test_exceptions_of_v1_answer_as_the_rules_do(rules, request):
    try:
        default, exceptions = devices.exceptions_from_rules(rules)
    except ConfigError as error:
        assert "cannot punch a hole" in str(error)  # noqa: PT017 (either is right)
        return
    kind, major, minor, access = request
    for letter in access:
        fits = any(
            letter in letters and exception[0] == kind and exception[1] in {-1, major} and exception[2] in {-1, minor}
            for exception, letters in exceptions.items()
        )
        assert (fits != default) == is_allowed(rules, kind, major, minor, {letter})


@given(RULES, REQUESTS)
def test_later_rules_win_when_both_fit(rules, request):
    kind, major, minor, access = request
    last = (True, kind, major, minor, "".join(access))
    assert run(device_program.assemble([*rules, last]), *request)
    assert not run(device_program.assemble([*rules, (False, *last[1:])]), *request)
