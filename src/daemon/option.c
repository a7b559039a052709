/*
 * The walk over a YAML map by its table of options.
 */
#include "daemon/option.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/cuid.h"

enum { TEXT_MAX = 512, RESOLVER_PORT = 53, FILE_BYTES_MAX = 16 << 20 };

struct options {
	const char *path; /* of the file that is read */
	struct config_problems *problems;
	bool failed;
	struct map *marks; /* "object/key" -> struct spot */
	char **included;   /* names of files, for their spots */
	size_t n_included;
};

/* One file while it is read; everything that is wanted of it is copied. */
struct document {
	struct buf text; /* the tree points into it */
	struct fy_document *tree;
	struct fy_diag *diag;
};

/* ---- problems and places --------------------------------------------------------------------- */

void
options_problem(struct options *o, bool fatal, struct spot spot, const char *fmt, ...)
{
	struct config_problems *p = o->problems;
	char text[2 * TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->list = mem_grow(p->list, p->n + 1, sizeof(*p->list));
	p->list[p->n].fatal = fatal;
	p->list[p->n++].text = mem_printf(
		"%s:%d:%d: %s", spot.file ? spot.file : o->path, spot.line, spot.column, text);
	o->failed |= fatal;
}

bool
options_failed(const struct options *o)
{
	return o->failed;
}

/* key "": the object itself. The first place counts. */
static struct spot *
mark_at(const struct options *o, const void *object, const char *key, bool create)
{
	char id[TEXT_MAX];
	size_t len = (size_t)snprintf(id, sizeof(id), "%p/%s", object, key);
	struct spot *spot = map_get(o->marks, id, len);

	if (!spot && create) {
		spot = mem_new(sizeof(*spot));
		map_set(o->marks, id, len, spot);
		return spot;
	}
	return create ? NULL : spot;
}

static void
mark(struct options *o, const void *object, const char *key, struct spot spot)
{
	struct spot *at = mark_at(o, object, key, true);

	if (!at)
		return;
	*at = spot;
	at->file = o->path;
}

bool
options_given(const struct options *o, const void *object, const char *key)
{
	return mark_at(o, object, key, false);
}

struct spot
options_spot(const struct options *o, const void *object, const char *key)
{
	const struct spot *at = mark_at(o, object, key, false);

	if (!at)
		at = mark_at(o, object, "", false);
	return at ? *at : (struct spot){.line = 1, .column = 1};
}

static struct fy_node *
first_child(struct fy_node *node)
{
	void *at = NULL;

	if (fy_node_is_sequence(node))
		return fy_node_sequence_iterate(node, &at);
	if (fy_node_is_mapping(node))
		return fy_node_pair_key(fy_node_mapping_iterate(node, &at));
	return NULL;
}

/* Of what is empty, only the key before it has a place. */
static struct spot
place(struct fy_node *node, struct spot otherwise)
{
	const struct fy_mark *m;

	while (node && !fy_node_is_scalar(node))
		node = first_child(node);
	m = node && fy_node_get_scalar_token(node)
		    ? fy_token_start_mark(fy_node_get_scalar_token(node))
		    : NULL;
	return m ? (struct spot){.line = m->line + 1, .column = m->column + 1} : otherwise;
}

/* ---- kinds of values ------------------------------------------------------------------------- */

static bool
read_text(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	(void)row;
	if (!*text)
		return false;
	*(char **)at = mem_text(text);
	return true;
}

static bool
read_label(struct options *o, const struct option *row, const char *text, void *at)
{
	size_t len = strlen(text);

	return len <= 32 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len &&
	       read_text(o, row, text, at);
}

static bool
read_path(struct options *o, const struct option *row, const char *text, void *at)
{
	const char *slash = strrchr(o->path, '/');

	if (*text == '/' || !*text || !slash)
		return read_text(o, row, text, at);
	*(char **)at = mem_printf("%.*s%s", (int)(slash + 1 - o->path), o->path, text);
	return true;
}

static bool
read_interface(struct options *o, const struct option *row, const char *text, void *at)
{
	return strlen(text) < IFNAMSIZ && !strpbrk(text, "/ \t\n") && read_text(o, row, text, at);
}

static bool
read_digest(struct options *o, const struct option *row, const char *text, void *at)
{
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return false;
	return strlen(text) == CUID_TEXT_LEN && read_text(o, row, text, at);
}

static bool
read_bool(struct options *o, const struct option *row, const char *text, void *at)
{
	static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {
									"no", "false", "off"};

	(void)o;
	(void)row;
	for (size_t i = 0; i < 3; i++)
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*(bool *)at = !strcmp(text, yes[i]);
			return true;
		}
	return false;
}

