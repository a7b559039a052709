/*
 * A client behind a gateway: c1 by hand, the real gateway, two providers by script.
 *
 *   c1 (10.0.0.1) ── 10.0.0.254 gw ─┬ wan1 ── s1, owns 192.0.2.64/26
 *                                   └ wan2 ── s2, owns 198.51.100.64/26
 */
#ifndef DOTSD_TESTS_SCENARIO_BEHIND_H
#define DOTSD_TESTS_SCENARIO_BEHIND_H

#include "network.h"

struct behind {
	struct script s1, s2;
	struct customer us;
	struct gateway *gateway;
	struct provider gw;
	struct hand c1;
	bool separate, server_domain; /* as of the gateway's setup, from the next behind_start */
};

/* Everybody is up, c1 has its session; the mark is set. */
int behind_setup(void **state);
/* The gateway has a mitigator of its own, asks upstream above 100 packets/s over 10 s. */
int behind_setup_acting(void **state);
int behind_teardown(void **state);
void behind_start(struct behind *x); /* the gateway's roles */
void behind_stop(struct behind *x);
/* Asks for it as c1 until there is an answer, at most so long; the time it took. */
mono_ms behind_put(struct behind *x, uint32_t mid, const char *target, int64_t most);

#define BEHIND(f) cmocka_unit_test_setup_teardown(f, behind_setup, behind_teardown)
#define ACTING(f) cmocka_unit_test_setup_teardown(f, behind_setup_acting, behind_teardown)

#endif
