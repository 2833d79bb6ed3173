// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#pragma once

#include <stdbool.h>

/// What the calling thread has asked of the heap since it began.
struct allocations {
    unsigned long count;
    unsigned long bytes;
};

struct allocations allocations_of_thread(void);

/// False under a sanitizer, which has a heap of its own.
bool allocations_are_counted(void);
