/* A client and scopes for the tests of core. */
#ifndef DOTSD_TESTS_CORE_FIXTURE_H
#define DOTSD_TESTS_CORE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/client.h"

static inline struct client *
make_client(const char *name, const char *certificate, const char *prefix)
{
	struct client *c = mem_new(sizeof(*c));

	c->name = mem_text(name);
	c->limits = CLIENT_LIMITS_DEFAULT;
	if (certificate) {
		c->certificates = mem_new(sizeof(char *));
		c->certificates[c->n_certificates++] = mem_text(certificate);
	}
	if (prefix) {
		c->prefixes = mem_new(sizeof(*c->prefixes));
		assert_int_equal(prefix_parse(prefix, &c->prefixes[c->n_prefixes++]), 0);
	}
	return c;
}

#endif
