#include "core/name_record.h"

enum { WHY_MAX = 160 };

json_t *
name_record_write(const struct name *names, size_t n)
{
	json_t *list = n ? json_array() : NULL;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		json_t *addresses = json_array();

		for (size_t k = 0; k < names[i].n_addresses; k++)
			json_array_append_new(addresses,
				json_string(prefix_format(&names[i].addresses[k], text)));
		json_array_append_new(list, json_pack("{ss sb sb so}", "name", names[i].text,
						    "known", names[i].state == NAME_KNOWN, "whole",
						    names[i].whole, "addresses", addresses));
	}
	return list;
}

static void
read_addresses(const json_t *list, struct name *n, struct arena *a)
{
	const json_t *item;
	size_t i;

	n->addresses = arena_alloc(a, json_array_size(list) + 1, sizeof(struct prefix));
	n->n_addresses = 0;
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (text && prefix_parse(text, &n->addresses[n->n_addresses]) == 0)
			n->n_addresses++;
	}
}

static const char *
text_of(const json_t *item)
{
	const char *text = json_string_value(json_object_get(item, "name"));

	return text ? text : "";
}

size_t
name_record_read(const json_t *list, struct arena *a, struct name **ret)
{
	struct name *names = arena_alloc(a, json_array_size(list) + 1, sizeof(*names));
	char why[WHY_MAX];
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(list, i, item) {
		if (n == NAMES_MAX ||
			name_parse(text_of(item), a, &names[n], why, sizeof(why)) != 0)
			continue;
		if (json_is_true(json_object_get(item, "known"))) {
			names[n].state = NAME_KNOWN;
			names[n].whole = json_is_true(json_object_get(item, "whole"));
			read_addresses(json_object_get(item, "addresses"), &names[n], a);
		}
		n++;
	}
	*ret = names;
	return n;
}
