/*
 * What a URI stands for besides its host (RFC 9132 4.4.1.1): the protocols of its scheme, and its
 * port or that of the scheme. Pure.
 */
#ifndef DOTSD_CORE_SERVICE_H
#define DOTSD_CORE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVICE_PROTOCOLS_MAX = 2 };
struct service {
	uint8_t protocols[SERVICE_PROTOCOLS_MAX]; /* as in the IP header */
	size_t n_protocols;
	uint16_t port;
};

/* Of a URI that name_parse has taken. False: its scheme is none that is known here. */
bool service_of(const char *uri, struct service *ret);

#endif
