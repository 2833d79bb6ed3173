// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#pragma once

#include <sys/types.h>

/// One thread of another process that stands still while the others go on, as one does whose disk hangs.
struct held_thread;

/// Holds it at its next fdatasync, and waits for that. NULL when the thread is not there, or this process may not trace it;
/// errno says which.
struct held_thread *hold_thread(pid_t thread);

/// Lets it go on. The argument must not be used again.
void release_thread(struct held_thread *held);
