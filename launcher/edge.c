/* Compiled twice: as the first and as the last of what the linker is given of ours. Between the two lie the variables of
 * the interpreter, which an image keeps; around them those of the C library, which are new in each process. */

char DATA[16] __attribute__((aligned(16))) = {1};
char BSS[16] __attribute__((aligned(16)));