static bool
read_number(struct options *o, const struct option *row, const char *text, void *at)
{
	char *end;
	long long n;

	(void)o;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n < row->min || n > row->max)
		return false;
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

/* In parts of the unit that the row counts in. */
static bool
read_parts(const struct option *row, const char *text, unsigned parts, void *at)
{
	char *end;
	double v;

	if (strspn(text, "0123456789.") != strlen(text) || !isdigit((unsigned char)*text))
		return false;
	v = strtod(text, &end);
	if (*end || v < (double)row->min || v > (double)row->max)
		return false;
	*(uint32_t *)at = (uint32_t)(v * parts + 0.5);
	return true;
}

static bool
read_seconds(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	return read_parts(row, text, 1000, at);
}

static bool
read_decimal(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	return read_parts(row, text, 100, at);
}

static bool
read_choice(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	for (uint32_t i = 0; row->choices[i]; i++)
		if (!strcmp(text, row->choices[i])) {
			*(uint32_t *)at = i;
			return true;
		}
	return false;
}

static bool
read_address(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	(void)row;
	return addr_parse(text, at) == 0;
}

static bool
read_prefix(struct options *o, const struct option *row, const char *text, void *at)
{
	(void)o;
	(void)row;
	return prefix_parse(text, at) == 0;
}

static bool
read_resolver(struct options *o, const struct option *row, const char *text, void *at)
{
	struct endpoint *e = at;

	(void)o;
	(void)row;
	*e = (struct endpoint){.port = RESOLVER_PORT};
	return addr_parse(text, &e->addr) == 0 || endpoint_parse(text, RESOLVER_PORT, e) == 0;
}

static const struct kind {
	const char *expected; /* NULL: told by expected_text */
	size_t size;
	bool (*read)(struct options *o, const struct option *row, const char *text, void *at);
} kinds[] = {
	[OPTION_TEXT] = {"a text", sizeof(char *), read_text},
	[OPTION_LABEL] = {"1 to 32 of a-z, 0-9 and _", sizeof(char *), read_label},
	[OPTION_PATH] = {"a file name", sizeof(char *), read_path},
	[OPTION_INTERFACE] = {"the name of a network interface", sizeof(char *), read_interface},
	[OPTION_DIGEST] = {"22 characters of base64url", sizeof(char *), read_digest},
	[OPTION_BOOL] = {"yes or no", sizeof(bool), read_bool},
	[OPTION_NUMBER] = {NULL, sizeof(uint32_t), read_number},
	[OPTION_SECONDS] = {NULL, sizeof(uint32_t), read_seconds},
	[OPTION_DECIMAL] = {NULL, sizeof(uint32_t), read_decimal},
	[OPTION_CHOICE] = {NULL, sizeof(uint32_t), read_choice},
	[OPTION_ADDRESS] = {"an IPv4 or IPv6 address", sizeof(struct addr), read_address},
	[OPTION_PREFIX] = {"an IPv4 or IPv6 prefix", sizeof(struct prefix), read_prefix},
	[OPTION_RESOLVER] = {"an address, or address:port", sizeof(struct endpoint), read_resolver},
	[OPTION_MAP] = {"a map", 0, NULL},
};

static void
expected_text(const struct option *row, char *text, size_t cap)
{
	const char *unit = row->unit ? row->unit : "";
	size_t n = 0;

	if (row->kind == OPTION_NUMBER)
		snprintf(text, cap, "a whole number%s%s from %lld to %lld", *unit ? " of " : "",
			unit, (long long)row->min, (long long)row->max);
	else if (row->kind == OPTION_SECONDS)
		snprintf(text, cap, "seconds from %lld to %lld", (long long)row->min,
			(long long)row->max);
	else if (row->kind == OPTION_DECIMAL)
		snprintf(text, cap, "a number from %lld to %lld", (long long)row->min,
			(long long)row->max);
	else if (row->kind == OPTION_CHOICE)
		for (size_t i = 0; row->choices[i]; i++)
			n += (size_t)snprintf(
				text + n, cap - n, "%s%s", i ? " or " : "", row->choices[i]);
	else
		snprintf(text, cap, "%s", kinds[row->kind].expected);
}

