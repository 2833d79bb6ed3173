// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Testing

/// All with a real broker, one after the other: some count threads and file descriptors.
@Suite(.serialized) struct BrokerTests {}
