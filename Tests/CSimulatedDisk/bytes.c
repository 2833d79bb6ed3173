// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Bytes that grow.

#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct bytes *bytes, int64_t size) {
    if (size <= bytes->room) return true;
    int64_t room = bytes->room * 2 > size ? bytes->room * 2 : size + 4096;
    uint8_t *data = realloc(bytes->data, (size_t)room);
    if (!data) return false;
    bytes->data = data;
    bytes->room = room;
    return true;
}

bool bytes_extend(struct bytes *bytes, int64_t size) {
    if (size <= bytes->size) return true;
    if (!reserve(bytes, size)) return false;
    memset(bytes->data + bytes->size, 0, (size_t)(size - bytes->size));
    bytes->size = size;
    return true;
}

bool bytes_put(struct bytes *bytes, const uint8_t *data, int64_t count, int64_t offset) {
    if (count == 0) return true;
    if (!bytes_extend(bytes, offset) || !reserve(bytes, offset + count)) return false;
    memcpy(bytes->data + offset, data, (size_t)count);
    if (offset + count > bytes->size) bytes->size = offset + count;
    return true;
}

bool bytes_copy(struct bytes *to, const struct bytes *from) {
    to->size = 0;
    return bytes_put(to, from->data, from->size, 0);
}

void must(bool is_done) {
    if (is_done) return;
    fputs("simulated disk: out of memory\n", stderr);
    abort();
}