/* ---- mistakes in the form -------------------------------------------------------------------- */

static const char *
found_text(struct fy_node *node)
{
	static char text[80];

	if (!node || fy_node_is_null(node))
		return "nothing";
	if (fy_node_is_mapping(node))
		return "a map";
	if (fy_node_is_sequence(node))
		return "a list";
	snprintf(text, sizeof(text), "\"%.60s\"", fy_node_get_scalar0(node));
	return text;
}

static void
wrong_value(struct options *o, const struct option *row, struct fy_node *node, struct spot spot)
{
	char text[TEXT_MAX];

	expected_text(row, text, sizeof(text));
	options_problem(o, true, spot, "%s (%s) is %s, expected %s", row->key, row->what,
		found_text(node), text);
}

static void
wrong_form(struct options *o, const struct option *row, const char *form, struct fy_node *node,
	struct spot spot)
{
	options_problem(o, true, spot, "%s (%s) is %s, expected %s", row->key, row->what,
		found_text(node), form);
}

/* Edit distance, up to words of 31 characters. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[32], len = (unsigned)strlen(b);

	if (len >= 32 || strlen(a) >= 32)
		return 32;
	for (unsigned k = 0; k <= len; k++)
		row[k] = k;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= len; k++) {
			unsigned best = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			best = row[k] + 1 < best ? row[k] + 1 : best;
			row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
		}
	}
	return row[len];
}

static void
unknown_key(struct options *o, const struct option *rows, const char *title, const char *key,
	struct spot spot)
{
	const struct option *near = NULL;
	unsigned best = (unsigned)strlen(key) / 3 + 2;
	char known[TEXT_MAX] = "";
	size_t n = 0;

	for (const struct option *row = rows; row->key; row++) {
		bool begun = strlen(key) > 2 && !strncmp(key, row->key, strlen(key));
		unsigned d = begun ? 1 : distance(key, row->key);

		if (d < best) {
			best = d;
			near = row;
		}
		n += (size_t)snprintf(
			known + n, sizeof(known) - n, "%s%s", row == rows ? "" : ", ", row->key);
		assert(n < sizeof(known));
	}
	if (near)
		options_problem(o, true, spot,
			"unknown key \"%.60s\" in %s, expected perhaps \"%s\"", key, title,
			near->key);
	else
		options_problem(o, true, spot, "unknown key \"%.60s\" in %s, expected %s%s", key,
			title, *known ? "one of " : "none", known);
}

static void
stands_twice(struct options *o, const char *key, const char *title, struct spot spot)
{
	options_problem(
		o, true, spot, "\"%.64s\" stands twice in %s, expected it once", key, title);
}

/* ---- the walk -------------------------------------------------------------------------------- */

const char *
options_scalar(struct fy_node *node)
{
	return node && fy_node_is_scalar(node) && !fy_node_is_null(node) ? fy_node_get_scalar0(node)
									 : NULL;
}

static void
check_host_bits(struct options *o, const char *text, const struct prefix *p, struct spot spot)
{
	char address[ADDR_TEXT_MAX] = "", canonical[PREFIX_TEXT_MAX];
	struct addr a;

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"), text);
	if (addr_parse(address, &a) == 0 && !addr_equal(&a, &p->addr))
		options_problem(o, false, spot, "%s has bits set beyond its length, expected %s",
			text, prefix_format(p, canonical));
}

static void
read_scalar(struct options *o, const struct option *row, struct fy_node *node, struct spot spot,
	void *at)
{
	const char *text = options_scalar(node);

	if (!text || !kinds[row->kind].read(o, row, text, at)) {
		wrong_value(o, row, node, spot);
		return;
	}
	if (row->kind == OPTION_PREFIX)
		check_host_bits(o, text, at, spot);
}

static void defaults(struct options *o, const struct option *rows, void *object);

