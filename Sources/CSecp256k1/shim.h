// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#include <secp256k1.h>
#include <secp256k1_recovery.h>
