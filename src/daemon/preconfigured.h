/*
 * What the configuration wants to stand at its providers for a loss of signal (RFC 9132 4.4.1.1:
 * trigger-mitigation false): one request of our client for each prefix, taken out with it.
 */
#ifndef DOTSD_DAEMON_PRECONFIGURED_H
#define DOTSD_DAEMON_PRECONFIGURED_H

#include "daemon/config.h"
#include "role/client.h"

/* Asks for what is not there yet, withdraws what the file does not have any more; to be called
 * whenever the configuration or what was learned changes. What cannot be asked is told as an alert
 * and tried the next time. */
void preconfigured_apply(struct dots_client *client, const struct config *c, struct loop *l);
/* Ids like that are those of such requests: nobody else's, or it would be withdrawn with them. */
bool preconfigured_owns(const char *id);

#endif
