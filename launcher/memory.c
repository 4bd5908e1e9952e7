/* Where the interpreter's memory comes from while its image is made: from `region`, a variable, so that it lies in the
 * executable and at the same place in every process.
 *
 * The linker leads the interpreter's calls of malloc here (--wrap), those of the C library stay with its own. Once the
 * image is made, new memory is ordinary memory, and what lies in the region stays there.
 */

#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (64UL << 20) /* that a variable may have; what is not used costs nothing */
#define ALIGNMENT 16
#define PAGE 4096

void __wrap_free(void *memory);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

/* Common, for those come last: what is not used of it is not in the file. */
char region[SIZE] __attribute__((common, aligned(PAGE)));
static size_t used;
static int closed;

/* In front of each piece of the region. */
struct piece {
    size_t size;
    struct piece *next; /* of those given back */
};

static struct piece *given_back;

void close_region(void)
{
    closed = 1;
}

static int is_in_region(const void *memory)
{
    return (const char *)memory >= region && (const char *)memory < region + SIZE;
}

static struct piece *piece_of(void *memory)
{
    return (struct piece *)memory - 1;
}

/* Zeroed memory, as that of pieces given back is. */
static void *take(size_t size, size_t alignment)
{
    for (struct piece **link = &given_back; *link; link = &(*link)->next) {
        struct piece *piece = *link;
        if (piece->size >= size && piece->size / 2 <= size && (size_t)(piece + 1) % alignment == 0) {
            *link = piece->next;
            return piece + 1;
        }
    }
    size_t start = (used + sizeof(struct piece) + alignment - 1) & ~(alignment - 1);
    if (start > SIZE || size > SIZE - start)
        return NULL;
    used = start + size;
    piece_of(region + start)->size = size;
    return region + start;
}

static void give_back(void *memory)
{
    struct piece *piece = piece_of(memory);
    memset(memory, 0, piece->size); /* nothing of it is in the image */
    piece->next = given_back;
    given_back = piece;
}

void *__wrap_malloc(size_t size)
{
    return closed ? __real_malloc(size) : take(size, ALIGNMENT);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (closed)
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
    else if (!closed)
        give_back(memory);
}

void *take_arena(void *context, size_t size)
{
    (void)context;
    if (!closed)
        return take(size, PAGE);
    void *arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? NULL : arena;
}

void give_arena_back(void *context, void *arena, size_t size)
{
    (void)context;
    if (!is_in_region(arena))
        munmap(arena, size);
    else if (!closed)
        give_back(arena);
}
