/*
 * ietf-yang-library and ietf-restconf-monitoring: which modules and which optional features of
 * RESTCONF this server has.
 */
#include "wire/data_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/data.h"

/* ---- tables ---- */

static const char *const conformances[] = {"implement", "import", NULL};

static const struct yang_type t_string = {.base = YANG_STRING}, t_uri = {.base = YANG_URI},
			      t_conformance = {.base = YANG_ENUM, .names = conformances};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LIBRARY(name_, kind_, type_)                                                               \
	{                                                                                          \
		.name = (name_), .module = DATA_LIBRARY_MODULE, .kind = (kind_), .type = (type_)   \
	}

static const struct yang_node module_rows[] = {
	LIBRARY("name", YANG_LEAF, &t_string),
	LIBRARY("revision", YANG_LEAF, &t_string),
	LIBRARY("namespace", YANG_LEAF, &t_uri),
	LIBRARY("feature", YANG_LEAF_LIST, &t_string),
	LIBRARY("conformance-type", YANG_LEAF, &t_conformance),
};
const struct yang_node data_modules_state_rows[2] = {
	LIBRARY("module-set-id", YANG_LEAF, &t_string),
	{.name = "module",
		.module = DATA_LIBRARY_MODULE,
		.kind = YANG_LIST,
		.keys = {"name", "revision"},
		.children = module_rows,
		.n_children = COUNT(module_rows)},
};

static const struct yang_node capability_rows[] = {
	{.name = "capability",
		.module = DATA_MONITORING_MODULE,
		.kind = YANG_LEAF_LIST,
		.type = &t_uri},
};
/* Without `streams`: there are none (RFC 8040 9.2). */
const struct yang_node data_restconf_state_rows[1] = {
	{.name = "capabilities",
		.module = DATA_MONITORING_MODULE,
		.kind = YANG_CONTAINER,
		.children = capability_rows,
		.n_children = COUNT(capability_rows)},
};

/* ---- instances ---- */

/* Those whose conditions the identities that we take for an ACL's type have. */
static const char *const acl_features[] = {"match-on-eth", "match-on-ipv4", "match-on-ipv6", "eth",
	"ipv4", "ipv6", "mixed-eth-ipv4", "mixed-eth-ipv6", "mixed-eth-ipv4-ipv6", NULL};

static const struct module {
	const char *name, *revision;
	bool is_implemented; /* its nodes; else only what others use of it */
	const char *const *features;
} modules[] = {
	{DATA_MODULE, "2020-05-28", true, NULL},
	{"ietf-access-control-list", "2019-03-04", false, acl_features},
	{"ietf-packet-fields", "2019-03-04", false, NULL},
	{"ietf-ethertypes", "2019-03-04", false, NULL},
	{"ietf-interfaces", "2018-02-20", false, NULL},
	{"ietf-inet-types", "2013-07-15", false, NULL},
	{"ietf-yang-types", "2013-07-15", false, NULL},
	{"ietf-restconf", "2017-01-26", false, NULL},
	{DATA_MONITORING_MODULE, "2017-01-26", true, NULL},
	{DATA_LIBRARY_MODULE, "2016-06-21", true, NULL},
};

static const char *const restconf_capabilities[] = {
	"urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit",
	"urn:ietf:params:restconf:capability:depth:1.0",
	"urn:ietf:params:restconf:capability:fields:1.0",
	"urn:ietf:params:restconf:capability:with-defaults:1.0",
};

static json_t *
module_entry(const struct module *m)
{
	json_t *entry = json_pack("{s:s, s:s, s:o}", "name", m->name, "revision", m->revision,
		"namespace", json_sprintf("urn:ietf:params:xml:ns:yang:%s", m->name));
	json_t *features = m->features ? json_array() : NULL;

	for (size_t i = 0; features && m->features[i]; i++)
		json_array_append_new(features, json_string(m->features[i]));
	if (features)
		json_object_set_new(entry, "feature", features);
	json_object_set_new(
		entry, "conformance-type", json_string(m->is_implemented ? "implement" : "import"));
	return entry;
}

/* Another set has another id (RFC 7895 2.2): FNV-1a of what it holds. */
static uint64_t
hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

json_t *
data_modules_state(void)
{
	json_t *list = json_array();
	uint64_t id = 0xcbf29ce484222325u;
	char text[20];

	for (size_t i = 0; i < COUNT(modules); i++) {
		const struct module *m = &modules[i];

		json_array_append_new(list, module_entry(m));
		id = hash(hash(id, m->name), m->revision);
		for (size_t k = 0; m->features && m->features[k]; k++)
			id = hash(id, m->features[k]);
	}
	snprintf(text, sizeof(text), "%016" PRIx64, id);
	return json_pack("{s:s, s:o}", "module-set-id", text, "module", list);
}

json_t *
data_restconf_state(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT(restconf_capabilities); i++)
		json_array_append_new(list, json_string(restconf_capabilities[i]));
	return json_pack("{s:{s:o}}", "capabilities", "capability", list);
}
