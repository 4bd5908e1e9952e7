/* The command `pyoci`: CPython, with pyoci's modules and those they stand on imported.
 *
 * Every command of a runtime is a new process, so what counts is how soon the first line of ours runs. An interpreter
 * that starts makes some 100 types, imports modules, makes their classes and functions: 20,000 objects that are the same
 * each time. So this is done once, when pyoci is built: the interpreter, asked by image.py, runs preload.py, writes its
 * memory to stdout and ends. image.py puts that memory into the executable. A process that is started from such an image
 * goes on where that one ended, as if it had been forked from it: to the interpreter it is the child of a fork.
 *
 * The program needs no other file. Nothing in the environment, the current directory or the user's home chooses code:
 * that is CPython's isolated configuration (PEP 587), and no place to look for modules is left. bin/pyoci does the same
 * where this program could not be built.
 */

#define _GNU_SOURCE
#define Py_BUILD_CORE
#include <Python.h>
#include <internal/pycore_runtime.h>

#include "immortal.h"
#include "memory.h"
#include "protect.h"

#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit__pyoci(void);
PyMODINIT_FUNC PyInit__seccomp(void);

typedef void (*constructor)(void);
extern constructor __init_array_start[], __init_array_end[]; /* the linker's */
extern char first_data[], last_data[], first_bss[], last_bss[]; /* edge.c */

#define ARGUMENTS 2  /* that Python is told: they are the same each time, for they take memory, too */
#define RUNTIME ((char *)&_PyRuntime) /* CPython gives it a section of its own */

static int is_image;
static PyThreadState *thread;
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
    check(PyConfig_SetBytesString(config, &config->executable, ""));
    check(PyConfig_SetBytesString(config, &config->base_executable, ""));
    check(PyConfig_SetBytesString(config, &config->prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->stdlib_dir, STDLIB));
    config->module_search_paths_set = 1;
    add_path(config, STDLIB); /* which preload.py takes away */
}

/* CPython's own allocator, for small objects, puts together those of a size. */
static void use_pools(int wanted)
{
    static const PyMemAllocatorDomain DOMAINS[] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
    static PyMemAllocatorEx pools[2];
    PyMemAllocatorEx plain;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &plain);
    for (int i = 0; i < 2; i++) {
        if (!wanted)
            PyMem_GetAllocator(DOMAINS[i], &pools[i]);
        PyMem_SetAllocator(DOMAINS[i], wanted ? &pools[i] : &plain);
    }
}

static void initialize(int argc, char **argv)
{
    PyObjectArenaAllocator arenas = {NULL, take_arena, give_arena_back};
    PyObject_SetArenaAllocator(&arenas);
    use_pools(0);
    PyImport_AppendInittab("_pyoci", PyInit__pyoci);
    PyImport_AppendInittab("_seccomp", PyInit__seccomp);

    PyPreConfig early;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1;
    check(Py_PreInitialize(&early));

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.use_frozen_modules = 0; /* for their objects lie where the compiler put them */
    config.use_hash_seed = 1; /* the same each time that this program runs */
    config.hash_seed = HASH_SEED;
    config.write_bytecode = 0;
    config.install_signal_handlers = 1; /* Ctrl-C is an exception, so that what was begun is undone */
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    tell_paths(&config);
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

static void nothing(void)
{
}

/* What they did is in the image. The loader has made their table read-only. */
static void replace_constructors(void)
{
    uintptr_t page = (uintptr_t)__init_array_start & ~(uintptr_t)(getpagesize() - 1);
    if (mprotect((void *)page, (uintptr_t)__init_array_end - page, PROT_READ | PROT_WRITE) < 0)
        fail("mprotect");
    for (constructor *entry = __init_array_start; entry < __init_array_end; entry++)
        *entry = nothing;
}

static void run(const char *path)
{
    FILE *script = fopen(path, "rb");
    if (!script)
        fail(path);
    if (PyRun_SimpleFileEx(script, path, 1))
        exit(EXIT_FAILURE);
}

/* What an interpreter does that becomes an image, up to there. */
static void prepare(char **argv)
{
    initialize(ARGUMENTS, argv);
    run(argv[1]);
    resume = PyDict_GetItemString(PyModule_GetDict(PyImport_AddModule("__main__")), "resume");
    if (!resume)
        fail("the script has no function to resume with");
    interrupt = PyOS_getsig(SIGINT);
    PyType_ClearCache(); /* for what is forgotten later is written to */
    use_pools(1);
    PyObject_Free(PyObject_Malloc(1)); /* for which CPython makes its tables */
    make_all_immortal();
}

static void note_what_is_written_to(char **argv)
{
    if (!open_spread())
        fail("mmap");
    prepare(argv);
    if (!watch())
        fail("mprotect");
    run(argv[ARGUMENTS + 1]);
    if (!write_what_was_written_to(stdout))
        fail("stdout");
}

static void make_image(char **argv)
{
    if (!open_region(argv[ARGUMENTS]))
        fail(argv[ARGUMENTS]);
    prepare(argv);
    thread = PyEval_SaveThread();
    replace_constructors();
    is_image = 1;
    char *const edges[][2] = {{first_data, last_data}, {first_bss, last_bss}, {RUNTIME, RUNTIME + sizeof _PyRuntime},
                              {(char *)__init_array_start, (char *)__init_array_end}};
    if (!write_image(stdout, edges, sizeof edges / sizeof *edges))
        fail("stdout");
}

/* python SCRIPT [NOTED]: run SCRIPT, then write all variables to stdout, where what NOTED names lies together.
 * python SCRIPT - PRACTICE: run SCRIPT, then PRACTICE, and name on stdout what that writes to. */
static void make(int argc, char **argv)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* the interpreter looks, and remembers */
    if (argc < ARGUMENTS || argc > ARGUMENTS + 2) {
        fputs("usage: python SCRIPT [NOTED | - PRACTICE]\n", stderr);
        exit(EXIT_FAILURE);
    }
    (argc == ARGUMENTS + 2 ? note_what_is_written_to : make_image)(argv);
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
    thread->thread_id = PyThread_get_thread_ident();
    PyEval_RestoreThread(thread);
    PyOS_BeforeFork();
    PyOS_AfterFork_Child();
    take_signals();
    PyObject *arguments = listed(argv), *variables = listed(environ);
    if (arguments && variables && PyObject_CallFunction(resume, "OO", arguments, variables))
        return EXIT_SUCCESS;
    PyErr_Print();
    return EXIT_FAILURE;
}

/* CPython 3.11: nor may strings be those of its frozen modules, which are spread over 70 pages. */
int __wrap__Py_Deepfreeze_Init(void);
int __wrap__Py_Deepfreeze_Init(void)
{
    return 0;
}

int main(int argc, char **argv)
{
    if (!is_image)
        make(argc, argv);
    clean_environment();
    protect(argv);
    prctl(PR_SET_NAME, "pyoci"); /* the kernel knows but a descriptor's number */
    return go_on(argv);
}
