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
struct gateway_setup {
	const struct homing *homing;   /* as in the client's setup */
	const struct clients *clients; /* as in the server's */
	bool trim;     /* forward the owned part of a request that holds foreign targets
			  (`mixed-targets: trim`), instead of refusing it */
	bool separate; /* each client has sessions and a cuid of its own upstream (`aggregate: no`;
			  RFC 8811 2.3.1 figure 7), instead of all of them ours */
	bool server_domain; /* with `separate`: requests say whom they are for (`server-domain:
			       yes`; RFC 9132 4.4.1.2) */
};
struct gateway *gateway_new(
	struct loop *l, struct dots_client *client, const struct gateway_setup *setup);
void gateway_free(struct gateway *g);
/* What is asked for upstream stays where it was asked; what comes is asked as the setup says. */
void gateway_reload(struct gateway *g, const struct gateway_setup *setup);
struct escalation *gateway_escalation(struct gateway *g);

#endif
