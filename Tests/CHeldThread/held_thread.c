// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#define _GNU_SOURCE
#include "CHeldThread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct held_thread {
    pid_t target;
    // Only the thread that began to trace may let go.
    pthread_t tracer;
    pthread_barrier_t begun, over;
    int failure;
};

static int next_stop(pid_t target, int *status) {
    while (waitpid(target, status, __WALL) < 0)
        if (errno != EINTR) return errno;
    return WIFSTOPPED(*status) ? 0 : ESRCH;
}

/// Stops it where it asks the disk to sync: elsewhere it might hold a lock that the others need.
static int hold(pid_t target) {
    if (ptrace(PTRACE_SEIZE, target, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) return errno;
    if (ptrace(PTRACE_INTERRUPT, target, NULL, NULL) != 0) return errno;
    int status;
    int failure = next_stop(target, &status);
    while (failure == 0) {
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, target, (void *)sizeof info, &info) < 0) return errno;
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_fdatasync) return 0;
        }
        if (ptrace(PTRACE_SYSCALL, target, NULL, NULL) != 0) return errno;
        failure = next_stop(target, &status);
    }
    return failure;
}

static void *trace(void *argument) {
    struct held_thread *held = argument;
    held->failure = hold(held->target);
    pthread_barrier_wait(&held->begun);
    pthread_barrier_wait(&held->over);
    // Where the target is dead already there is nothing to let go.
    ptrace(PTRACE_DETACH, held->target, NULL, NULL);
    return NULL;
}

struct held_thread *hold_thread(pid_t target) {
    struct held_thread *held = calloc(1, sizeof *held);
    if (held == NULL) return NULL;
    held->target = target;
    pthread_barrier_init(&held->begun, NULL, 2);
    pthread_barrier_init(&held->over, NULL, 2);
    int failure = pthread_create(&held->tracer, NULL, trace, held);
    if (failure != 0) {
        free(held);
        errno = failure;
        return NULL;
    }
    pthread_barrier_wait(&held->begun);
    failure = held->failure;
    if (failure != 0) {
        release_thread(held);
        errno = failure;
        return NULL;
    }
    return held;
}

void release_thread(struct held_thread *held) {
    pthread_barrier_wait(&held->over);
    pthread_join(held->tracer, NULL);
    pthread_barrier_destroy(&held->begun);
    pthread_barrier_destroy(&held->over);
    free(held);
}
