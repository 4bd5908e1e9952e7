#include <Python.h>

/* Make all objects that the garbage collector knows, and what they lead to, immortal, where CPython can. */
void make_all_immortal(void);
