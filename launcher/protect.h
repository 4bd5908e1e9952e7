/* Take from the environment what would choose code. */
void clean_environment(void);

/* Return as a process whose program no container can change; the program is executed once more for that, with argv.
 * Ends the process with a message where that is not possible. */
void protect(char **argv);
