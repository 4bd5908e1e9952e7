#include <stddef.h>

/* From now on memory is the C library's, and the region keeps what it has. */
void close_region(void);

/* A PyObjectArenaAllocator. */
void *take_arena(void *context, size_t size);
void give_arena_back(void *context, void *arena, size_t size);
