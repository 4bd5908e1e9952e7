/* What an image holds stays as long as the process: so nothing of it need be counted. Since CPython 3.12 objects can be
 * immortal (PEP 683), and then a page that holds them is not written to when they are used, and not copied. */

#include "immortal.h"

#if PY_VERSION_HEX >= 0x030C0000

static int make_immortal(PyObject *object, void *nothing)
{
    (void)nothing;
    if (!object || _Py_IsImmortal(object))
        return 0;
    object->ob_refcnt = _Py_IMMORTAL_REFCNT;
    make_immortal((PyObject *)Py_TYPE(object), NULL);
    if (PyCode_Check(object)) { /* whose members the collector does not ask for */
        PyCodeObject *code = (PyCodeObject *)object;
        PyObject *const members[] = {code->co_consts,   code->co_names,    code->co_exceptiontable,
                                     code->co_filename, code->co_name,     code->co_qualname,
                                     code->co_linetable, code->co_localsplusnames, code->co_localspluskinds};
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            make_immortal(members[i], NULL);
    } else if (Py_TYPE(object)->tp_traverse)
        Py_TYPE(object)->tp_traverse(object, make_immortal, NULL);
    return 0;
}

static int visit(PyObject *object, void *nothing)
{
    make_immortal(object, nothing);
    return 1;
}

void make_all_immortal(void)
{
    PyUnstable_GC_VisitObjects(visit, NULL);
}

#else

void make_all_immortal(void)
{
}

#endif
