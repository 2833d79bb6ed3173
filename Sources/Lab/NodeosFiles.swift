// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The files that a nodeos of the demonstration starts from.
enum NodeosFiles {
    /// Of every one.
    static let settings = """
        plugin = eosio::chain_api_plugin
        plugin = eosio::producer_plugin
        plugin = eosio::producer_api_plugin
        plugin = eosio::net_plugin
        plugin = eosio::net_api_plugin

        # All dial from one address, and a lost link is dialled again soon (s).
        p2p-max-nodes-per-host = 25
        connection-cleanup-period = 5

        # The file is this large, but takes only what is used of it.
        chain-state-db-size-mb = 1024
        chain-state-db-guard-size-mb = 32
        resource-monitor-not-shutdown-on-threshold-exceeded = true
        http-max-response-time-ms = 1000

        """

    /// Of those that make blocks: all with one producer and one key. They start paused, and are resumed by their peer.
    static let production = """

        producer-name = eosio
        enable-stale-production = true
        pause-on-startup = true

        # How long a block waits for its signature, in ms.
        keosd-provider-timeout = 300

        """

    /// A chain of its own, whose one producer `eosio` has the development key.
    static let genesis = """
        {
            "initial_timestamp": "2025-01-01T00:00:00.000",
            "initial_key": "\(DevelopmentKey.publicText)",
            "initial_configuration": {
                "max_block_net_usage": 1048576,
                "target_block_net_usage_pct": 1000,
                "max_transaction_net_usage": 524288,
                "base_per_transaction_net_usage": 12,
                "net_usage_leeway": 500,
                "context_free_discount_net_usage_num": 20,
                "context_free_discount_net_usage_den": 100,
                "max_block_cpu_usage": 200000,
                "target_block_cpu_usage_pct": 1000,
                "max_transaction_cpu_usage": 150000,
                "min_transaction_cpu_usage": 100,
                "max_transaction_lifetime": 3600,
                "deferred_trx_expiration_window": 600,
                "max_transaction_delay": 3888000,
                "max_inline_action_size": 4096,
                "max_inline_action_depth": 4,
                "max_authority_depth": 6
            }
        }

        """
}
