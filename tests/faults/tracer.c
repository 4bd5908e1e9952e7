/* tracer REPORT SECONDS PROCESS NUMBER ACTION COMMAND…
 *
 * Runs COMMAND and counts the system calls of it and of all its children, each process by itself, in the order of their
 * birth. At the NUMBERth call of the PROCESSth process, before the kernel has done anything of it, ACTION is taken:
 *
 *     none     nothing
 *     kill     SIGKILL for the process that makes the call
 *     orphan   SIGKILL for the first process of all, the command itself
 *     ERRNO    the call fails with that number, and nothing is done; but close(2), as in the kernel, closes
 *
 * REPORT then has a line for each call, "process number call argument argument argument", and this ends as COMMAND did:
 * with its status, or 128 + its signal; with 124 if it took longer than SECONDS. What COMMAND leaves behind runs on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 256
#define HANGS 124

static struct process {
    pid_t pid;
    long calls;
    int refused;
} processes[PROCESSES];
static int born;
static FILE *report;
static long wanted_process, wanted_number;
static const char *action;
static volatile sig_atomic_t late;

static void ring(int number) { late = number; }

static struct process *known(pid_t pid)
{
    for (int i = born - 1; i >= 0; i--)
        if (processes[i].pid == pid)
            return &processes[i];
    if (born == PROCESSES)
        exit(HANGS + 1);
    processes[born].pid = pid;
    return &processes[born++];
}

static void refuse(struct process *process, long call)
{
    if (call == SYS_exit_group || call == SYS_exit || call == SYS_rt_sigreturn)
        return; /* they have no failure; and which call has a number differs, with the moment at which a signal comes */
    process->refused = atoi(action);
    if (call != SYS_close)
        ptrace(PTRACE_POKEUSER, process->pid, offsetof(struct user_regs_struct, orig_rax), -1L);
}

static void act(struct process *process, long call)
{
    if (strcmp(action, "kill") == 0)
        kill(process->pid, SIGKILL);
    else if (strcmp(action, "orphan") == 0)
        kill(processes[0].pid, SIGKILL);
    else if (strcmp(action, "none") != 0)
        refuse(process, call);
}

static void at_system_call(struct process *process)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof info, &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        long number = process->calls++;
        long place = process - processes;
        fprintf(report, "%ld %ld %lu %lu %lu %lu\n", place, number, info.entry.nr, info.entry.args[0],
                info.entry.args[1], info.entry.args[2]);
        if (place == wanted_process && number == wanted_number)
            act(process, info.entry.nr);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && process->refused) {
        ptrace(PTRACE_POKEUSER, process->pid, offsetof(struct user_regs_struct, rax), -(long)process->refused);
        process->refused = 0;
    }
}

static void proceed(struct process *process, int status)
{
    int number = WSTOPSIG(status), event = status >> 16, passed = 0;
    if (number == (SIGTRAP | 0x80))
        at_system_call(process);
    else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
        ptrace(PTRACE_LISTEN, process->pid, 0, 0);
        return;
    } else if (event == 0)
        passed = number;
    ptrace(PTRACE_SYSCALL, process->pid, 0, passed);
}

static pid_t spawn(char **command)
{
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        execvp(command[0], command);
        _exit(127);
    }
    waitpid(pid, NULL, WUNTRACED);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
        exit(HANGS + 1);
    known(pid);
    kill(pid, SIGCONT);
    return pid;
}

static int follow(pid_t first)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (late) {
            for (int i = 0; i < born; i++)
                if (processes[i].pid) /* 0 would be all of our own group, with whoever called us */
                    kill(processes[i].pid, SIGKILL);
            return HANGS;
        }
        if (pid < 0)
            return HANGS + 1;
        if (WIFSTOPPED(status))
            proceed(known(pid), status);
        else if (pid == first)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        else
            known(pid)->pid = 0; /* the number may come again */
    }
}

int main(int argc, char **argv)
{
    if (argc < 7 || (report = fopen(argv[1], "we")) == NULL)
        return HANGS + 1;
    wanted_process = atol(argv[3]);
    wanted_number = atol(argv[4]);
    action = argv[5];
    pid_t first = spawn(argv + 6);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ring}, NULL);
    alarm(atoi(argv[2]));
    int status = follow(first);
    fclose(report);
    return status;
}
