/*
 * A configuration with both roles, loaded as dotsd loads it: two providers (isp1 on wan1, whose
 * server is found by name; isp2 on wan2 with two servers), provider-independent and never-signal
 * prefixes, one client.
 */
#ifndef DOTSD_TESTS_FUZZ_SNAPSHOT_H
#define DOTSD_TESTS_FUZZ_SNAPSHOT_H

#include "daemon/config.h"

/* Loaded once a run and never freed. */
struct config *snapshot_config(void);
/* The same without isp2, with other timers: what a reload brings. */
struct config *snapshot_other(void);
/* The same, but no server of isp2 is known. */
struct config *snapshot_awaiting(void);

#endif
