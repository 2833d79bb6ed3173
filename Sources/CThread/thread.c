// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#define _GNU_SOURCE
#include "CThread.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

void thread_set_name(const char *name) { pthread_setname_np(pthread_self(), name); }

// sched_setattr(2). The C library has no declaration of it before 2.41.
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

bool thread_set_slice(uint64_t nanoseconds) {
    struct attributes now = {.size = sizeof now};
    // Whatever else was set from outside stays as it is.
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) return false;
    enum { ordinary = 0, batch = 3 };
    if (now.policy != ordinary && now.policy != batch) return false;
    // An older kernel takes it and does nothing; a shorter slice was asked for from outside.
    if (now.runtime != 0 && now.runtime <= nanoseconds) return true;
    now.size = sizeof now;
    now.runtime = nanoseconds;
    return syscall(SYS_sched_setattr, 0, &now, 0) == 0;
}
