#include "core/alias.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
alias_finish(struct alias *a)
{
	for (size_t i = 0; i < a->n_names; i++)
		free(a->names[i]);
	free(a->names);
	free(a->name);
	free(a->prefixes);
	free(a->ports);
	free(a->protocols);
}

const struct alias *
alias_find(const struct alias *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

int
alias_read_port(const char *text, struct port_range *ret)
{
	char *end;
	unsigned long lower = strtoul(text, &end, 10), upper = lower;

	if (strspn(text, "0123456789-") != strlen(text) || end == text || *text == '-')
		return -EINVAL;
	if (*end == '-') {
		const char *second = end + 1;

		upper = strtoul(second, &end, 10);
		if (end == second || *second == '-')
			return -EINVAL;
	}
	if (*end || lower > upper || upper > UINT16_MAX)
		return -EINVAL;
	*ret = (struct port_range){.has = 1ULL << PORT_RANGE_LOWER_PORT, .lower_port = lower};
	if (upper != lower) {
		ret->has |= 1ULL << PORT_RANGE_UPPER_PORT;
		ret->upper_port = upper;
	}
	return 0;
}

bool
alias_add_port(struct target *to, const struct port_range *port, size_t max)
{
	for (size_t i = 0; i < to->n_target_port_range; i++) {
		struct port_range *has = &to->target_port_range[i];

		if (has->lower_port != port->lower_port)
			continue;
		if (port_range_last(has) < port_range_last(port))
			*has = *port;
		return true;
	}
	if (to->n_target_port_range == max)
		return false;
	to->target_port_range[to->n_target_port_range++] = *port;
	return true;
}

void
alias_add_protocol(struct target *to, uint64_t protocol)
{
	for (size_t i = 0; i < to->n_target_protocol; i++)
		if (to->target_protocol[i] == protocol)
			return;
	to->target_protocol[to->n_target_protocol++] = protocol;
}
