// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#define _GNU_SOURCE
#include "CHeldThread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

struct held_thread {
    pid_t target;
    // Only the thread that began to trace may let go.
    pthread_t tracer;
    pthread_barrier_t begun, over;
    int failure;
};

static int hold(pid_t target) {
    if (ptrace(PTRACE_SEIZE, target, NULL, NULL) != 0) return errno;
    if (ptrace(PTRACE_INTERRUPT, target, NULL, NULL) != 0) return errno;
    int status;
    while (waitpid(target, &status, __WALL) < 0)
        if (errno != EINTR) return errno;
    return WIFSTOPPED(status) ? 0 : ESRCH;
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
