// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The disk: files, what no sync covers of them, and what remains of that.

#include "disk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t sector = 512;
/// A failed sync loses whole pages of the system's cache, which are clean afterwards.
static const int64_t page = 4096;

/// SplitMix64.
static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t simulated_disk_random(simulated_disk *disk) {
    disk->random += 0x9e3779b97f4a7c15;
    return mixed(disk->random);
}

static bool by_chance(simulated_disk *disk) { return simulated_disk_random(disk) >> 63; }

// Files

struct file *disk_find(const simulated_disk *disk, const char *name) {
    for (struct file *file = disk->files; file; file = file->next)
        if (file->is_listed && file->name && strcmp(file->name, name) == 0) return file;
    return NULL;
}

struct file *disk_create(simulated_disk *disk, const char *name) {
    struct file *file = calloc(1, sizeof *file);
    char *copied = name ? strdup(name) : NULL;
    if (!file || (name && !copied)) {
        free(file);
        free(copied);
        return NULL;
    }
    file->name = copied;
    file->is_listed = name != NULL;
    file->made = ++disk->number;
    file->next = disk->files;
    disk->files = file;
    return file;
}

/// Frees the files that nothing leads to any more.
static void sweep(simulated_disk *disk) {
    for (struct file **at = &disk->files; *at;) {
        struct file *file = *at;
        if (file->is_listed || file->is_durable || file->users > 0) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        if (!file->name) disk->used -= file->contents.size;
        free(file->name);
        free(file->contents.data);
        free(file->durable.data);
        free(file->written.data);
        free(file->changes);
        free(file);
    }
}

void disk_leave(simulated_disk *disk, struct file *file) {
    file->users--;
    if (file->users == 0) sweep(disk);
}

// Changes

enum outcome disk_operation(simulated_disk *disk) {
    if (!disk->has_power) return DEAD;
    disk->counters.operations++;
    if (disk->operations_left < 0) return DONE;
    if (disk->operations_left-- > 0) return DONE;
    disk->has_power = false;
    return CUT;
}

static bool note(simulated_disk *disk, struct file *file, const void *data, int64_t count, int64_t offset) {
    if (!file->name) return true;
    if (file->change_count == file->change_room) {
        int64_t room = file->change_room ? file->change_room * 2 : 64;
        struct change *changes = realloc(file->changes, (size_t)room * sizeof *changes);
        if (!changes) return false;
        file->changes = changes;
        file->change_room = room;
    }
    struct change change = {++disk->number, offset, count, -1};
    if (data) {
        change.data = file->written.size;
        if (!bytes_put(&file->written, data, count, change.data)) return false;
    }
    file->changes[file->change_count++] = change;
    return true;
}

int disk_write(simulated_disk *disk, struct file *file, const void *data, int64_t count, int64_t offset) {
    int code = SQLITE_OK;
    int64_t growth = offset + count - file->contents.size;
    if (disk->capacity >= 0 && growth > 0 && disk->used + growth > disk->capacity) {
        // As much as there is room for is written, as write(2) does it.
        int64_t room = disk->capacity > disk->used ? disk->capacity - disk->used : 0;
        int64_t fits = file->contents.size + room - offset;
        count = fits > 0 ? fits : 0;
        code = SQLITE_FULL;
    }
    if (count == 0) return code;
    if (!note(disk, file, data, count, offset)) return SQLITE_IOERR_NOMEM;
    int64_t before = file->contents.size;
    if (!bytes_put(&file->contents, data, count, offset)) return SQLITE_IOERR_NOMEM;
    disk->used += file->contents.size - before;
    disk->counters.bytes_written += count;
    return code;
}

int disk_truncate(simulated_disk *disk, struct file *file, int64_t size) {
    if (!note(disk, file, NULL, 0, size)) return SQLITE_IOERR_NOMEM;
    int64_t before = file->contents.size;
    if (!bytes_extend(&file->contents, size)) return SQLITE_IOERR_NOMEM;
    file->contents.size = size;
    disk->used += size - before;
    return SQLITE_OK;
}

enum extent { WHOLE, IN_PART };

static void settle(simulated_disk *disk, struct file *file, const struct change *change, enum extent extent) {
    struct bytes *durable = &file->durable;
    if (change->data < 0) {
        if (extent == IN_PART && by_chance(disk)) return;
        must(bytes_extend(durable, change->offset));
        durable->size = change->offset;
        return;
    }
    const uint8_t *data = file->written.data + change->data;
    int64_t end = change->offset + change->length;
    if (extent == WHOLE) {
        must(bytes_put(durable, data, change->length, change->offset));
        return;
    }
    for (int64_t from = change->offset; from < end;) {
        int64_t to = (from / sector + 1) * sector;
        if (to > end) to = end;
        if (by_chance(disk)) must(bytes_put(durable, data + (from - change->offset), to - from, from));
        from = to;
    }
    if (durable->size < end && by_chance(disk)) must(bytes_extend(durable, end));
}

