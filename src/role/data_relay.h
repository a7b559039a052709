/*
 * The gateway of the data channel (RFC 8783 3.3, 3.4; rules M12, M13): what clients put on record
 * here is asked for at the data channels of the providers it belongs to, beside what is ours.
 */
#ifndef DOTSD_ROLE_DATA_RELAY_H
#define DOTSD_ROLE_DATA_RELAY_H

#include "role/data_server.h"
#include "role/data_upstream.h"

struct data_relay_setup {
	const struct homing *homing; /* borrowed until reload or free, as all of it */
	const struct clients *clients;
	bool trim; /* as of struct gateway_setup, … */
	bool separate;
	bool server_domain; /* … these three */
	bool keep_via;      /* what a request came through is told upstream (RFC 8783 3.4) */
	bool acts;          /* filters have an effect here, too */
};
struct data_relay;
struct data_relay *data_relay_new(struct dots_client *client, struct data_upstream *upstream,
	const struct data_relay_setup *s);
void data_relay_free(struct data_relay *r);
/* After the client and data_upstream, before the data server. */
void data_relay_reload(struct data_relay *r, const struct data_relay_setup *s);
struct data_escalation *data_relay_escalation(struct data_relay *r);

#endif
