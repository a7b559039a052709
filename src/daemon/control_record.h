/*
 * `alias` and `acl` of the control socket: what the operator puts on record at data channels of
 * providers (RFC 8783), takes off it, or asks about. Used by control_command.c only.
 */
#ifndef DOTSD_DAEMON_CONTROL_RECORD_H
#define DOTSD_DAEMON_CONTROL_RECORD_H

#include "daemon/control_command.h"

/* Octets of the text that an entry comes in, and of its name. */
enum { RECORD_TEXT_MAX = 256 * 1024, RECORD_NAME_MAX = 512 };

void record_run_alias(struct asker *a, const json_t *request);
void record_run_acl(struct asker *a, const json_t *request);

#endif
