/* What is left out of the program: all by which the C library would load libraries, of the host or of an image that has
 * been entered, to find out about users, groups and hosts (CVE-2019-14271). CPython has functions for them, which fail.
 *
 * The headers say more about these functions than is true here, so none is included.
 */

#define NOT_IMPLEMENTED 38 /* ENOSYS */

/* They return nothing found. */
#define NULL_FROM(name) \
    void *name(void) \
    { \
        return 0; \
    }
/* They return an errno, or a value that is not 0. */
#define ERRNO_FROM(name) \
    int name(void) \
    { \
        return NOT_IMPLEMENTED; \
    }
#define NOTHING(name) \
    void name(void) \
    { \
    }

NULL_FROM(dlopen)
NULL_FROM(dlsym)
NULL_FROM(getlogin)
NULL_FROM(getpwent)
NULL_FROM(getgrent)
NULL_FROM(getspent)
NULL_FROM(getprotobyname)
NULL_FROM(getservbyname)
NULL_FROM(getservbyport)
ERRNO_FROM(getpwnam_r)
ERRNO_FROM(getpwuid_r)
ERRNO_FROM(getgrnam_r)
ERRNO_FROM(getgrgid_r)
NULL_FROM(getspnam)
ERRNO_FROM(gethostbyname_r)
ERRNO_FROM(gethostbyaddr_r)
ERRNO_FROM(getaddrinfo)
ERRNO_FROM(getnameinfo)
NOTHING(freeaddrinfo)
NOTHING(setpwent)
NOTHING(endpwent)
NOTHING(setgrent)
NOTHING(endgrent)
NOTHING(setspent)
NOTHING(endspent)

/* -1 is their failure. */
int getgrouplist(void)
{
    return -1;
}

int initgroups(void)
{
    return -1;
}

const char *dlerror(void)
{
    return "no libraries are loaded";
}

const char *gai_strerror(void)
{
    return "names are not looked up";
}
