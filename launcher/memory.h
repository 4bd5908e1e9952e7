#include <stddef.h>

/* From now on memory comes from the region. */
void open_region(void);

/* Write to the file at `path` the memory between each of the `count` edges, and the region: of each its address and its
 * size, as two words, and its content. False with errno set if that fails. From now on memory is the C library's, and the
 * region keeps what it has. */
int write_image(const char *path, char *const edges[][2], size_t count);

/* A PyObjectArenaAllocator. */
void *take_arena(void *context, size_t size);
void give_arena_back(void *context, void *arena, size_t size);
