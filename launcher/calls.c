/* The module _pyoci, built into the interpreter: system calls without ctypes, which costs 2 ms to load, and read_json.
 *
 * pyoci/syscalls/ffi.py makes them for every other interpreter, and says what the functions mean.
 */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <unistd.h>

PyObject *read_json(PyObject *module, PyObject *text);

#define MOST 6 /* arguments a system call has */

/* A word of a system call, and the memory it points to, if it does. False with an exception set. */
static int convert(PyObject *argument, long *word, Py_buffer *memory)
{
    memory->obj = NULL;
    if (argument == Py_None) {
        *word = 0;
        return 1;
    }
    if (PyLong_Check(argument)) {
        *word = (long)PyLong_AsUnsignedLongMask(argument);
        return !PyErr_Occurred();
    }
    if (PyObject_GetBuffer(argument, memory, PyBUF_SIMPLE) < 0)
        return 0;
    *word = (long)memory->buf;
    return 1;
}

/* The interpreter's lock is kept: the command has one thread. */
static PyObject *call(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    long words[MOST + 1] = {0}, result = -1;
    Py_buffer memory[MOST + 1];
    Py_ssize_t converted = 0;
    (void)module;
    if (count < 1 || count > MOST + 1)
        return PyErr_Format(PyExc_TypeError, "syscall: a number and up to %d words", MOST);
    while (converted < count && convert(arguments[converted], &words[converted], &memory[converted]))
        converted++;
    if (converted == count) {
        result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
        if (result == -1)
            result = -errno;
    }
    for (Py_ssize_t i = 0; i < converted; i++)
        if (memory[i].obj)
            PyBuffer_Release(&memory[i]);
    return converted == count ? PyLong_FromLong(result) : NULL;
}

static PyObject *address(PyObject *module, PyObject *memory)
{
    (void)module;
    if (!PyByteArray_CheckExact(memory))
        return PyErr_Format(PyExc_TypeError, "address: a bytearray is needed");
    return PyLong_FromVoidPtr(PyByteArray_AS_STRING(memory));
}

static PyObject *forked(PyObject *module, PyObject *arguments)
{
    long number;
    Py_buffer memory;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "ly*:fork", &number, &memory))
        return NULL;
    PyOS_BeforeFork();
    long pid = syscall(number, memory.buf, memory.len);
    int failure = errno;
    if (pid == 0)
        PyOS_AfterFork_Child();
    else
        PyOS_AfterFork_Parent();
    PyBuffer_Release(&memory);
    return PyLong_FromLong(pid == -1 ? -failure : pid);
}

static PyMethodDef functions[] = {
    {"syscall", (PyCFunction)(void (*)(void))call, METH_FASTCALL, NULL},
    {"address", address, METH_O, NULL},
    {"fork", forked, METH_VARARGS, NULL},
    {"read_json", read_json, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_pyoci", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit__pyoci(void)
{
    return PyModuleDef_Init(&definition);
}
