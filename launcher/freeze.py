"""Python modules as C: code objects that lie in the executable as they lie in memory.

An interpreter that imports a module reads a file, decodes it and makes thousands of objects of it. Here they are made
once, when pyoci is built: each constant becomes a C structure with its value in it. Equal constants are shared between
all modules. What cannot be a structure, a frozenset, is made when its module is asked for.

The structures are those of CPython 3.11; the interpreter that runs this has to be that one. ``link.py`` calls
``freeze`` and links the text with pyoci.c.
"""

from __future__ import annotations

import opcode
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = (3, 11)
"""The Python whose structures these are."""

# The reference count is one that no program reaches: nothing may free what was never allocated.
_PROLOGUE = """\
#include "Python.h"
#include "internal/pycore_code.h"
#include "internal/pycore_global_objects.h"
#include "internal/pycore_long.h"
#include "internal/pycore_runtime.h"

extern int _PyStaticCode_InternStrings(PyCodeObject *);
#define HEAD(TYPE) .ob_base = {.ob_refcnt = 999999999, .ob_type = &TYPE}
"""
_SINGLETONS = ((None, "Py_None"), (True, "Py_True"), (False, "Py_False"), (..., "Py_Ellipsis"))
_LOCAL, _CELL, _FREE = 0x20, 0x40, 0x80  # CO_FAST_*
_SMALL_INTS = range(-5, 257)
_DIGIT = 30  # bits of an int's digit
_RESUME = opcode.opmap["RESUME"]


def freeze(sources: Mapping[str, tuple[Path, str]]) -> str:
    """The C text that defines ``frozen_modules``, in the form of PyImport_FrozenModules.

    *sources* tells, for the name of each module, its file and the path that tracebacks show.
    """
    freezer, table = Freezer(), []
    for name, (path, shown) in sources.items():
        code = compile(path.read_bytes(), shown, "exec", dont_inherit=True)
        package = int(path.name == "__init__.py")
        table.append(f'{{ "{name}", NULL, 0, {package}, {freezer.module(name, code)} }},')
    entries = "\n    ".join(table)
    return "\n".join(
        [_PROLOGUE, *freezer.lines, f"const struct _frozen frozen_modules[] = {{\n    {entries}\n    {{ 0 }}\n}};\n"]
    )


