/*
 * What DHCP says about DOTS servers (RFC 8973 5), and the questions for it: DHCPINFORM (RFC 2131
 * 4.4.3) and Information-request (RFC 8415 18.2.6). Pure.
 *
 * An option that is malformed, or of which nothing usable is left, does not count: it is as if it
 * were not there.
 */
#ifndef DOTSD_WIRE_DHCP_H
#define DOTSD_WIRE_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"

enum {
	DHCP_NAME_MAX = 256, /* incl. NUL; names are without the dot at the end */
	DHCP_ADDRS_MAX = 16,
	DHCP_RESOLVERS_MAX = 4,
	DHCP_OPTION_TEXT_MAX = 16384,
};

#define DHCP_FOREVER UINT32_MAX /* a lifetime */

struct dhcp_dots {
	char name[DHCP_NAME_MAX]; /* of the server: options 147, 141; "" none */
	/* Of the server, in order of preference: 148, 142. With any of them the name is a reference
	 * identifier only (RFC 8973 5.1.3, 5.2.3). A link-local one is meant on the link that was
	 * asked (RFC 8973 5). */
	struct addr addrs[DHCP_ADDRS_MAX];
	size_t n_addrs;
	char domain[DHCP_NAME_MAX]; /* option 15, else the first of 119; the first of 24; "" none */
	struct endpoint resolvers[DHCP_RESOLVERS_MAX]; /* 6, 23; port 53, no scope */
	size_t n_resolvers;
	uint32_t lifetime; /* seconds until to be asked again; 0 not told, DHCP_FOREVER never */
};

/* A question, by which its answer is recognised. */
struct dhcp_question {
	uint32_t xid;       /* DHCPv6 uses 24 bits of it */
	bool has_ether;     /* the link has Ethernet addresses */
	uint8_t ether[6];   /* ours: chaddr, or the client identifier (DUID-LL) */
	struct addr client; /* DHCPv4: our address on the link */
};

/* At most DHCP_QUESTION_MAX bytes each. secs: since the first of these messages; centisecs: the
 * same in hundredths (RFC 8415 21.9). */
enum { DHCP_QUESTION_MAX = 320 };
void dhcp_inform_encode(const struct dhcp_question *q, uint16_t secs, struct buf *out);
void dhcp_information_request_encode(
	const struct dhcp_question *q, uint16_t centisecs, struct buf *out);

/* NULL, or why this is no answer to the question (*ret is undefined then). An answer without any
 * of the options is one, too. */
const char *dhcp_ack_decode(
	const struct dhcp_question *q, const uint8_t *bytes, size_t len, struct dhcp_dots *ret);
const char *dhcp_reply_decode(
	const struct dhcp_question *q, const uint8_t *bytes, size_t len, struct dhcp_dots *ret);

/* Raw options as a DHCP client's hook got them: "147=HEX,148=HEX" or "141=HEX,142=HEX", of one
 * family, at most DHCP_OPTION_TEXT_MAX bytes. NULL, or what is wrong with the text (*ret is
 * undefined then); domain, resolvers and lifetime stay empty. */
const char *dhcp_options_parse(const char *text, struct dhcp_dots *ret);

#endif
