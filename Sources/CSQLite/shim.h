// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#include <sqlite3.h>

/// Lets sqlite3_close leave the write-ahead log as it is. (Swift cannot call a function of varying arguments.)
static inline int csqlite_close_without_checkpoint(sqlite3 *database) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