/* Room for n more elements; elements of maps never move, for they are marked by their address. */
static void *
grow(const struct option *row, void *object, size_t n, size_t size)
{
	void **list = (void **)((char *)object + row->offset);
	size_t *count = (size_t *)((char *)object + row->count), old = *count;

	assert(row->kind != OPTION_MAP || !*list);
	*list = mem_grow(*list, old + n, size);
	memset((char *)*list + old * size, 0, n * size);
	*count += n;
	return (char *)*list + old * size;
}

static void
read_maps(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	int n = fy_node_sequence_item_count(node);
	struct fy_node *item;
	void *at = NULL;
	char *element;

	if (n <= 0)
		return;
	element = grow(row, object, (size_t)n, row->size);
	for (; (item = fy_node_sequence_iterate(node, &at)); element += row->size)
		options_map(o, row->rows, element, row->key, item, place(item, spot));
}

/* An element that could not be read is not there. */
static void
read_element(struct options *o, const struct option *row, void *object, struct fy_node *item,
	struct spot spot)
{
	size_t *count = (size_t *)((char *)object + row->count), n = o->problems->n;

	read_scalar(o, row, item, spot, grow(row, object, 1, kinds[row->kind].size));
	if (o->problems->n > n && o->problems->list[n].fatal)
		--*count;
}

static void
read_list(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct fy_node *item;
	void *at = NULL;

	while ((item = fy_node_sequence_iterate(node, &at)))
		read_element(o, row, object, item, place(item, spot));
}

static bool
good_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return len > 0 && len <= 64;
}

static void
read_named(struct options *o, const struct option *row, void *object, struct fy_node *node)
{
	int n = fy_node_mapping_item_count(node);
	struct fy_node_pair *pair;
	void *at = NULL;
	char *element;
	struct map *seen;

	if (n <= 0)
		return;
	seen = map_new();
	element = grow(row, object, (size_t)n, row->size);
	for (; (pair = fy_node_mapping_iterate(node, &at)); element += row->size) {
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
		const char *name = options_scalar(key);
		struct spot spot = place(key, (struct spot){.line = 1, .column = 1});
		char title[128];

		if (!name || !good_name(name))
			options_problem(o, true, spot,
				"%s is the name of an entry of %s, expected 1 to 64 letters, "
				"digits, "
				"dots, dashes or underscores",
				found_text(key), row->key);
		else if (map_set(seen, name, strlen(name), element))
			stands_twice(o, name, row->key, spot);
		*(char **)(void *)element = mem_text(name ? name : "?");
		snprintf(title, sizeof(title), "%s %s", row->key, name ? name : "?");
		options_map(o, row->rows, element, title, value, spot);
	}
	map_free(seen);
}

static void
read_value(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot key_spot)
{
	struct spot spot = place(node, key_spot);

	if (row->kind == OPTION_CUSTOM)
		row->custom(o, row, object, node, spot);
	else if (row->arity == NAMED && node && fy_node_is_mapping(node))
		read_named(o, row, object, node);
	else if (row->arity == NAMED)
		wrong_form(o, row, "a map of names", node, spot);
	else if (row->arity == LIST && row->kind == OPTION_MAP && node && fy_node_is_sequence(node))
		read_maps(o, row, object, node, spot);
	else if (row->arity != ONE && node && fy_node_is_sequence(node))
		read_list(o, row, object, node, spot);
	else if (row->arity == LIST)
		wrong_form(o, row, "a list", node, spot);
	else if (row->arity == ONE_OR_LIST && !options_scalar(node))
		wrong_value(o, row, node, spot);
	else if (row->arity == ONE_OR_LIST)
		read_element(o, row, object, node, spot);
	else if (row->kind == OPTION_MAP)
		options_map(o, row->rows, (char *)object + row->offset, row->key, node, key_spot);
	else
		read_scalar(o, row, node, spot, (char *)object + row->offset);
}

static const struct option *
find_row(const struct option *rows, const char *key)
{
	for (; rows->key; rows++)
		if (!strcmp(rows->key, key))
			return rows;
	return NULL;
}

static void
read_pair(struct options *o, const struct option *rows, void *object, const char *title,
	struct fy_node_pair *pair)
{
	struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
	struct spot spot = place(key, (struct spot){.line = 1, .column = 1});
	const char *text = options_scalar(key);
	const struct option *row = text ? find_row(rows, text) : NULL;

