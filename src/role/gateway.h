/*
 * The client-domain gateway (RFC 9284 5.2 figure 6, RFC 8811 2.2.3): a server whose requests are
 * granted by asking upstream through our own client, one wish a downstream request (rules M12,
 * M13).
 */
#ifndef DOTSD_ROLE_GATEWAY_H
#define DOTSD_ROLE_GATEWAY_H

#include "role/client.h"
#include "role/server.h"

struct gateway;
/* trim: forward the owned part of a request that holds foreign targets (`mixed-targets: trim`),
 * instead of refusing it. homing as in the client's setup. */
struct gateway *gateway_new(
	struct loop *l, struct dots_client *client, const struct homing *homing, bool trim);
void gateway_free(struct gateway *g);
void gateway_reload(struct gateway *g, const struct homing *homing, bool trim);
struct escalation *gateway_escalation(struct gateway *g);

#endif