class Freezer:
    """Writes constants as C, each once; ``lines`` are the definitions."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._known: dict[object, str] = {}
        self._patches: list[str] = []
        self._modules: list[CodeType] = []  # kept, for _identity knows code by its id

    def module(self, name: str, code: CodeType) -> str:
        """Write *code* and the function that gives it out; the name of that function."""
        self._modules.append(code)
        self._patches = []
        pointer = self.constant(code)
        function = f"get_{name.replace('.', '_')}"
        # The names in it become the ones the interpreter has: its dictionaries compare pointers first.
        steps = [*self._patches, f"if (_PyStaticCode_InternStrings((PyCodeObject *){pointer}) < 0) return NULL;"]
        body = "".join(f"    {step}\n" for step in steps)
        self.lines.append(f"static PyObject *{function}(void)\n{{\n{body}    return Py_NewRef({pointer});\n}}")
        return function

    def constant(self, value: object) -> str:
        """The C expression of a pointer to *value*."""
        for one, expression in _SINGLETONS:
            if value is one:
                return expression
        if isinstance(value, CodeType):
            return self._code(value)
        key = _identity(value)
        if key not in self._known:
            self._known[key] = getattr(self, f"_{type(value).__name__}")(value)
        return self._known[key]

    def _define(self, kind: str, value: str) -> str:
        """Define a variable of the C type *kind*; its name."""
        name = f"c{len(self.lines)}"
        self.lines.append(f"static {kind} {name} = {{ {value} }};")
        return name

    def _object(self, kind: str, value: str) -> str:
        return f"((PyObject *)&{self._define(kind, value)})"

    def _int(self, value: int) -> str:
        if value in _SMALL_INTS:
            return f"((PyObject *)&_Py_SINGLETON(small_ints)[_PY_NSMALLNEGINTS + {value}])"
        digits = [str(abs(value) >> shift & (1 << _DIGIT) - 1) for shift in range(0, abs(value).bit_length(), _DIGIT)]
        return self._object(
            f"struct {{ PyObject_VAR_HEAD digit digits[{len(digits)}]; }}",
            f"{_var_head('PyLong', len(digits) if value > 0 else -len(digits))}, .digits = {{ {', '.join(digits)} }}",
        )

    def _float(self, value: float) -> str:
        return self._object("PyFloatObject", f"HEAD(PyFloat_Type), .ob_fval = {value.hex()}")

    def _bytes(self, value: bytes) -> str:
        return self._object(
            f"struct {{ PyObject_VAR_HEAD Py_hash_t hash; char text[{len(value) + 1}]; }}",
            f"{_var_head('PyBytes', len(value))}, .hash = -1, .text = {_text(value)}",
        )

    def _str(self, value: str) -> str:
        if not value:
            return "(&_Py_STR(empty))"
        if len(value) == 1 and value.isascii():
            return f"((PyObject *)&_Py_SINGLETON(strings).ascii[{ord(value)}])"
        head = (
            f"HEAD(PyUnicode_Type), .length = {len(value)}, .hash = -1, "
            f".state = {{ .kind = {_width(value)}, .compact = 1, .ascii = {int(value.isascii())}, .ready = 1 }}"
        )
        if value.isascii():
            return self._object(
                f"struct {{ PyASCIIObject head; char text[{len(value) + 1}]; }}",
                f".head = {{ {head} }}, .text = {_text(value.encode())}",
            )
        return self._object(
            f"struct {{ PyCompactUnicodeObject head; Py_UCS{_width(value)} text[{len(value) + 1}]; }}",
            f".head = {{ ._base = {{ {head} }} }}, .text = {{ {', '.join(str(ord(one)) for one in value)} }}",
        )

    def _tuple(self, value: tuple[object, ...]) -> str:
        if not value:
            return "((PyObject *)&_Py_SINGLETON(tuple_empty))"
        items = ["NULL" if isinstance(item, frozenset) else self.constant(item) for item in value]
        name = self._define(
            f"struct {{ PyGC_Head gc; struct {{ PyObject_VAR_HEAD PyObject *items[{len(value)}]; }} tuple; }}",
            f".tuple = {{ {_var_head('PyTuple', len(value))}, .items = {{ {', '.join(items)} }} }}",
        )
        for index, item in enumerate(value):
            if isinstance(item, frozenset):
                made = f"PyFrozenSet_New({self.constant(tuple(item))})"
                self._patches.append(f"if (!({name}.tuple.items[{index}] = {made})) return NULL;")
        return f"((PyObject *)&{name}.tuple)"

    def _code(self, code: CodeType) -> str:
        cells = [name for name in code.co_cellvars if name not in code.co_varnames]
        names = (*code.co_varnames, *cells, *code.co_freevars)
        kinds = [_LOCAL | (_CELL if name in code.co_cellvars else 0) for name in code.co_varnames]
        kinds += [_CELL] * len(cells) + [_FREE] * len(code.co_freevars)
        same = ("flags", "argcount", "posonlyargcount", "kwonlyargcount", "stacksize", "firstlineno")
        constants = ("consts", "names", "exceptiontable", "filename", "name", "qualname", "linetable")
        fields = {
            **{f"co_{name}": getattr(code, f"co_{name}") for name in same},
            **{f"co_{name}": self.constant(getattr(code, f"co_{name}")) for name in constants},
            "co_warmup": "QUICKENING_INITIAL_WARMUP_VALUE",
            "co_nlocalsplus": len(names),
            "co_nlocals": len(code.co_varnames),
            "co_nplaincellvars": len(cells),
            "co_ncellvars": len(code.co_cellvars),
            "co_nfreevars": len(code.co_freevars),
            "co_localsplusnames": self.constant(names),
            "co_localspluskinds": self.constant(bytes(kinds)),
            "_co_firsttraceable": code.co_code[::2].index(_RESUME),
            "co_code_adaptive": _text(code.co_code),
        }
        inner = ", ".join(f".{name} = {value}" for name, value in fields.items())
        size = len(code.co_code)
        return self._object(f"struct _PyCode_DEF({size})", f"{_var_head('PyCode', size // 2)}, {inner}")


def _identity(value: object) -> object:
    """A key that constants have in common only if one may stand for the other: not 1 and True, not 0.0 and -0.0.

    Code is its own, and so is a tuple with a set in it, for its module's function completes it.
    """
    if isinstance(value, tuple):
        return tuple(map(_identity, value))
    return type(value), id(value) if isinstance(value, CodeType | frozenset) else repr(value)


def _var_head(kind: str, size: int) -> str:
    return f".ob_base = {{ HEAD({kind}_Type), .ob_size = {size} }}"


def _width(text: str) -> int:
    """How many bytes a character of *text* has in memory."""
    return 1 if max(text) < "\u0100" else 2 if max(text) < "\U00010000" else 4


def _text(data: bytes) -> str:
    """*data* as a C string; octal, for a hexadecimal escape has no end."""
    shown = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in data)
    return f'"{"".join(shown)}"'
