// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// What the system knows of a thread, for calls that Swift does not import.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Names the calling thread, as `ps -L` shows it: 15 bytes at most.
void thread_set_name(const char *name);

/// Asks the scheduler to give the calling thread, and all that it starts, its time in slices of so many nanoseconds. It gets
/// no more time than before, but gets it sooner after it was woken, also where others never rest (Linux 6.12 and later,
/// EEVDF). False where the system knows no such thing.
bool thread_set_slice(uint64_t nanoseconds);
