/*
 * Who may ask, and for what: the `clients:` of a server or gateway (RFC 9132 8, 11), and which cuid
 * belongs to whom (4.4.1.1).
 */
#ifndef DOTSD_CORE_CLIENT_H
#define DOTSD_CORE_CLIENT_H

#include "base/map.h"
#include "base/trie.h"
#include "core/alias.h"
#include "core/mitigator.h"
#include "core/verdict.h"

struct client_limits {
	uint32_t sessions;         /* default 8 */
	uint32_t mitigations;      /* default 1000 */
	uint32_t targets;          /* prefixes in one request; default 256 */
	uint32_t ports;            /* port ranges in one request; default 256 */
	uint32_t names;            /* in all its requests together; default 64 */
	uint32_t cuids;            /* default 4 */
	uint32_t observers;        /* subscriptions to status; default 256 */
	uint32_t waiting_requests; /* of one session, not answered yet; default 64 */
	/* More than a client of ours with a full link sends (24 every 200 ms); default 200. */
	uint32_t requests_per_second;
	uint32_t targets_total; /* prefixes of all its requests; default 10000 */
	/* Full ones that it has finished; more than a client that follows RFC 9132 4.7 has use for;
	 * default 600. */
	uint32_t handshakes_per_minute;
	/* Of all that it has on record over the data channel, as JSON: it can be asked for at once;
	 * default 524288. */
	uint32_t data_bytes;
};
#define CLIENT_LIMITS_DEFAULT                                                                      \
	((struct client_limits){8, 1000, 256, 256, 64, 4, 256, 64, 200, 10000, 600, 524288})

/* Whether an unlimited lifetime is granted (RFC 9132 4.4.1.1). */
enum indefinite { INDEFINITE_AS_ALL, INDEFINITE_GRANTED, INDEFINITE_SHORTENED };

/* One entry of `clients:`; several credentials may stand for it. */
struct client {
	char *name;
	char **certificates; /* DNS-IDs (or CNs) of certificates that stand for it */
	size_t n_certificates;
	char **spki; /* cuid-form digests (22 characters) of pinned public keys */
	size_t n_spki;
	char **psk_identities;
	size_t n_psk_identities;
	char **cdids; /* it goes by, besides the digests above, where a trusted gateway names it */
	size_t n_cdids;
	bool gateway; /* of the server's domain: trusted to say whom its requests are for (RFC 9132
			 4.4.1.2) */
	bool local;   /* what it asks for is handled here and asked of nobody upstream: it is
			 another server of the same provider */
	struct prefix *prefixes; /* it may ask for these and what lies inside */
	size_t n_prefixes;
	struct alias *aliases; /* what it may call its targets */
	size_t n_aliases;
	struct trie *authorised; /* built by clients_add */
	struct trie *never;      /* of the whole set, borrowed: set by clients_add */
	struct {
		uint32_t ipv4, ipv6; /* length of the widest prefix it may ask for; 0: any */
	} widest;
	uint32_t lifetime_max; /* seconds granted at most; 0: as all (struct mitigation_policy) */
	enum indefinite indefinite;
	struct filter_action action;
	struct client_limits limits;
};

/* An immutable set once built; look-ups by hash. */
struct clients;
struct clients *clients_new(void);
void clients_free(struct clients *cs); /* and its entries */
/* What is never mitigated here, whoever asks: prefixes of our own network that must stay reachable.
 * In force for clients that were added before, too. */
void clients_never(struct clients *cs, const struct prefix *prefixes, size_t n);
/* Takes ownership of c (allocated with mem_*). NULL, or a text: which name or credential stands
 * twice. */
const char *clients_add(struct clients *cs, struct client *c);
size_t clients_count(const struct clients *cs);
const struct client *clients_get(const struct clients *cs, size_t i); /* in the order added */
const struct client *clients_named(const struct clients *cs, const char *name);
/* By what a handshake proved: the certificate's names and key digest, or the PSK identity. */
const struct client *clients_by_certificate(
	const struct clients *cs, const char *const *names, size_t n_names, const char *spki_cuid);
const struct client *clients_by_psk(const struct clients *cs, const char *identity);
/* By what a trusted gateway calls it: all cdids of an entry mean the same (4.4.1.2). */
const struct client *clients_by_cdid(const struct clients *cs, const char *cdid);
/* 2.04, or 4.00 naming the first prefix that is special (loopback, multicast, broadcast: 4.4.1.1),
 * outside what the client may ask for, wider than it may, or has something in common with what is
 * never mitigated. */
struct verdict client_authorises(const struct client *c, const struct prefix *prefixes, size_t n);

/* cuid -> client, mutable state beside the configuration; restored from the store at start. */
struct cuids;
struct cuids *cuids_new(void);
void cuids_free(struct cuids *cu);
/* Uses or claims a cuid. 2.04; 4.09 cuid-collision (only conflict-cause) if it is bound to or
 * reserved for another entry; 4.29 when the client has too many. *ret_new: claimed now, has to be
 * stored. */
struct verdict cuids_bind(
	struct cuids *cu, const struct client *c, const char *cuid, bool *ret_new);
/* Whether it is bound to or reserved for another entry than that one. */
bool cuids_is_foreign(const struct cuids *cu, const char *client, const char *cuid);
/* The name of the client it belongs to, or NULL. */
const char *cuids_owner(const struct cuids *cu, const char *cuid);
/* The cuid that is the hash of a known credential of this entry is refused to all others. */
void cuids_reserve(struct cuids *cu, const char *client, const char *cuid);
/* Restores a binding from the store. */
void cuids_restore(struct cuids *cu, const char *client, const char *cuid);

#endif
