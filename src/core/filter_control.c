#include "core/filter_control.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum activation_type
filter_control_type(const struct acl_entry *e)
{
	return e->has >> ACL_ACTIVATION_TYPE & 1 ? (enum activation_type)e->activation_type
						 : ACTIVATE_WHEN_MITIGATING;
}

static const struct acl_entry *
find(const struct acl_entry *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].acl_name, name))
			return &list[i];
	return NULL;
}

static bool
same_list(const struct scope *a, const struct scope *b)
{
	if (a->n_acl_list != b->n_acl_list)
		return false;
	for (size_t i = 0; i < a->n_acl_list; i++) {
		const struct acl_entry *e =
			find(b->acl_list, b->n_acl_list, a->acl_list[i].acl_name);

		if (!e || filter_control_type(e) != filter_control_type(&a->acl_list[i]))
			return false;
	}
	return true;
}

struct verdict
filter_control_check(const struct scope *s, bool if_match, const struct scope *on_record)
{
	if (if_match)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9133 3.2.1: acl-list is not for efficacy updates");
	if (!s->trigger_mitigation)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9133 3.2.1: acl-list in idle time: trigger-mitigation is false");
	for (size_t i = 1; i < s->n_acl_list; i++)
		if (find(s->acl_list, i, s->acl_list[i].acl_name))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9133 3.2.2.1: acl-list: acl-name %.64s stands there twice",
				s->acl_list[i].acl_name);
	if (on_record && !same_list(s, on_record))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9133 3.2.1: acl-list: filters are controlled with a new mid");
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* ---- what has changed ---- */

static void
forget(struct filter_changes *c, size_t at)
{
	free(c->list[at].acl_name);
	memmove(&c->list[at], &c->list[at + 1], (--c->n - at) * sizeof(*c->list));
}

bool
filter_changes_note(
	struct filter_changes *c, const char *acl, enum activation_type type, bool by_signal)
{
	const struct acl_entry *known = find(c->list, c->n, acl);

	if (!known && (!type || by_signal))
		return false;
	if (known && type) {
		c->list[known - c->list].activation_type = type;
		return !by_signal;
	}
	if (known) {
		forget(c, (size_t)(known - c->list));
		return false;
	}
	if (c->n == FILTER_CHANGES_MAX)
		forget(c, 0);
	c->list = mem_grow(c->list, c->n + 1, sizeof(*c->list));
	c->list[c->n++] = (struct acl_entry){.has = 1ULL << ACL_NAME | 1ULL << ACL_ACTIVATION_TYPE,
		.acl_name = mem_text(acl),
		.activation_type = type};
	return true;
}

void
filter_changes_finish(struct filter_changes *c)
{
	while (c->n)
		forget(c, c->n - 1);
	free(c->list);
	c->list = NULL;
}
