/*
 * One DHCP probe with the real loop, for dhcp_peer_test.py.
 *
 *	dhcp_asker FD 4 INTERFACE ADDRESS [SERVER]
 *	dhcp_asker FD 6 INTERFACE
 *
 * FD is inherited. Prints what the answer says, one "key value" a line; exit 1: there was none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dhcp.h"

struct asker {
	struct loop *loop;
	bool answered;
};

static void
print(const struct dhcp_dots *d)
{
	char text[ENDPOINT_TEXT_MAX];

	printf("name %s\ndomain %s\nlifetime %u\n", d->name, d->domain, d->lifetime);
	for (size_t i = 0; i < d->n_addrs; i++)
		printf("addr %s\n", addr_format(&d->addrs[i], text));
	for (size_t i = 0; i < d->n_resolvers; i++)
		printf("resolver %s\n", endpoint_format(&d->resolvers[i], text));
}

static void
on_answer(void *arg, const struct dhcp_dots *answer, const char *why)
{
	struct asker *a = arg;

	a->answered = answer;
	if (answer)
		print(answer);
	else
		fprintf(stderr, "%s\n", why);
	loop_stop(a->loop);
}

int
main(int argc, char **argv)
{
	struct dhcp_probe_config cfg = {0};
	struct asker a = {.loop = loop_new()};
	struct dhcp_probe *p;
	int error = 0;

	if (argc < 4)
		return 2;
	cfg.fd = atoi(argv[1]);
	cfg.family = (uint8_t)atoi(argv[2]);
	cfg.interface = argv[3];
	if ((argc > 4 && addr_parse(argv[4], &cfg.address) != 0) ||
		(argc > 5 && addr_parse(argv[5], &cfg.server) != 0))
		return 2;
	p = dhcp_probe_new(a.loop, &cfg, on_answer, &a, &error);
	if (!p) {
		fprintf(stderr, "%s\n", strerror(-error));
		return 2;
	}
	loop_run(a.loop);
	dhcp_probe_free(p);
	loop_free(a.loop);
	return !a.answered;
}
