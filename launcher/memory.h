#include <stddef.h>
#include <stdio.h>

/* From now on memory comes from the region. The pieces lie together that the file at `path` names, which
 * `write_what_was_written_to` wrote; `path` may be NULL. False if it cannot be read. */
int open_region(const char *path);

/* Write to `file`, and close it, the memory between each of the `count` edges, and the region: of each its address and its
 * size, as two words, and its content. False with errno set if that fails. From now on memory is the C library's, and the
 * region keeps what it has. */
int write_image(FILE *file, char *const edges[][2], size_t count);

/* From now on each piece of memory lies on a page of its own. False with errno set if there is no place. */
int open_spread(void);

/* From now on memory is the C library's, and it is noted which pieces are written to, by this process and its children.
 * False with errno set if that fails. */
int watch(void);

/* Write to `file`, and close it, which pieces that were. False with errno set if that fails. */
int write_what_was_written_to(FILE *file);

/* A PyObjectArenaAllocator. */
void *take_arena(void *context, size_t size);
void give_arena_back(void *context, void *arena, size_t size);
