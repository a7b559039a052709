/*
 * Targets that are names, one a line: what is taken has a host that is one, and reads the same
 * again.
 *
 * Covers: core/name.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "core/name.h"

enum { LINES_MAX = 16 };

static void
check_host(const struct name *n)
{
	char host[NAME_HOST_MAX + 1];
	struct addr a;

	if (n->state == NAME_KNOWN) {
		assert(n->uri && n->whole && n->n_addresses == 1);
		assert(addr_parse(n->host, &a) == 0 && addr_equal(&a, &n->addresses[0].addr));
		return;
	}
	assert(n->state == NAME_SOUGHT && !n->n_addresses);
	assert(name_read_host(n->host, strlen(n->host), host));
	assert(!strcmp(host, n->host));
	assert(addr_parse(n->host, &a) != 0);
}

static bool
check_name(const char *text, struct arena *a, struct name *ret)
{
	char why[200] = "";
	struct name again;

	if (name_parse(text, a, ret, why, sizeof(why)) != 0) {
		assert(*why);
		return false;
	}
	assert(!strcmp(ret->text, text) && strlen(text) <= NAME_TEXT_MAX);
	check_host(ret);
	assert(name_parse(ret->text, a, &again, why, sizeof(why)) == 0);
	assert(!strcmp(again.host, ret->host) && again.uri == ret->uri);
	return true;
}

/* Every name is given the addresses that a URI among them holds. */
static void
check_learning(struct name *names, size_t n, struct arena *a)
{
	struct name_answer answer = {.state = NAME_KNOWN, .whole = true, .why = ""};
	struct name_answer none = {.state = NAME_NONE, .why = "none"};
	struct name *copy;

	for (size_t i = 0; i < n && answer.n_addrs < NAME_ADDRS_MAX; i++)
		if (names[i].n_addresses)
			answer.addrs[answer.n_addrs++] = names[i].addresses[0].addr;
	for (size_t i = 0; i < n; i++) {
		bool known = names[i].state == NAME_KNOWN;

		assert(name_learn(&names[i], &none, a) == !known);
		name_learn(&names[i], &answer, a);
		assert(names[i].n_addresses == answer.n_addrs);
		assert(!name_learn(&names[i], &answer, a));
		assert(name_find(names, n, names[i].text));
	}
	copy = name_copy(names, n, a);
	for (size_t i = 0; i < n; i++)
		assert(name_same_addresses(&copy[i], &names[i]) &&
			!strcmp(copy[i].host, names[i].host));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line;
	struct arena *a = arena_new();
	struct name names[LINES_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")); i++)
		if (check_name(line, a, &names[n]))
			n++;
	check_learning(names, n, a);
	arena_free(a);
	free(text);
	return 0;
}