	if (!row) {
		unknown_key(o, rows, title, text ? text : found_text(key), spot);
		return;
	}
	if (options_given(o, object, row->key)) {
		stands_twice(o, row->key, title, spot);
		return;
	}
	mark(o, object, row->key, options_scalar(value) ? place(value, spot) : spot);
	read_value(o, row, object, value, spot);
}

static void
default_of(struct options *o, const struct option *row, void *object)
{
	bool ok;

	if (row->kind == OPTION_MAP && row->arity == ONE)
		defaults(o, row->rows, (char *)object + row->offset);
	if (!row->fallback)
		return;
	ok = kinds[row->kind].read(o, row, row->fallback, (char *)object + row->offset);
	assert(ok);
	(void)ok;
}

static void
defaults(struct options *o, const struct option *rows, void *object)
{
	for (; rows->key; rows++)
		if (!options_given(o, object, rows->key))
			default_of(o, rows, object);
}

void
options_map(struct options *o, const struct option *rows, void *object, const char *title,
	struct fy_node *node, struct spot spot)
{
	struct fy_node_pair *pair;
	void *at = NULL;

	mark(o, object, "", spot);
	if (node && !fy_node_is_null(node) && !fy_node_is_mapping(node))
		options_problem(o, true, spot, "%s is %s, expected a map", title, found_text(node));
	else
		while (node && (pair = fy_node_mapping_iterate(node, &at)))
			read_pair(o, rows, object, title, pair);
	defaults(o, rows, object);
}

bool
options_words(struct options *o, const struct option *row, struct fy_node *node, struct spot spot,
	void (*visit)(void *arg, const char *word), void *arg)
{
	struct fy_node *item;
	void *at = NULL;

	if (!node || !fy_node_is_sequence(node)) {
		wrong_form(o, row, row->unit, node, spot);
		return false;
	}
	while ((item = fy_node_sequence_iterate(node, &at)))
		if (options_scalar(item))
			visit(arg, options_scalar(item));
		else
			wrong_form(o, row, row->unit, item, place(item, spot));
	return true;
}

static void
read_addresses(struct options *o, const struct option *row, struct fy_node *node, struct spot spot,
	const struct option_lists *to)
{
	struct fy_node *item;
	struct addr a;
	void *at = NULL;

	if (!node || !fy_node_is_sequence(node)) {
		wrong_form(o, row, "a list of addresses", node, spot);
		return;
	}
	if (fy_node_sequence_item_count(node) <= 0)
		options_problem(
			o, true, spot, "%s has a name without addresses, expected some", row->key);
	while ((item = fy_node_sequence_iterate(node, &at)))
		if (options_scalar(item) && addr_parse(options_scalar(item), &a) == 0)
			to->address(to->arg, &a);
		else
			wrong_form(o, row, "an address", item, place(item, spot));
}

bool
options_lists(struct options *o, const struct option *row, struct fy_node *node, struct spot spot,
	const struct option_lists *to)
{
	struct fy_node_pair *pair;
	void *at = NULL;

	if (!node || !fy_node_is_mapping(node)) {
		wrong_form(o, row, row->unit, node, spot);
		return false;
	}
	while ((pair = fy_node_mapping_iterate(node, &at))) {
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
		const char *name = options_scalar(key), *wrong;
		struct spot here = place(key, spot);

		wrong = name ? to->name(to->arg, name, here) : "is no name";
		if (wrong)
			options_problem(o, true, here, "%.80s in %s %s, expected %s",
				name ? name : found_text(key), row->key, wrong, row->unit);
		else
			read_addresses(o, row, value, place(value, here), to);
	}
	return true;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void
swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)len;
}

static void
syntax_problems(struct options *o, const struct document *d)
{
	struct fy_diag_error *e;
	void *at = NULL;

	while ((e = fy_diag_errors_iterate(d->diag, &at)))
		if (e->type == FYET_ERROR)
			options_problem(o, true,
				(struct spot){.line = e->line, .column = e->column},
				"%s, expected YAML", e->msg);
}

