/* Where the interpreter's memory comes from while its image is made: from `region`, a variable, so that it lies in the
 * executable and at the same place in every process.
 *
 * The linker leads all calls of malloc here (--wrap). Before the interpreter starts, and once the image is made, new
 * memory is ordinary memory; what lies in the region stays there.
 *
 * A process copies each page of the image that it writes to, and an object is written to when it is looked at, for it is
 * counted. So the pieces of memory that commands write to lie together, before all others. Which those are is found out
 * first, by an interpreter that does the same, and so takes the same pieces in the same order: there each lies on a page
 * of its own that must not be written to until that is noticed.
 */

#define _GNU_SOURCE
#include "memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (64UL << 20)  /* that a variable may have; what is not used costs nothing */
#define SPREAD (2UL << 30) /* with a piece on each page */
#define MOST (4UL << 20)   /* pieces */
#define ARENA (1UL << 20) /* of CPython's, or larger */
#define ALIGNMENT 16
#define PAGE 4096

void __wrap_free(void *memory);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

/* Common, for those come last: what is not used of it is not in the file. */
char region[SIZE] __attribute__((common, aligned(PAGE)));

/* In front of each piece. */
struct piece {
    size_t size;
};

/* Of the region. */
struct part {
    char *free, *end;
    void *given_back[PAGE / ALIGNMENT]; /* by size, and those that are larger; each begins with a pointer to the next */
};

static struct part together, others;
static char *start = region;
static size_t size_of_all = SIZE;
static int is_open;
static unsigned number;       /* of the last piece taken */
static unsigned expected;     /* how many there are to be */
static unsigned char *chosen; /* by number: whether it lies in `together` */
static unsigned *owners;      /* by page of what is spread: the number of the piece, if that fits on a page */
static char *written;         /* by page of what is spread; shared with processes that are forked */

static void *new_memory(size_t size, int flags)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

/* The file has the size of the chosen pieces, and a byte for each number. */
int open_region(const char *path)
{
    size_t size = 0;
    FILE *file = path ? fopen(path, "rb") : NULL;
    chosen = __real_calloc(MOST, 1);
    if (!chosen || (file && (fread(&size, sizeof size, 1, file) != 1 || !(expected = fread(chosen, 1, MOST, file)))))
        return 0;
    if (file)
        fclose(file);
    if (size > SIZE / 2)
        return 0;
    together = (struct part){region, region + round_up(size, PAGE), {NULL}};
    others = (struct part){together.end, region + SIZE, {NULL}};
    is_open = 1;
    return 1;
}

int open_spread(void)
{
    size_of_all = SPREAD;
    start = new_memory(SPREAD, MAP_PRIVATE | MAP_NORESERVE);
    written = new_memory(SPREAD / PAGE, MAP_SHARED);
    owners = __real_calloc(SPREAD / PAGE, sizeof *owners);
    others = (struct part){start, start + SPREAD, {NULL}};
    is_open = start && written && owners;
    return is_open;
}

static int is_written(FILE *file, const char *from, const char *end)
{
    unsigned long place[] = {(unsigned long)from, (unsigned long)(end - from)};
    return fwrite(place, sizeof place, 1, file) == 1 && fwrite(from, 1, place[1], file) == place[1];
}

int write_image(FILE *file, char *const edges[][2], size_t count)
{
    is_open = 0;
    if (expected && expected != number)
        fprintf(stderr, "%u pieces of memory, where %u were expected\n", number, expected);
    __real_free(chosen);
    chosen = NULL;
    for (size_t i = 0; i < count; i++)
        if (!is_written(file, edges[i][0], edges[i][1]))
            return 0;
    return is_written(file, region, others.free) && fclose(file) == 0;
}

static int is_in_region(const void *memory)
{
    return (const char *)memory >= start && (const char *)memory < start + size_of_all;
}

static struct piece *piece_of(void *memory)
{
    return (struct piece *)memory - 1;
}

static void **given_back(struct part *part, size_t size)
{
    size_t last = sizeof part->given_back / sizeof *part->given_back - 1;
    return &part->given_back[size / ALIGNMENT < last ? size / ALIGNMENT : last];
}

/* One of that size, for where it is taken from must not matter to realloc; NULL if there is none. */
static void *take_again(struct part *part, size_t size, size_t alignment)
{
    for (void **link = given_back(part, size); *link; link = *link) {
        void *memory = *link;
        if (piece_of(memory)->size == size && (size_t)memory % alignment == 0) {
            *link = *(void **)memory;
            *(void **)memory = NULL;
            return memory;
        }
    }
    return NULL;
}

