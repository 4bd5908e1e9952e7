/* CPython with pyoci's modules imported, started by pyoci.c.
 *
 * Every command of a runtime is a new process, so what counts is how soon the first line of ours runs. An interpreter
 * that starts makes some 100 types, imports modules, makes their classes and functions: 20,000 objects that are the same
 * each time. So this is done once, when pyoci is built: the interpreter, asked by image.py, runs preload.py, writes its
 * memory to a file and ends. image.py puts that memory into the executable. A process that is started from such an image
 * goes on where that one ended, as if it had been forked from it: to the interpreter it is the child of a fork.
 *
 * Nothing in the environment, the current directory or the user's home chooses code: that is CPython's isolated
 * configuration (PEP 587). bin/pyoci does the same where this program could not be built.
 */

#define _GNU_SOURCE
#include <Python.h>

#include "memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit__pyoci(void);

extern char __data_start[], _end[]; /* the linker's: all variables, the region of memory.c among them */

static int is_image;
static PyObject *resume; /* preload.py's */
static PyOS_sighandler_t interrupt;

static void check(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void add_path(PyConfig *config, const char *path)
{
    wchar_t *wide = Py_DecodeLocale(path, NULL);
    check(wide ? PyWideStringList_Append(&config->module_search_paths, wide) : PyStatus_NoMemory());
    PyMem_RawFree(wide);
}

/* What the interpreter would find out, or guess, otherwise. */
static void tell_paths(PyConfig *config)
{
    check(PyConfig_SetBytesString(config, &config->executable, EXECUTABLE));
    check(PyConfig_SetBytesString(config, &config->base_executable, EXECUTABLE));
    check(PyConfig_SetBytesString(config, &config->prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->stdlib_dir, STDLIB));
    config->module_search_paths_set = 1;
    add_path(config, EXTENSIONS); /* before 200 modules, whose directory need not even be read */
    add_path(config, STDLIB);
}

static void initialize(int argc, char **argv)
{
    PyObjectArenaAllocator arenas = {NULL, take_arena, give_arena_back};
    PyObject_SetArenaAllocator(&arenas);
    PyImport_AppendInittab("_pyoci", PyInit__pyoci);

    PyPreConfig early;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1;
    check(Py_PreInitialize(&early));

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 1; /* Ctrl-C is an exception, so that what was begun is undone */
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    tell_paths(&config);
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

static void write_memory(const char *path)
{
    FILE *file = fopen(path, "wb");
    size_t size = (size_t)(_end - __data_start);
    if (!file || fwrite(__data_start, 1, size, file) != size || fclose(file))
        fail(path);
}

/* python SCRIPT MEMORY: run SCRIPT, then write all variables to MEMORY. */
static int make_image(int argc, char **argv)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* the interpreter looks, and remembers */
    initialize(argc, argv);
    FILE *script = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!script)
        fail("usage: python SCRIPT MEMORY");
    if (PyRun_SimpleFileEx(script, argv[1], 1))
        return EXIT_FAILURE;
    resume = PyDict_GetItemString(PyModule_GetDict(PyImport_AddModule("__main__")), "resume");
    if (!resume)
        fail("the script has no function to resume with");
    interrupt = PyOS_getsig(SIGINT);
    close_region();
    is_image = 1;
    write_memory(argv[2]);
    _exit(EXIT_SUCCESS);
}

/* What CPython does about signals when it starts. */
static void take_signals(void)
{
    PyOS_setsig(SIGPIPE, SIG_IGN);
    PyOS_setsig(SIGXFSZ, SIG_IGN);
    if (PyOS_getsig(SIGINT) == SIG_DFL)
        PyOS_setsig(SIGINT, interrupt);
}

/* Those of the process as bytes, in a new list. */
static PyObject *listed(char **texts)
{
    PyObject *list = PyList_New(0);
    for (; list && *texts; texts++) {
        PyObject *text = PyBytes_FromString(*texts);
        if (!text || PyList_Append(list, text) < 0)
            return NULL;
        Py_DECREF(text);
    }
    return list;
}

static int go_on(char **argv)
{
    PyThreadState_Get()->thread_id = PyThread_get_thread_ident();
    PyOS_AfterFork_Child();
    take_signals();
    const char *library = getenv(PLACE);
    if (!library) {
        fputs("pyoci: this is the interpreter of the command pyoci, which starts it\n", stderr);
        return EXIT_FAILURE;
    }
    unsetenv(PLACE);
    PyObject *arguments = listed(argv), *variables = listed(environ);
    if (arguments && variables && PyObject_CallFunction(resume, "sOO", library, arguments, variables))
        return EXIT_SUCCESS;
    PyErr_Print();
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_NAME, "pyoci"); /* the kernel knows but a descriptor's number */
    return is_image ? go_on(argv) : make_image(argc, argv);
}
