// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// Stands before the C library's heap and counts: the program's own malloc comes first for all libraries that it uses.
#include "allocations.h"

#include <features.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OTHER_HEAP 1
#endif
#endif

static _Thread_local struct allocations mine;

struct allocations allocations_of_thread(void) { return mine; }

#if defined(HAS_OTHER_HEAP) || !defined(__GLIBC__)

bool allocations_are_counted(void) { return false; }

#else

bool allocations_are_counted(void) { return true; }

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static void note(size_t size) {
    mine.count += 1;
    mine.bytes += size;
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    note(size);
    return __libc_realloc(old, size);
}

#endif