/* 0 or -errno. */
static int
read_file(const char *path, struct buf *text)
{
	FILE *f = fopen(path, "re");
	char part[4096];
	size_t n;
	int r;

	if (!f)
		return -errno;
	errno = 0;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_bytes(text, part, n);
	r = ferror(f) ? -errno : text->failed ? -EFBIG : 0;
	fclose(f);
	return r;
}

/* A line that begins with % is a directive, which says nothing that we would need; the library
 * reads a broken one for ever. Inside a map, as ours is one, no other line begins so. */
static bool
refuse_directives(struct options *o, const struct buf *text)
{
	struct spot spot = {.line = 1, .column = 1};
	bool fresh = true;

	for (size_t i = 0; i < text->len; i++) {
		if (fresh && text->bytes[i] == '%') {
			options_problem(o, true, spot,
				"%% at the beginning of a line is a YAML directive, expected none");
			return true;
		}
		fresh = text->bytes[i] == '\n' || text->bytes[i] == '\r';
		spot.line += text->bytes[i] == '\n';
	}
	return false;
}

/* Or may have. Without any there is nothing to resolve, and keys that stand twice are found by the
 * walk: the library compares each key of a map with all others. */
static bool
has_aliases(const struct buf *text)
{
	if (!text->len)
		return false;
	return memchr(text->bytes, '*', text->len) || memmem(text->bytes, text->len, "<<", 2);
}

static void
parse(struct options *o, struct document *d)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = {.flags = FYPCF_RESOLVE_DOCUMENT};

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = swallow;
	d->diag = fy_diag_create(&diag_cfg);
	assert(d->diag);
	fy_diag_set_collect_errors(d->diag, true);
	cfg.diag = d->diag;
	if (!has_aliases(&d->text))
		cfg.flags = FYPCF_ALLOW_DUPLICATE_KEYS;
	d->tree = fy_document_build_from_string(&cfg, buf_text(&d->text), d->text.len);
	syntax_problems(o, d);
}

static void
document_finish(struct document *d)
{
	fy_document_destroy(d->tree);
	if (d->diag)
		fy_diag_destroy(d->diag);
	buf_finish(&d->text);
}

/* The file o->path. False and noted: it cannot be read as YAML; *d is finished then. */
static bool
document_read(struct options *o, struct document *d)
{
	size_t before = o->problems->n;
	int error;

	*d = (struct document){0};
	buf_init(&d->text, FILE_BYTES_MAX);
	error = read_file(o->path, &d->text);
	if (error)
		options_problem(o, true, (struct spot){.line = 1, .column = 1},
			"cannot be read: %s, expected a YAML file", strerror(-error));
	else if (!refuse_directives(o, &d->text))
		parse(o, d);
	if (o->problems->n == before)
		return true;
	document_finish(d);
	return false;
}

struct options *
options_read(
	const char *path, const struct option *rows, void *object, struct config_problems *problems)
{
	struct options *o = mem_new(sizeof(*o));
	struct document d;
	struct fy_node *root;

	o->path = path;
	o->problems = problems;
	o->marks = map_new();
	if (!document_read(o, &d)) {
		options_free(o);
		return NULL;
	}
	root = d.tree ? fy_document_root(d.tree) : NULL;
	options_map(o, rows, object, "the file", root,
		place(root, (struct spot){.line = 1, .column = 1}));
	document_finish(&d);
	return o;
}

void
options_include(struct options *o, const char *path, const struct option *row, void *object)
{
	const char *configuration = o->path;
	struct document d;
	struct fy_node *root;

	o->included = mem_grow(o->included, o->n_included + 1, sizeof(char *));
	o->path = o->included[o->n_included++] = mem_text(path);
	if (document_read(o, &d)) {
		root = d.tree ? fy_document_root(d.tree) : NULL;
		if (root && !fy_node_is_null(root))
			read_value(o, row, object, root, (struct spot){.line = 1, .column = 1});
		document_finish(&d);
	}
	o->path = configuration;
}

static bool
free_spot(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
options_free(struct options *o)
{
	if (!o)
		return;
	map_each(o->marks, free_spot, NULL);
	map_free(o->marks);
	for (size_t i = 0; i < o->n_included; i++)
		free(o->included[i]);
	free(o->included);
	free(o);
}
