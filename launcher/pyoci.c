/* The command `pyoci`: it starts the interpreter beside it (python.c), safe from what will run in the container.
 *
 * A process on its way into a container still is the interpreter, and the container's root may reach it: by executing
 * /proc/self/exe, or by opening /proc/PID/exe. On the host's mount that file could be written to once nobody executes
 * it any more, and then be whatever the container likes, run by the host's root (CVE-2019-5736). So it is executed from
 * a clone of the mount that is read-only and that nobody else has. Where that is not allowed, and we could write to the
 * file, a sealed copy in memory does the same.
 *
 * The program is linked statically: no LD_PRELOAD reaches it, and it passes none on. It is not meant to be setuid: what
 * lies beside it is executed as whoever calls.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: where vm.memfd_noexec is set, or else nobody may execute it */
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* As pip installs, as Debian's pip does, as Debian's packages are. */
static const char *const LIBRARIES[] = {"lib/" PYTHON "/site-packages", "lib/" PYTHON "/dist-packages",
                                        "lib/python3/dist-packages"};

static void fail(const char *what)
{
    fprintf(stderr, "pyoci: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(EXIT_FAILURE);
}

/* Put into `library` the directory that holds the package, and into `path` the interpreter in it. */
static void find(char library[PATH_MAX], char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        fail("cannot read /proc/self/exe, is /proc mounted?");
    if (length == sizeof self - 1) {
        errno = ENAMETOOLONG;
        fail("the path it is installed in");
    }
    self[length] = '\0';
    for (int level = 0; level < 2; level++)
        if (strrchr(self, '/'))
            *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; i++) {
        if (snprintf(library, PATH_MAX, "%s/%s", self, LIBRARIES[i]) >= PATH_MAX ||
            snprintf(path, PATH_MAX, "%s/pyoci/python", library) >= PATH_MAX) {
            errno = ENAMETOOLONG;
            fail("the path it is installed in");
        }
        if (access(path, X_OK) == 0)
            return;
    }
    errno = 0;
    fail("its library is not in ../lib beside it; was it moved?");
}

/* A descriptor of the file at `path` on a read-only mount of its own, or -1 where that cannot be had. */
static int read_only(const char *path)
{
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0)
        return -1;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0)
        return fd;
    close(fd);
    return -1;
}

/* An empty file in memory that can be sealed and executed. */
static int memory_file(void)
{
    int fd = memfd_create("pyoci", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    return fd < 0 && errno == EINVAL ? memfd_create("pyoci", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

/* A descriptor of a copy of the file at `path` that nobody can change. */
static int sealed_copy(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int fd = memory_file();
    struct stat status;
    if (from < 0 || fd < 0 || fstat(from, &status) < 0)
        fail("cannot copy the interpreter to memory");
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(fd, from, NULL, (size_t)left);
        if (sent <= 0)
            fail("cannot copy the interpreter to memory");
        left -= sent;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        fail("cannot seal the copy of the interpreter");
    close(from);
    return fd;
}

/* What would choose code: for the loader, and for iconv and the locales of the C library. */
static int is_dangerous(const char *variable)
{
    static const char *const NAMES[] = {"LD_", "GLIBC_TUNABLES=", "GCONV_PATH=", "LOCPATH=", PLACE "="};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strncmp(variable, NAMES[i], strlen(NAMES[i])))
            return 1;
    return 0;
}

/* The environment without what would choose code, and with the library's place. */
static char **environment(char *place)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **result = calloc(count + 2, sizeof *result);
    if (!result)
        fail("no memory");
    for (size_t i = 0; i < count; i++)
        if (!is_dangerous(environ[i]))
            result[kept++] = environ[i];
    result[kept] = place;
    return result;
}

int main(int argc, char **argv)
{
    char library[PATH_MAX], path[PATH_MAX], place[sizeof PLACE + PATH_MAX];
    (void)argc;
    find(library, path);
    snprintf(place, sizeof place, PLACE "=%s", library);
    char **variables = environment(place);
    int fd = read_only(path);
    if (fd < 0 && access(path, W_OK) == 0)
        fd = sealed_copy(path);
    if (fd < 0)
        execve(path, argv, variables);
    else
        execveat(fd, "", argv, variables, AT_EMPTY_PATH);
    fail("cannot execute the interpreter");
}