static void forget_changes(struct file *file) {
    file->change_count = 0;
    file->written.size = 0;
}

static void settle_all(simulated_disk *disk, struct file *file, enum extent extent) {
    for (int64_t at = 0; at < file->change_count; at++) settle(disk, file, &file->changes[at], extent);
    forget_changes(file);
}

/// Brings some pages to the disk, each with all of its changes, and forgets the others.
static void settle_pages(simulated_disk *disk, struct file *file) {
    uint64_t salt = simulated_disk_random(disk);
    for (int64_t at = 0; at < file->change_count; at++) {
        const struct change *change = &file->changes[at];
        if (change->data < 0) {
            settle(disk, file, change, IN_PART);
            continue;
        }
        const uint8_t *data = file->written.data + change->data;
        int64_t end = change->offset + change->length;
        for (int64_t from = change->offset; from < end;) {
            int64_t to = (from / page + 1) * page;
            if (to > end) to = end;
            if (mixed(salt + (uint64_t)(from / page)) >> 63)
                must(bytes_put(&file->durable, data + (from - change->offset), to - from, from));
            from = to;
        }
    }
    forget_changes(file);
}

static void make_name_durable(simulated_disk *disk, struct file *file) {
    file->is_durable = true;
    for (struct file *other = disk->files; other; other = other->next)
        if (other != file && other->name && !other->is_listed && strcmp(other->name, file->name) == 0)
            other->is_durable = false;
}

int disk_sync(simulated_disk *disk, struct file *file) {
    if (disk->syncs_until_failure > 0 && --disk->syncs_until_failure == 0) {
        settle_pages(disk, file);
        file->has_lost = true;
        return SQLITE_IOERR_FSYNC;
    }
    if (disk->lies || !file->name) return SQLITE_OK;
    settle_all(disk, file, WHOLE);
    if (file->is_listed && !file->is_durable) make_name_durable(disk, file);
    sweep(disk);
    return SQLITE_OK;
}

void disk_sync_directory(simulated_disk *disk) {
    if (disk->lies) return;
    for (struct file *file = disk->files; file; file = file->next) file->is_durable = file->is_listed;
    sweep(disk);
}

void disk_delete(simulated_disk *disk, struct file *file) {
    file->is_listed = false;
    file->deleted = ++disk->number;
    disk->used -= file->contents.size;
    sweep(disk);
}

// Power

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/// One of the changes of all files that are not durable, or 0, before all of them.
static uint64_t random_change(simulated_disk *disk) {
    int64_t count = 0;
    for (struct file *file = disk->files; file; file = file->next) count += file->change_count + 2;
    uint64_t *numbers = malloc((size_t)(count + 1) * sizeof *numbers);
    must(numbers != NULL);
    count = 0;
    numbers[count++] = 0;
    for (struct file *file = disk->files; file; file = file->next) {
        for (int64_t at = 0; at < file->change_count; at++) numbers[count++] = file->changes[at].number;
        if (file->is_listed && !file->is_durable) numbers[count++] = file->made;
        if (!file->is_listed && file->is_durable) numbers[count++] = file->deleted;
    }
    qsort(numbers, (size_t)count, sizeof *numbers, ascending);
    uint64_t found = numbers[simulated_disk_random(disk) % (uint64_t)count];
    free(numbers);
    return found;
}

/// A change of a name is there or is not.
static bool name_survives(
    simulated_disk *disk, enum simulated_disk_survival survival, uint64_t number, uint64_t last
) {
    switch (survival) {
    case SIMULATED_DISK_KEEP_NOTHING: return false;
    case SIMULATED_DISK_KEEP_CACHE:
    case SIMULATED_DISK_KEEP_EVERYTHING: return true;
    case SIMULATED_DISK_KEEP_SECTORS: return by_chance(disk);
    case SIMULATED_DISK_KEEP_PREFIX: return number <= last;
    }
    return false;
}

static void settle_file(
    simulated_disk *disk, struct file *file, enum simulated_disk_survival survival, uint64_t last
) {
    if (file->change_count == 0 && !file->has_lost) return;
    switch (survival) {
    case SIMULATED_DISK_KEEP_CACHE:
    case SIMULATED_DISK_KEEP_NOTHING: break;
    case SIMULATED_DISK_KEEP_EVERYTHING: settle_all(disk, file, WHOLE); break;
    case SIMULATED_DISK_KEEP_SECTORS: settle_all(disk, file, IN_PART); break;
    case SIMULATED_DISK_KEEP_PREFIX:
        for (int64_t at = 0; at < file->change_count; at++) {
            const struct change *change = &file->changes[at];
            if (change->number <= last) settle(disk, file, change, change->number < last ? WHOLE : IN_PART);
        }
        break;
    }
    forget_changes(file);
    file->has_lost = false;
    must(bytes_copy(&file->contents, &file->durable));
}

