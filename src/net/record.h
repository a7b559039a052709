/*
 * DTLS records seen from outside (RFC 6347 section 4.1): where they end, what kind they are, and
 * the ClientHello, which is answered before there is any state. Everything is checked here, so that
 * only whole records reach the TLS library.
 */
#ifndef DOTSD_NET_RECORD_H
#define DOTSD_NET_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, HELLO_RANDOM_LEN = 32 };

/* Length of the first record of these bytes with its header; 0 if it is none. */
size_t record_length(const uint8_t *bytes, size_t len);
/* Of a record found by record_length: */
uint8_t record_type(const uint8_t *record);
unsigned record_epoch(const uint8_t *record);
/* The description of a plaintext alert that ends an association, else -1. */
int record_final_alert(const uint8_t *record, size_t len);
/* The size of the largest message of which a plaintext handshake record has a part (RFC
 * 6347 4.2.2); 0: there is none. */
size_t record_announces(const uint8_t *record, size_t len);
/* The first (or only) fragment of a ClientHello, long enough to hold the cookie's place. */
bool record_is_hello(const uint8_t *record, size_t len);
/* The client's random of such a fragment: tells a repeat from a new attempt. */
const uint8_t *record_hello_random(const uint8_t *record);

#endif
