/* The command `pyoci`: CPython with pyoci's modules inside.
 *
 * Every command of a runtime is a new process, so what counts is how soon the first line of ours runs. Started as
 * `python3 -I -S script`, the interpreter finds out where its library is, opens a hundred files and decodes them. This
 * program is told when it is built: where the standard library is (STDLIB, EXTENSIONS), and which modules it holds
 * (frozen_modules, written by freeze.py). What is not among them, jsonschema for one, lies beside the program.
 *
 * Nothing in the environment, the current directory or the user's home chooses code: that is CPython's isolated
 * configuration (PEP 587). The Python half of bin/pyoci does the same where this program could not be built.
 */

#define _GNU_SOURCE
#include <Python.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION "python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)

extern const struct _frozen frozen_modules[];

/* encodings is frozen, its hundred modules are not. */
static const char BEGIN[] = "import encodings\n"
                            "encodings.__path__.append('" STDLIB "/encodings')\n"
                            "from pyoci import importer\n"
                            "importer.install()\n"
                            "from pyoci.cli import main\n"
                            "main()\n";

/* As pip installs, as Debian's pip does, as Debian's packages are. */
static const char *const LIBRARIES[] = {"lib/" VERSION "/site-packages", "lib/" VERSION "/dist-packages",
                                        "lib/python3/dist-packages"};

static void check(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void fail(const char *reason)
{
    fprintf(stderr, "pyoci: %s\n", reason);
    exit(EXIT_FAILURE);
}

static void add_path(PyConfig *config, const char *path)
{
    wchar_t *wide = Py_DecodeLocale(path, NULL);
    check(wide ? PyWideStringList_Append(&config->module_search_paths, wide) : PyStatus_NoMemory());
    PyMem_RawFree(wide);
}

/* Where the rest of pyoci is: below the directory above the one this program is in. */
static void add_library(PyConfig *config)
{
    char self[PATH_MAX], path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        fail("cannot read /proc/self/exe: is /proc mounted?");
    self[length] = '\0';
    for (int level = 0; level < 2; level++)
        if (strrchr(self, '/'))
            *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; i++) {
        if (snprintf(path, sizeof path, "%s/%s/pyoci", self, LIBRARIES[i]) >= (int)sizeof path)
            fail("the path it is installed in is too long");
        if (access(path, F_OK) == 0) {
            *strrchr(path, '/') = '\0';
            add_path(config, path);
            return;
        }
    }
    fail("its library is not in ../lib beside it: was it moved?");
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
    add_library(config);
    add_path(config, EXTENSIONS); /* before 200 modules, whose directory need not even be read */
    add_path(config, STDLIB);
}

int main(int argc, char **argv)
{
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
