// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The disk as SQLite sees it: what its unix VFS does, with the same codes.

#include "disk.h"

#include <errno.h>
#include <string.h>

static struct handle *handle_of(sqlite3_file *file) { return (struct handle *)file; }
static simulated_disk *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

/// Fails as a dead disk does.
static int dead(simulated_disk *disk, int code) {
    disk->last_errno = EIO;
    return code;
}

static bool is_dead(const struct handle *handle) {
    return !handle->disk->has_power || handle->life != handle->disk->life;
}

/// Begins an operation through a handle.
static enum outcome begin(struct handle *handle) {
    return is_dead(handle) ? DEAD : disk_operation(handle->disk);
}

/// Ends one: `code` is what it came to, `failure` what is told if the power was cut meanwhile.
static int end(simulated_disk *disk, enum outcome outcome, int code, int failure) {
    if (outcome != DONE) return dead(disk, failure);
    if (code != SQLITE_OK) disk->last_errno = code == SQLITE_FULL ? ENOSPC : EIO;
    return code;
}

static int file_close(sqlite3_file *base) {
    struct handle *handle = handle_of(base);
    simulated_disk *disk = handle->disk;
    if (handle->file->holder == handle) handle->file->holder = NULL;
    disk_leave(disk, handle->file);
    disk->handles--;
    if (disk->is_freed && disk->handles == 0) disk_dispose(disk);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int count, sqlite3_int64 offset) {
    struct handle *handle = handle_of(base);
    if (is_dead(handle)) return dead(handle->disk, SQLITE_IOERR_READ);
    const struct bytes *contents = &handle->file->contents;
    int64_t there = contents->size - offset;
    if (there >= count) {
        memcpy(to, contents->data + offset, (size_t)count);
        return SQLITE_OK;
    }
    if (there < 0) there = 0;
    if (there > 0) memcpy(to, contents->data + offset, (size_t)there);
    memset((uint8_t *)to + there, 0, (size_t)(count - there));
    handle->disk->last_errno = 0;
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int count, sqlite3_int64 offset) {
    struct handle *handle = handle_of(base);
    simulated_disk *disk = handle->disk;
    // The unix VFS writes no more than that, and no page is as large.
    enum outcome outcome = count <= 0x1ffff ? begin(handle) : DEAD;
    if (outcome == DEAD) return dead(disk, SQLITE_IOERR_WRITE);
    disk->counters.writes++;
    return end(disk, outcome, disk_write(disk, handle->file, data, count, offset), SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    struct handle *handle = handle_of(base);
    enum outcome outcome = begin(handle);
    if (outcome == DEAD) return dead(handle->disk, SQLITE_IOERR_TRUNCATE);
    return end(handle->disk, outcome, disk_truncate(handle->disk, handle->file, size), SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)flags;
    struct handle *handle = handle_of(base);
    simulated_disk *disk = handle->disk;
    enum outcome outcome = begin(handle);
    if (outcome != DONE) return dead(disk, SQLITE_IOERR_FSYNC);
    disk->counters.syncs++;
    int code = end(disk, outcome, disk_sync(disk, handle->file), SQLITE_IOERR_FSYNC);
    if (code == SQLITE_OK && handle->syncs_directory) {
        disk_sync_directory(disk);
        handle->syncs_directory = false;
    }
    return code;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    struct handle *handle = handle_of(base);
    if (is_dead(handle)) return dead(handle->disk, SQLITE_IOERR_FSTAT);
    *size = handle->file->contents.size;
    return SQLITE_OK;
}

/// One connection at a time: a second one is busy as soon as the first one holds any lock.
static int file_lock(sqlite3_file *base, int lock) {
    struct handle *handle = handle_of(base);
    if (is_dead(handle)) return dead(handle->disk, SQLITE_IOERR_LOCK);
    if (handle->file->holder && handle->file->holder != handle) return SQLITE_BUSY;
    handle->file->holder = handle;
    if (lock > handle->lock) handle->lock = lock;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int lock) {
    struct handle *handle = handle_of(base);
    if (lock < handle->lock) handle->lock = lock;
    if (lock == SQLITE_LOCK_NONE && handle->file->holder == handle) handle->file->holder = NULL;
    return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *base, int *result) {
    const struct handle *holder = handle_of(base)->file->holder;
    *result = holder && holder->lock >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    struct handle *handle = handle_of(base);
    int *number = argument;
    switch (operation) {
    case SQLITE_FCNTL_LAST_ERRNO: *number = handle->disk->last_errno; return SQLITE_OK;
    case SQLITE_FCNTL_LOCKSTATE: *number = handle->lock; return SQLITE_OK;
    case SQLITE_FCNTL_PERSIST_WAL:
        if (*number < 0) *number = handle->keeps_log;
        else handle->keeps_log = *number != 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE:
        if (*number < 0) *number = 1;
        return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE: return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED: *number = !handle->file->is_listed; return SQLITE_OK;
    default: return SQLITE_NOTFOUND;
    }
}

static int file_sector_size(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int file_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *opened) {
    simulated_disk *disk = disk_of(vfs);
    struct handle *handle = handle_of(base);
    memset(handle, 0, sizeof *handle);
    if (!disk->has_power) return dead(disk, SQLITE_IOERR);
    struct file *file = name ? disk_find(disk, name) : NULL;
    if (!file) {
        if (!(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
        enum outcome outcome = disk_operation(disk);
        file = disk_create(disk, name);
        if (!file) return SQLITE_NOMEM;
        if (outcome != DONE) return dead(disk, SQLITE_IOERR);
        handle->syncs_directory =
            flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL);
    }
    file->users++;
    disk->handles++;
    handle->disk = disk;
    handle->file = file;
    handle->life = disk->life;
    handle->base.pMethods = &methods;
    if (opened) *opened = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int syncs_directory) {
    simulated_disk *disk = disk_of(vfs);
    if (!disk->has_power) return dead(disk, SQLITE_IOERR_DELETE);
    struct file *file = disk_find(disk, name);
    if (!file) return SQLITE_IOERR_DELETE_NOENT;
    enum outcome outcome = disk_operation(disk);
    disk_delete(disk, file);
    if (outcome != DONE) return dead(disk, SQLITE_IOERR_DELETE);
    if (syncs_directory) disk_sync_directory(disk);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    simulated_disk *disk = disk_of(vfs);
    if (!disk->has_power) return dead(disk, SQLITE_IOERR_ACCESS);
    const struct file *file = disk_find(disk, name);
    // An empty file does not count as one where SQLite asks for a journal.
    *result = file && (flags != SQLITE_ACCESS_EXISTS || file->contents.size > 0);
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int room, char *path) {
    (void)vfs;
    if (strlen(name) >= (size_t)room) return SQLITE_CANTOPEN;
    memcpy(path, name, strlen(name) + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *to) {
    for (int at = 0; at < count; at++) to[at] = (char)simulated_disk_random(disk_of(vfs));
    return count;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int vfs_current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *now) {
    // The Julian day of 2000-01-01, and a millisecond more with each look.
    *now = INT64_C(2451544500) * 86400 + disk_of(vfs)->clock_ms++;
    return SQLITE_OK;
}

static int vfs_current_time(sqlite3_vfs *vfs, double *now) {
    sqlite3_int64 ms = 0;
    vfs_current_time_ms(vfs, &ms);
    *now = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *to) {
    (void)room;
    (void)to;
    return disk_of(vfs)->last_errno;
}

void vfs_fill(simulated_disk *disk) {
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 512,
        .zName = disk->vfs_name,
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_current_time_ms,
    };
}
