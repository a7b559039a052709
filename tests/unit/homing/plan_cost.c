/* Plans for random targets in a network of so many random prefixes; tests/suites/35-plan-cost
 * counts the instructions. */
#include "fixture.h"

#include <stdio.h>

#include "homing/plan.h"

enum { DOMAINS = 3, TARGETS = 500 };

static uint64_t dice = 42;

static uint32_t
roll(void)
{
	dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(dice >> 32);
}

static struct prefix
any_prefix(unsigned shortest)
{
	struct addr a = {.family = 4};
	uint32_t bits = roll();

	memcpy(a.bytes, &bits, sizeof(bits));
	return prefix_of(&a, shortest + roll() % (33 - shortest));
}

int
main(int argc, char **argv)
{
	static const char *const domains[] = {"isp1 wan1 - s1", "isp2 wan2 - s2", "isp3 wan3 - s3"};
	enum availability up[DOMAINS] = {SERVER_AVAILABLE, SERVER_AVAILABLE, SERVER_AVAILABLE};
	struct homing *h = make_homing(domains, DOMAINS);
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100, parts = 0;
	char why[100];

	for (size_t i = 0; i < n; i++) {
		struct domain *d = &h->domains[i % DOMAINS];

		d->protects = mem_grow(d->protects, d->n_protects + 1, sizeof(*d->protects));
		d->protects[d->n_protects++] = any_prefix(16);
	}
	if (homing_index(h, why, sizeof(why)) != 0)
		return 1;
	for (int i = 0; i < TARGETS; i++) {
		struct arena *a = arena_new();
		struct prefix target = any_prefix(28);
		struct ask ask = {.id = "a",
			.target = {.target_prefix = &target, .n_target_prefix = 1},
			.trigger_mitigation = true};
		struct plan p;

		plan(h, &ask, 1, NULL, 0, up, a, &p);
		parts += p.n_parts;
		arena_free(a);
	}
	homing_free(h);
	printf("%zu parts\n", parts);
	return 0;
}
