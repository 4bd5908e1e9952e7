/* Where the interpreter's memory comes from while its image is made: from `region`, a variable, so that it lies in the
 * executable and at the same place in every process.
 *
 * The linker leads all calls of malloc here (--wrap). Before the interpreter starts, and once the image is made, new
 * memory is ordinary memory; what lies in the region stays there.
 */

#include "memory.h"

#include <stdio.h>
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
static int is_open;

/* In front of each piece of the region. */
struct piece {
    size_t size;
    struct piece *next; /* of those given back */
};

static struct piece *given_back;

static int is_written(FILE *file, const char *start, const char *end)
{
    unsigned long place[] = {(unsigned long)start, (unsigned long)(end - start)};
    return fwrite(place, sizeof place, 1, file) == 1 && fwrite(start, 1, place[1], file) == place[1];
}

void open_region(void)
{
    is_open = 1;
}

int write_image(const char *path, char *const edges[][2], size_t count)
{
    is_open = 0;
    FILE *file = fopen(path, "wb");
    for (size_t i = 0; file && i < count; i++)
        if (!is_written(file, edges[i][0], edges[i][1]))
            return 0;
    return file && is_written(file, region, region + used) && fclose(file) == 0;
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

void *take_arena(void *context, size_t size)
{
    (void)context;
    if (is_open)
        return take(size, PAGE);
    void *arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? NULL : arena;
}

void give_arena_back(void *context, void *arena, size_t size)
{
    (void)context;
    if (!is_in_region(arena))
        munmap(arena, size);
    else if (is_open)
        give_back(arena);
}
