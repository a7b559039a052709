#include "scene.h"

int
scene_setup(void **state)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};
	struct scene *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->isp1, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_make(&x->isp2, "s2", "198.51.100.10", "198.51.100.64/26");
	customer_make(&x->us, domains, 2);
	virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	virtual_link(x->us.loop, "wan2", "198.51.100.66/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_address(&x->us, "s2", "198.51.100.10");
	*state = x;
	return 0;
}

int
scene_teardown(void **state)
{
	struct scene *x = *state;

	customer_free(&x->us);
	provider_free(&x->isp1);
	provider_free(&x->isp2);
	virtual_end();
	free(x);
	return 0;
}

void
scene_start(struct scene *x)
{
	provider_start(&x->isp1);
	provider_start(&x->isp2);
	customer_start(&x->us);
	UNTIL(1 * S, !strcmp(customer_server(&x->us, "s1"), "available") &&
			     !strcmp(customer_server(&x->us, "s2"), "available"));
	virtual_mark();
}

uint32_t
scene_place(struct scene *x)
{
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	return PACKET(0, PUTS(x))->mid;
}