static void *take_new(struct part *part, size_t size, size_t alignment)
{
    char *from = owners ? (char *)round_up((size_t)part->free, PAGE) : part->free;
    char *memory = (char *)round_up((size_t)from + sizeof(struct piece), alignment);
    if (memory > part->end || size > (size_t)(part->end - memory))
        return NULL;
    part->free = memory + size;
    piece_of(memory)->size = size;
    return memory;
}

/* Zeroed memory, as that of pieces given back is. */
static void *take(size_t size, size_t alignment)
{
    void *memory = NULL;
    size = round_up(size + sizeof(struct piece), ALIGNMENT) - sizeof(struct piece);
    number++;
    if (chosen && number <= MOST && chosen[number - 1]) {
        memory = take_again(&together, size, alignment);
        memory = memory ? memory : take_new(&together, size, alignment);
    }
    memory = memory ? memory : take_again(&others, size, alignment);
    memory = memory ? memory : take_new(&others, size, alignment);
    if (owners && memory)
        owners[((char *)memory - start) / PAGE] = size <= PAGE - ALIGNMENT ? number : 0;
    return memory;
}

static void give_back(void *memory)
{
    size_t size = piece_of(memory)->size;
    void **link = given_back((char *)memory < together.end ? &together : &others, size);
    memset(memory, 0, size); /* nothing of it is in the image */
    *(void **)memory = *link;
    *link = memory;
}

void *__wrap_malloc(size_t size)
{
    return is_open ? take(size, ALIGNMENT) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (!is_open)
        return __real_calloc(count, size);
    return size && count > SIZE / size ? NULL : take(count * size, ALIGNMENT);
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (!memory)
        return __wrap_malloc(size);
    if (!is_in_region(memory))
        return __real_realloc(memory, size);
    size_t before = piece_of(memory)->size;
    if (size <= before)
        return memory;
    void *larger = __wrap_malloc(size);
    if (larger) {
        memcpy(larger, memory, before);
        __wrap_free(memory);
    }
    return larger;
}

void __wrap_free(void *memory)
{
    if (!is_in_region(memory))
        __real_free(memory);
    else if (is_open)
        give_back(memory);
}

/* For small objects. It is at the end of the region, which is not in the file, and later it is again: CPython's table of
 * arenas is for the addresses near one, and a new table has to be cleared. */
static char *arena_at_the_end(size_t size)
{
    if (size < ARENA || size > (size_t)(others.end - others.free))
        return NULL;
    char *arena = (char *)((size_t)(others.end - size) & ~(ARENA - 1));
    return arena >= others.free ? arena : NULL;
}

void *take_arena(void *context, size_t size)
{
    char *arena = arena_at_the_end(size);
    (void)context;
    if (arena)
        others.end = arena;
    else
        arena = is_open ? take(size, PAGE) : new_memory(size, MAP_PRIVATE);
    return arena;
}

void give_arena_back(void *context, void *arena, size_t size)
{
    (void)context;
    if (!is_in_region(arena))
        munmap(arena, size);
    else if (size >= ARENA) {
        madvise(arena, size, MADV_DONTNEED);
        others.end = arena == others.end ? others.end + size : others.end;
    } else if (is_open)
        give_back(arena);
}

static void note(int signal_number, siginfo_t *about, void *context)
{
    char *place = about->si_addr;
    size_t page = (size_t)(place - start) / PAGE;
    (void)context;
    if (!is_in_region(place) || mprotect(start + page * PAGE, PAGE, PROT_READ | PROT_WRITE) < 0)
        signal(signal_number, SIG_DFL);
    else
        written[page] = 1;
}

int watch(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    is_open = 0;
    others.end = others.free;
    return sigaction(SIGSEGV, &action, NULL) == 0 && mprotect(start, SPREAD, PROT_READ) == 0;
}

int write_what_was_written_to(FILE *file)
{
    unsigned char *found = __real_calloc(number, 1);
    size_t size = 0;
    for (size_t page = 0; found && page < SPREAD / PAGE; page++)
        if (written[page] && owners[page]) {
            found[owners[page] - 1] = 1;
            size += sizeof(struct piece) + piece_of(start + page * PAGE + ALIGNMENT)->size;
        }
    return found && fwrite(&size, sizeof size, 1, file) == 1 &&
           fwrite(found, 1, number, file) == number && fclose(file) == 0;
}
