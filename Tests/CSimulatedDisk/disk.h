// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// What the files of this target share.

#ifndef DISK_H
#define DISK_H

#include "include/simulated_disk.h"

#include <sqlite3.h>

struct bytes {
    uint8_t *data;
    int64_t size, room;
};

// False without memory.
/// Makes it at least this long, with zeros.
bool bytes_extend(struct bytes *bytes, int64_t size);
bool bytes_put(struct bytes *bytes, const uint8_t *data, int64_t count, int64_t offset);
bool bytes_copy(struct bytes *to, const struct bytes *from);
/// A power cut must not depend on the memory of the process that simulates it.
void must(bool is_done);

/// A write, or a truncation to `offset` when `data` is negative, that no sync covers.
struct change {
    uint64_t number;
    int64_t offset, length;
    /// Where its bytes are in the file's `written`.
    int64_t data;
};

struct handle;

struct file {
    struct file *next;
    char *name;
    /// It has its name now; and it would have it after a cut of the power.
    bool is_listed, is_durable;
    /// A sync has failed: it reads other than what is durable.
    bool has_lost;
    /// When it was made and deleted, in the order of all changes.
    uint64_t made, deleted;
    struct bytes contents, durable, written;
    struct change *changes;
    int64_t change_count, change_room;
    /// Handles that point to it.
    int users;
    struct handle *holder;
};

struct simulated_disk {
    sqlite3_vfs vfs;
    char vfs_name[40];
    struct file *files;
    uint64_t random;
    /// Counts changes.
    uint64_t number;
    /// Counts the lives of the process: a handle of an earlier one is dead.
    uint64_t life;
    int handles;
    bool is_freed, has_power, lies;
    /// Operations until the cut; negative for none.
    int64_t operations_left;
    int64_t syncs_until_failure;
    /// Bytes in all files, and how many there may be; negative for any number.
    int64_t used, capacity;
    int64_t clock_ms;
    int last_errno;
    struct simulated_disk_counters counters;
};

struct handle {
    sqlite3_file base;
    simulated_disk *disk;
    struct file *file;
    uint64_t life;
    int lock;
    bool syncs_directory, keeps_log;
};

/// How an operation ends: well, cut off in the middle, or not begun.
enum outcome { DONE, CUT, DEAD };

enum outcome disk_operation(simulated_disk *disk);
struct file *disk_find(const simulated_disk *disk, const char *name);
/// `name` NULL makes a file that goes with its last handle. NULL without memory.
struct file *disk_create(simulated_disk *disk, const char *name);
int disk_write(simulated_disk *disk, struct file *file, const void *data, int64_t count, int64_t offset);
int disk_truncate(simulated_disk *disk, struct file *file, int64_t size);
int disk_sync(simulated_disk *disk, struct file *file);
void disk_sync_directory(simulated_disk *disk);
void disk_delete(simulated_disk *disk, struct file *file);
void disk_leave(simulated_disk *disk, struct file *file);
void disk_dispose(simulated_disk *disk);

/// Sets the calls of `disk->vfs`.
void vfs_fill(simulated_disk *disk);

#endif
