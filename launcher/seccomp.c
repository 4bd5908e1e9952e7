/* The module _seccomp, built into the interpreter: what pyoci needs of pyseccomp, which needs ctypes and a shared library.
 *
 * Names and meanings are pyseccomp's; what libseccomp refuses is OSError. pyoci/config/linux/seccomp_program.py uses both.
 */

#define _GNU_SOURCE
#include <Python.h>

#include <errno.h>
#include <seccomp.h>
#include <string.h>

#define MOST 6 /* arguments a system call has */

struct filter {
    PyObject_HEAD
    scmp_filter_ctx context;
};

/* None, or NULL with an OSError for minus an errno. */
static PyObject *checked(int result)
{
    if (result >= 0)
        Py_RETURN_NONE;
    errno = -result;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *filter_new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    unsigned int action;
    (void)named;
    if (!PyArg_ParseTuple(arguments, "I:SyscallFilter", &action))
        return NULL;
    scmp_filter_ctx context = seccomp_init(action);
    if (!context)
        return checked(-EINVAL);
    struct filter *self = (struct filter *)type->tp_alloc(type, 0);
    if (!self) {
        seccomp_release(context);
        return NULL;
    }
    self->context = context;
    return (PyObject *)self;
}

static void filter_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    seccomp_release(((struct filter *)self)->context);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *add_arch(PyObject *self, PyObject *number)
{
    unsigned long arch = PyLong_AsUnsignedLong(number);
    if (PyErr_Occurred())
        return NULL;
    return checked(seccomp_arch_add(((struct filter *)self)->context, (uint32_t)arch));
}

/* add_rule(action, number, *arguments): what Arg() made. */
static PyObject *add_rule(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    struct scmp_arg_cmp compared[MOST];
    if (count < 2 || count > MOST + 2)
        return PyErr_Format(PyExc_TypeError, "add_rule: an action, a number and up to %d arguments", MOST);
    unsigned long action = PyLong_AsUnsignedLong(arguments[0]);
    long number = PyLong_AsLong(arguments[1]);
    if (PyErr_Occurred())
        return NULL;
    for (Py_ssize_t i = 2; i < count; i++) {
        if (!PyBytes_Check(arguments[i]) || PyBytes_GET_SIZE(arguments[i]) != sizeof *compared)
            return PyErr_Format(PyExc_TypeError, "add_rule: an Arg is needed");
        memcpy(&compared[i - 2], PyBytes_AS_STRING(arguments[i]), sizeof *compared);
    }
    return checked(seccomp_rule_add_array(((struct filter *)self)->context, (uint32_t)action, (int)number,
                                          (unsigned int)(count - 2), compared));
}

static PyObject *export_bpf(PyObject *self, PyObject *file)
{
    int fd = PyObject_AsFileDescriptor(file);
    return fd < 0 ? NULL : checked(seccomp_export_bpf(((struct filter *)self)->context, fd));
}

static PyMethodDef methods[] = {
    {"add_arch", add_arch, METH_O, NULL},
    {"add_rule", (PyCFunction)(void (*)(void))add_rule, METH_FASTCALL, NULL},
    {"export_bpf", export_bpf, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, filter_new}, {Py_tp_dealloc, filter_free}, {Py_tp_methods, methods}, {0, NULL}};

static PyType_Spec filter = {"_seccomp.SyscallFilter", sizeof(struct filter), 0, Py_TPFLAGS_DEFAULT, slots};

/* Arg(argument, operator, value, second=0) */
static PyObject *arg(PyObject *module, PyObject *arguments)
{
    struct scmp_arg_cmp compared;
    unsigned long long value, second = 0;
    int operator;
    memset(&compared, 0, sizeof compared);
    (void)module;
    if (!PyArg_ParseTuple(arguments, "IiK|K:Arg", &compared.arg, &operator, &value, &second))
        return NULL;
    compared.op = (enum scmp_compare)operator;
    compared.datum_a = value;
    compared.datum_b = second;
    return PyBytes_FromStringAndSize((const char *)&compared, sizeof compared);
}

static PyObject *system_arch(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyLong_FromUnsignedLong(seccomp_arch_native());
}

static PyObject *resolve_syscall(PyObject *module, PyObject *arguments)
{
    unsigned int arch;
    const char *name;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "Is:resolve_syscall", &arch, &name))
        return NULL;
    return PyLong_FromLong(seccomp_syscall_resolve_name_arch(arch, name));
}

static PyObject *version(PyObject *module, PyObject *nothing)
{
    const struct scmp_version *found = seccomp_version();
    (void)module, (void)nothing;
    return PyUnicode_FromFormat("%u.%u.%u", found->major, found->minor, found->micro);
}

static PyMethodDef functions[] = {
    {"Arg", arg, METH_VARARGS, NULL},
    {"system_arch", system_arch, METH_NOARGS, NULL},
    {"resolve_syscall", resolve_syscall, METH_VARARGS, NULL},
    {"version", version, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&filter);
    int result = type ? PyModule_AddObjectRef(module, "SyscallFilter", type) : -1;
    Py_XDECREF(type);
    return result;
}

static PyModuleDef_Slot steps[] = {{Py_mod_exec, add_type}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_seccomp", .m_size = 0, .m_methods = functions, .m_slots = steps};

PyMODINIT_FUNC PyInit__seccomp(void)
{
    return PyModuleDef_Init(&definition);
}
