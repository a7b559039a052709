#include "behind.h"

void
behind_start(struct behind *x)
{
	customer_start(&x->us);
	x->gateway = gateway_new(x->us.loop, x->us.client,
		&(struct gateway_setup){.homing = x->us.homing,
			.clients = x->gw.clients,
			.separate = x->separate,
			.server_domain = x->server_domain});
	x->gw.escalation = gateway_escalation(x->gateway);
	provider_start(&x->gw);
}

void
behind_stop(struct behind *x)
{
	provider_stop(&x->gw);
	gateway_free(x->gateway);
	x->gateway = NULL;
	customer_stop(&x->us);
}

static bool
is_state(struct behind *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

static int
set_up(void **state, bool acting)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};
	struct behind *x = mem_new(sizeof(*x));

	virtual_start();
	script_make(&x->s1, "s1", "192.0.2.10");
	script_make(&x->s2, "s2", "198.51.100.10");
	x->s1.status = x->s2.status = ATTACK_MITIGATION_IN_PROGRESS;
	customer_make(&x->us, domains, 2);
	virtual_link(x->us.loop, "wan1", "192.0.2.65/26");
	virtual_link(x->us.loop, "wan2", "198.51.100.65/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_address(&x->us, "s2", "198.51.100.10");
	x->gw.loop = x->us.loop;
	provider_make(&x->gw, "gw", "10.0.0.254", "0.0.0.0/0");
	provider_client(&x->gw, "c1", "0.0.0.0/0");
	if (acting) {
		x->gw.setup.above = (struct overload_rule){100, RATE_PACKETS, 10 * S};
	} else {
		x->gw.n_mitigators = 0;
		x->gw.setup.policy.terminating = 0; /* it is the upstream's */
	}
	behind_start(x);
	UNTIL(1 * S, is_state(x, "s1", "available") && is_state(x, "s2", "available"));
	hand_make(&x->c1, "c1", "10.0.0.1/24");
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_mark();
	*state = x;
	return 0;
}

int
behind_setup(void **state)
{
	return set_up(state, false);
}

int
behind_setup_acting(void **state)
{
	return set_up(state, true);
}

int
behind_teardown(void **state)
{
	struct behind *x = *state;

	hand_free(&x->c1);
	behind_stop(x);
	provider_free(&x->gw);
	customer_free(&x->us);
	script_free(&x->s1);
	script_free(&x->s2);
	virtual_end();
	free(x);
	return 0;
}

mono_ms
behind_put(struct behind *x, uint32_t mid, const char *target, int64_t most)
{
	mono_ms asked = virtual_now();

	hand_put(&x->c1, mid, target, 3600);
	UNTIL(most, x->c1.code != 0);
	return x->c1.answered - asked;
}
