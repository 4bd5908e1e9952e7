/* CPython with pyoci's modules inside, started by pyoci.c.
 *
 * Every command of a runtime is a new process, so what counts is how soon the first line of ours runs. Started as
 * `python3 -I -S script`, the interpreter finds out where its library is, opens a hundred files and decodes them. This
 * program is told when it is built: where the standard library is (STDLIB, EXTENSIONS), and which modules it holds
 * (frozen_modules, written by freeze.py). What is not among them, jsonschema for one, lies where pyoci.c says.
 *
 * Nothing else in the environment, the current directory or the user's home chooses code: that is CPython's isolated
 * configuration (PEP 587). The Python half of bin/pyoci does the same where this program could not be built.
 */

#define _GNU_SOURCE
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

extern const struct _frozen frozen_modules[];

/* encodings is frozen, its hundred modules are not. */
static const char BEGIN[] = "import encodings\n"
                            "encodings.__path__.append('" STDLIB "/encodings')\n"
                            "from pyoci import importer\n"
                            "importer.install()\n"
                            "from pyoci.cli import main\n"
                            "main()\n";

static void check(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
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
    const char *library = getenv(PLACE);
    if (!library) {
        fputs("pyoci: this is the interpreter of the command pyoci, which starts it\n", stderr);
        exit(EXIT_FAILURE);
    }
    check(PyConfig_SetBytesString(config, &config->executable, EXECUTABLE));
    check(PyConfig_SetBytesString(config, &config->base_executable, EXECUTABLE));
    check(PyConfig_SetBytesString(config, &config->prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->base_exec_prefix, PREFIX));
    check(PyConfig_SetBytesString(config, &config->stdlib_dir, STDLIB));
    config->module_search_paths_set = 1;
    add_path(config, library); /* first: importer.py looks there */
    add_path(config, EXTENSIONS); /* before 200 modules, whose directory need not even be read */
    add_path(config, STDLIB);
    unsetenv(PLACE);
}

int main(int argc, char **argv)
{
    prctl(PR_SET_NAME, "pyoci"); /* the kernel knows but a descriptor's number */
    PyPreConfig early;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1;
    check(Py_PreInitialize(&early));

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.install_signal_handlers = 1; /* Ctrl-C is an exception, so that what was begun is undone */
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    tell_paths(&config);

    PyImport_FrozenModules = frozen_modules;
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return PyRun_SimpleString(BEGIN) ? EXIT_FAILURE : EXIT_SUCCESS;
}
