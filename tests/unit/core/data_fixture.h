/* A book of data in a small world, for the tests of core/data*.c. */
#ifndef DOTSD_TESTS_CORE_DATA_FIXTURE_H
#define DOTSD_TESTS_CORE_DATA_FIXTURE_H

#include "core/data.h"
#include "fixture.h"
#include "standin/loop.h"
#include "standin/store.h"
#include "wire/data.h"

enum { DAY_MS = 86400 * 1000, WEEK_MS = 7 * DAY_MS };

static const wall_ms start = 1767225600000; /* 2026 */

extern struct loop *loop;
extern struct persist *store;
extern struct clients *clients;
extern struct data *book;
extern wall_ms now;
extern struct restconf_error err;
extern size_t created;
extern struct data_policy policy;
extern char told[256]; /* what data_on_change said */

#define ACE(name, source, destination, forwarding)                                                 \
	"{'name': '" name "', 'matches': {'ipv4': {'source-ipv4-network': '" source                \
	"', 'destination-ipv4-network': '" destination "'}}, 'actions': {'forwarding': '"          \
	"ietf-access-control-list:" forwarding "'}}"
#define ACL(name, activation, aces)                                                                \
	"{'name': '" name "', 'type': 'ietf-access-control-list:ipv4-acl-type', "                  \
	"'activation-type': '" activation "', 'aces': {'ace': [" aces "]}}"
#define DROP(name, source)   ACE(name, source, "192.0.2.0/25", "drop")
#define ACCEPT(name, source) ACE(name, source, "192.0.2.0/25", "accept")
/* Of records: who is the first to register; some versions. */
#define SINCE      "'since': 1767225600000"
#define VERSIONS   "'version': [5, 6], 'aliases': [5, 6], 'acls': [5, 6]"
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

void open_book(void);
void restart(void);
/* acme and twin may ask for the same, beta for something else. */
int set_up(void **state);
int tear_down(void **state);
bool enrol_as(const char *client, const char *cuid, struct data_client **ret);
/* Registers. */
struct data_client *enrol(const char *client, const char *cuid);
/* With ' for ". */
json_t *json_of(const char *text);
/* As the caller of data_edit gives it. */
json_t *normal_json_of(enum data_kind kind, const char *text);
/* Through data_edit, with the world of the fixture. */
bool edit(struct data_client *dc, struct data_change *changes, size_t n);
bool put_at(struct data_client *dc, enum data_kind kind, const char *text,
	enum restconf_insert insert, const char *point);
bool put(struct data_client *dc, enum data_kind kind, const char *text);
bool put_alias(struct data_client *dc, const char *name, const char *prefix);
bool take_away(struct data_client *dc, enum data_kind kind, const char *name);
void assert_why(unsigned status, enum restconf_tag tag, const char *part);
/* Names of its ACLs, one after the other. */
const char *order_of(const struct data_client *dc);
/* An ACL of one ACE. */
bool place(
	struct data_client *dc, const char *name, enum restconf_insert insert, const char *point);
/* Value with ' for ". */
void put_record(const char *kind, const char *key, const char *value);
/* The sources of the rules that are. */
const char *in_force(const char *client);
/* Another configuration, of these two with these prefixes; NULL: without it. */
void configure(const char *acme, const char *twin);

#endif
