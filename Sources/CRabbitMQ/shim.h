// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

// Swift does not import macros with casts.
static const amqp_method_number_t crabbitmq_basic_deliver = AMQP_BASIC_DELIVER_METHOD;
static const amqp_method_number_t crabbitmq_basic_cancel = AMQP_BASIC_CANCEL_METHOD;
static const amqp_method_number_t crabbitmq_basic_ack = AMQP_BASIC_ACK_METHOD;
static const amqp_method_number_t crabbitmq_basic_nack = AMQP_BASIC_NACK_METHOD;
static const amqp_method_number_t crabbitmq_basic_get_empty = AMQP_BASIC_GET_EMPTY_METHOD;
static const amqp_method_number_t crabbitmq_channel_close = AMQP_CHANNEL_CLOSE_METHOD;
static const amqp_method_number_t crabbitmq_connection_close = AMQP_CONNECTION_CLOSE_METHOD;
static const amqp_method_number_t crabbitmq_connection_close_ok = AMQP_CONNECTION_CLOSE_OK_METHOD;
static const amqp_method_number_t crabbitmq_connection_blocked = AMQP_CONNECTION_BLOCKED_METHOD;
static const amqp_method_number_t crabbitmq_connection_unblocked = AMQP_CONNECTION_UNBLOCKED_METHOD;

static inline amqp_table_entry_t crabbitmq_yes(const char *key) {
    amqp_table_entry_t entry;
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

/// Logs in by user and password. (Swift cannot call a function of varying arguments.) Asks the broker to tell when it
/// cancels a consumer and when it blocks the connection. `name` is what the broker's own tools show.
static inline amqp_rpc_reply_t crabbitmq_login(
    amqp_connection_state_t state, const char *vhost, int heartbeat_s, const char *user, const char *password,
    const char *name) {
    amqp_table_entry_t capabilities[] = {
        crabbitmq_yes("consumer_cancel_notify"), crabbitmq_yes("connection.blocked")};
    amqp_table_entry_t properties[2];
    amqp_table_t table = {2, properties};
    properties[0].key = amqp_cstring_bytes("capabilities");
    properties[0].value.kind = AMQP_FIELD_KIND_TABLE;
    properties[0].value.value.table.num_entries = 2;
    properties[0].value.value.table.entries = capabilities;
    properties[1].key = amqp_cstring_bytes("connection_name");
    properties[1].value.kind = AMQP_FIELD_KIND_UTF8;
    properties[1].value.value.bytes = amqp_cstring_bytes(name);
    return amqp_login_with_properties(
        state, vhost, 1, AMQP_DEFAULT_FRAME_SIZE, heartbeat_s, &table, AMQP_SASL_METHOD_PLAIN, user, password);
}

/// A key that needs a passphrase is refused. Without this OpenSSL asks for it at the terminal, and waits.
static inline void crabbitmq_refuse_passphrase(amqp_socket_t *socket) {
    amqp_ssl_socket_set_key_passwd(socket, "");
}

/// What a thread that polls a broker's socket is woken by; -1: see errno.
static inline int crabbitmq_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/// What ps and gdb show for the calling thread, at most 15 bytes.
static inline void crabbitmq_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