/// Where two files have a name, the newer one keeps it.
static void keep_newest_names(simulated_disk *disk) {
    for (struct file *a = disk->files; a; a = a->next)
        for (struct file *b = disk->files; b; b = b->next)
            if (a->is_listed && b->is_listed && a->made < b->made && strcmp(a->name, b->name) == 0)
                a->is_listed = a->is_durable = false;
}

static void lose_power(simulated_disk *disk, enum simulated_disk_survival survival) {
    uint64_t last = survival == SIMULATED_DISK_KEEP_PREFIX ? random_change(disk) : 0;
    for (struct file *file = disk->files; file; file = file->next) {
        if (!file->name) continue;
        if (file->is_listed != file->is_durable) {
            bool survives =
                name_survives(disk, survival, file->is_listed ? file->made : file->deleted, last);
            file->is_listed = file->is_durable = survives == file->is_listed;
        }
        settle_file(disk, file, survival, last);
    }
    keep_newest_names(disk);
    sweep(disk);
    disk->used = 0;
    for (struct file *file = disk->files; file; file = file->next)
        if (file->is_listed) disk->used += file->contents.size;
}

void simulated_disk_restore_power(simulated_disk *disk, enum simulated_disk_survival survival) {
    disk->life++;
    disk->has_power = true;
    disk->operations_left = -1;
    disk->syncs_until_failure = 0;
    for (struct file *file = disk->files; file; file = file->next) file->holder = NULL;
    if (survival != SIMULATED_DISK_KEEP_CACHE) lose_power(disk, survival);
}

void simulated_disk_cut_power_after(simulated_disk *disk, int64_t operations) { disk->operations_left = operations; }

void simulated_disk_cut_power_now(simulated_disk *disk) { disk->has_power = false; }

bool simulated_disk_has_power(const simulated_disk *disk) { return disk->has_power; }

// The disk itself

simulated_disk *simulated_disk_make(uint64_t seed) {
    static atomic_uint_fast64_t made;
    simulated_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    disk->random = seed;
    disk->has_power = true;
    disk->operations_left = disk->capacity = -1;
    unsigned long long number = atomic_fetch_add(&made, 1);
    snprintf(disk->vfs_name, sizeof disk->vfs_name, "simulated-disk-%llu", number);
    vfs_fill(disk);
    if (sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK) {
        free(disk);
        return NULL;
    }
    return disk;
}

void disk_dispose(simulated_disk *disk) {
    for (struct file *file = disk->files; file; file = file->next) file->is_listed = file->is_durable = false;
    sweep(disk);
    free(disk);
}

void simulated_disk_free(simulated_disk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
    disk->has_power = false;
    disk->is_freed = true;
    if (disk->handles == 0) disk_dispose(disk);
}

const char *simulated_disk_vfs_name(const simulated_disk *disk) { return disk->vfs_name; }

void simulated_disk_set_room(simulated_disk *disk, int64_t bytes) {
    disk->capacity = bytes < 0 ? -1 : disk->used + bytes;
}

void simulated_disk_fail_sync(simulated_disk *disk, int64_t number) { disk->syncs_until_failure = number; }

void simulated_disk_set_lying(simulated_disk *disk, bool lies) { disk->lies = lies; }

struct simulated_disk_counters simulated_disk_counters(const simulated_disk *disk) { return disk->counters; }

int64_t simulated_disk_size(const simulated_disk *disk, const char *name) {
    const struct file *file = disk_find(disk, name);
    return file ? file->contents.size : -1;
}

const uint8_t *simulated_disk_contents(const simulated_disk *disk, const char *name) {
    const struct file *file = disk_find(disk, name);
    return file && file->contents.size > 0 ? file->contents.data : NULL;
}

bool simulated_disk_put(simulated_disk *disk, const char *name, const uint8_t *bytes, int64_t count) {
    struct file *file = disk_find(disk, name);
    if (!file) file = disk_create(disk, name);
    if (!file) return false;
    make_name_durable(disk, file);
    forget_changes(file);
    file->has_lost = false;
    disk->used -= file->contents.size;
    file->contents.size = 0;
    bool is_done = bytes_put(&file->contents, bytes, count, 0) && bytes_copy(&file->durable, &file->contents);
    disk->used += file->contents.size;
    return is_done;
}

void simulated_disk_remove(simulated_disk *disk, const char *name) {
    struct file *file = disk_find(disk, name);
    if (!file) return;
    file->is_durable = false;
    disk_delete(disk, file);
}
