/* The program, out of the reach of what will run in the container.
 *
 * A process on its way into a container still executes this program, and the container's root may reach it: by executing
 * /proc/self/exe, or by opening /proc/PID/exe. On the host's mount that file could be written to once nobody executes
 * it any more, and then be whatever the container likes, run by the host's root (CVE-2019-5736). So it is executed from
 * a clone of the mount that is read-only and that nobody else has. Where that is not allowed, and we could write to the
 * file, a sealed copy in memory does the same.
 *
 * The program is linked statically: no LD_PRELOAD reaches it. It is not meant to be setuid.
 */

#define _GNU_SOURCE
#include "protect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: where vm.memfd_noexec is set, or else nobody may execute it */
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define SELF "/proc/self/exe"

static void fail(const char *what)
{
    fprintf(stderr, "pyoci: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, words[i]))
            return 1;
    return 0;
}

/* Whether a container may be entered: only then is there somebody to be protected from. */
static int may_enter(char **argv)
{
    static const char *const COMMANDS[] = {"create", "run", "exec", "restore"};
    while (*argv)
        if (is_one_of(*argv++, COMMANDS, sizeof COMMANDS / sizeof *COMMANDS))
            return 1;
    return 0;
}

/* Whether this is the second time: the kernel calls what was executed by its descriptor /dev/fd/N. */
static int is_protected(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN); /* NOLINT: that is how the vector passes addresses */
    if (!name || strncmp(name, "/dev/fd/", strlen("/dev/fd/")) != 0)
        return 0;
    int fd = open(SELF, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail("cannot open " SELF ", is /proc mounted?");
    struct statvfs status;
    int seals = fcntl(fd, F_GET_SEALS);
    int result = (seals >= 0 && seals & F_SEAL_WRITE) || (fstatvfs(fd, &status) == 0 && status.f_flag & ST_RDONLY);
    close(fd);
    return result;
}

/* A descriptor of the program on a read-only mount of its own, or -1 where that cannot be had. */
static int read_only(void)
{
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
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

/* A descriptor of a copy of the program that nobody can change. */
static int sealed_copy(void)
{
    int from = open(SELF, O_RDONLY | O_CLOEXEC);
    int fd = memory_file();
    struct stat status;
    if (from < 0 || fd < 0 || fstat(from, &status) < 0)
        fail("cannot copy the program to memory");
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(fd, from, NULL, (size_t)left);
        if (sent <= 0)
            fail("cannot copy the program to memory");
        left -= sent;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        fail("cannot seal the copy of the program");
    close(from);
    return fd;
}

void protect(char **argv)
{
    if (!may_enter(argv) || is_protected())
        return;
    int fd = read_only();
    if (fd < 0 && access(SELF, W_OK) == 0)
        fd = sealed_copy();
    if (fd < 0)
        return; /* neither we nor who runs as us could write to it */
    execveat(fd, "", argv, environ, AT_EMPTY_PATH);
    fail("cannot execute the program again");
}

/* For the loader of what is run, and for iconv and the locales of the C library. */
static int is_dangerous(const char *variable)
{
    static const char *const NAMES[] = {"LD_", "GLIBC_TUNABLES=", "GCONV_PATH=", "LOCPATH="};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strncmp(variable, NAMES[i], strlen(NAMES[i])))
            return 1;
    return 0;
}

void clean_environment(void)
{
    char **kept = environ;
    for (char **variable = environ; *variable; variable++)
        if (!is_dangerous(*variable))
            *kept++ = *variable;
    *kept = NULL;
}
