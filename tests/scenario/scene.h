/*
 * The scene that most scenarios play in: a customer with two providers, a server each, and how to
 * run cases in it.
 *
 *   customer ── wan1 (192.0.2.66) ──── s1 (192.0.2.10), owns 192.0.2.64/26
 *            └─ wan2 (198.51.100.66) ─ s2 (198.51.100.10), owns 198.51.100.64/26
 */
#ifndef DOTSD_TESTS_SCENARIO_SCENE_H
#define DOTSD_TESTS_SCENARIO_SCENE_H

#include "network.h"

struct scene {
	struct provider isp1, isp2;
	struct customer us;
};

/* Nobody is started. */
int scene_setup(void **state);
int scene_teardown(void **state);
/* All are, and the sessions are up; the mark is set. */
void scene_start(struct scene *x);
/* Asks for 198.51.100.66 (of isp2) as wish "w" and waits until it is placed; the mark is set
 * before. Its mid. */
uint32_t scene_place(struct scene *x);

#define CASE(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
/* What everybody filters on: mitigation requests of ours. */
#define PUTS(x) .from = (x)->us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE

#endif
