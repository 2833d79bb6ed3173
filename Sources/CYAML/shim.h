// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#include <yaml.h>
