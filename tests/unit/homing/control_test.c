/* Filters by signal (RFC 9133 3.2.1) in virtual time: what is told to a server, when, and what
 * becomes of the request. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "homing/placement.h"
#include "wire/coap.h"

enum { S = 1000, SENT_MAX = 32 };
static const wall_ms epoch = 1700000000000;

struct sent {
	bool put, if_match;
	uint32_t server, mid;
	char acls[200], target[100];
};

struct world {
	struct homing *h;
	struct persist *p;
	struct wishes *w;
	struct arena *a;
	mono_ms now;
	const char *recorded;       /* "isp2/acl isp2/other…": of ours */
	struct sent sent[SENT_MAX]; /* by the last step */
	size_t n_sent;
	unsigned looks, reports[32];
	char report[WISH_WHY_MAX], acls[WISH_WHY_MAX]; /* of the last one about filters */
	char conflict[WISH_WHY_MAX];
};

static const char *const isps[] = {
	"isp1 wan1 192.0.2.64/26 s1,s1b", "isp2 wan2 198.51.100.64/26 s2"};

static const char *
acl_at(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	struct world *x = arg;
	char *key =
		mem_printf("%s%s%s/%s ", asker, *asker ? ":" : "", x->h->domains[domain].name, acl);
	const char *found = strstr(x->recorded, key);

	free(key);
	return found ? arena_text(x->a, acl, strlen(acl)) : NULL;
}

static const char *
accepting_at(void *arg, uint32_t domain, size_t n)
{
	(void)arg;
	return domain == 1 && n == 0 ? "pass" : NULL;
}

static void
format_acls(const struct scope *s, char *ret, size_t cap)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; SCOPE_HAS(s, ACL_LIST) && i < s->n_acl_list; i++)
		len += (size_t)snprintf(ret + len, cap - len, "%s%s=%s", i ? "," : "",
			s->acl_list[i].acl_name,
			activation_type_name((int)s->acl_list[i].activation_type));
}

static void
note_sent(struct world *x, const struct wish_action *a)
{
	struct sent *s = &x->sent[x->n_sent++];

	assert_true(x->n_sent <= SENT_MAX);
	*s = (struct sent){a->kind == WISH_ACTION_PUT, a->if_match, a->server, a->mid, "", ""};
	format_acls(&a->scope, s->acls, sizeof(s->acls));
	if (a->scope.target.n_target_prefix)
		prefix_format(&a->scope.target.target_prefix[0], s->target);
}

static void
note_report(struct world *x, const struct wish_action *a)
{
	x->reports[a->report]++;
	if (a->report == WISH_REPORT_CONFLICT)
		snprintf(x->conflict, sizeof(x->conflict), "%s", a->reason);
	if (!*a->acls)
		return;
	snprintf(x->report, sizeof(x->report), "%s", a->reason);
	snprintf(x->acls, sizeof(x->acls), "%s", a->acls);
}

static void
drain(struct world *x)
{
	struct wish_action a;

	x->n_sent = x->looks = 0;
	memset(x->reports, 0, sizeof(x->reports));
	while (wishes_next(x->w, x->now, epoch + x->now, &a)) {
		if (a.kind == WISH_ACTION_PUT || a.kind == WISH_ACTION_DELETE)
			note_sent(x, &a);
		if (a.kind == WISH_ACTION_REPORT)
			note_report(x, &a);
		x->looks += a.kind == WISH_ACTION_LOOK;
	}
}

static void
until(struct world *x, mono_ms when)
{
	x->now = when;
	drain(x);
}

static void
begin(struct world *x)
{
	x->w = wishes_new(x->h, x->p, NULL);
	wishes_set_records(x->w, &(struct wish_records){acl_at, accepting_at, x});
}

static void
connect_all(struct world *x)
{
	for (uint32_t i = 0; i < x->h->n_servers; i++)
		wishes_available(x->w, i, SERVER_AVAILABLE, x->now, epoch + x->now);
	drain(x);
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	char why[100];

	x->h = make_homing(isps, 2);
	assert_int_equal(homing_index(x->h, why, sizeof(why)), 0);
	x->p = memory_store_new();
	x->a = arena_new();
	x->recorded = "isp2/a isp2/b isp1/b ";
	begin(x);
	connect_all(x);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	wishes_free(x->w);
	memory_store_free(x->p);
	homing_free(x->h);
	arena_free(x->a);
	free(x);
	return 0;
}

/* The process dies here and comes back. */
static void
crash(struct world *x)
{
	wishes_free(x->w);
	begin(x);
	wishes_restore(x->w, x->now, epoch + x->now);
	connect_all(x);
}

/* "a=deactivate b=immediate c" */
static size_t
acls_from(struct world *x, const char *text, struct acl_entry *ret)
{
	char *copy = mem_text(text), *rest = copy, *word;
	size_t n = 0;

	while ((word = strsep(&rest, " ")) && *word) {
		char *equals = strchr(word, '=');

		if (equals)
			*equals = '\0';
		ret[n++] = (struct acl_entry){
			.has = 1ULL << ACL_NAME | (equals ? 1ULL << ACL_ACTIVATION_TYPE : 0),
			.acl_name = arena_text(x->a, word, strlen(word)),
			.activation_type = equals ? activation_type_parse(equals + 1) : 0};
	}
	free(copy);
	return n;
}

static int
ask_as(struct world *x, const char *asker, const char *id, const char *target, const char *acls,
	bool trigger)
{
	struct acl_entry list[CONTROLS_MAX + 1];
	struct target t = target_from(x->a, target);
	struct wish_request r = {.id = id,
		.asker = asker,
		.target = &t,
		.trigger_mitigation = trigger,
		.acls = list,
		.n_acls = acls_from(x, acls, list),
		.acls_known = true};
	char made[WISH_ID_MAX], why[200];
	int error = wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why));

	drain(x);
	return error;
}

static int
ask(struct world *x, const char *id, const char *target, const char *acls)
{
	return ask_as(x, "operator", id, target, acls, true);
}

static int
control(struct world *x, const char *id, const char *acls)
{
	struct acl_entry list[CONTROLS_MAX + 1];
	char why[200];
	size_t n = acls_from(x, acls, list);
	int error = wishes_control(x->w, id, list, n, x->now, epoch + x->now, why, sizeof(why));

	drain(x);
	return error;
}

static void
answer_with(struct world *x, const struct sent *to, const struct wish_answer *a)
{
	const struct sent s = *to; /* the next step takes its place */

	wishes_answer(x->w, s.server, s.mid, a, x->now, epoch + x->now);
	drain(x);
}

/* To the last that was sent. */
static void
answer(struct world *x, uint8_t code)
{
	assert_true(x->n_sent > 0);
	answer_with(x, &x->sent[x->n_sent - 1],
		&(struct wish_answer){.method = COAP_PUT, .code = code, .lifetime = 3600});
}

static void
fail_acls(struct world *x, uint32_t max_age)
{
	answer_with(x, &x->sent[x->n_sent - 1],
		&(struct wish_answer){.method = COAP_PUT,
			.code = COAP_503_SERVICE_UNAVAILABLE,
			.max_age = max_age,
			.acls_failed = true});
}

static struct wish_part
part(struct world *x, const char *id)
{
	struct wish_view v;

	if (!wishes_view(x->w, id, x->now, x->a, &v))
		fail_msg("no wish %s", id);
	return v.parts[0];
}

/* It is placed, and its filters are told: the mid of that. */
static uint32_t
stand(struct world *x, const char *acls)
{
	uint32_t mid;

	assert_int_equal(ask(x, "w", "198.51.100.66/32", acls), 0);
	answer(x, COAP_201_CREATED);
	mid = x->sent[0].mid;
	answer(x, COAP_204_CHANGED);
	return mid;
}

/* 9133-3.2.1-10, 9133-3.2.1-11, 9133-3.2.1-12, 9133-4.3-01 */
static void
filters_are_told_with_the_next_mid_of_what_is_accepted(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	assert_int_equal(ask(x, "w", "198.51.100.66/32", "a=deactivate b"), 0);
	assert_int_equal(x->n_sent, 1);
	assert_string_equal(x->sent[0].acls, "");
	mid = x->sent[0].mid;
	answer(x, COAP_201_CREATED);
	assert_int_equal(x->n_sent, 1);
	assert_string_equal(x->sent[0].acls, "a=deactivate,b=activate-when-mitigating");
	assert_string_equal(x->sent[0].target, "198.51.100.66/32");
	assert_true(x->sent[0].mid > mid);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	assert_int_equal(part(x, "w").control, CONTROL_ASKED);
	mid = x->sent[0].mid;
	answer(x, COAP_204_CHANGED);
	assert_int_equal(x->n_sent, 0); /* what it takes the place of is not withdrawn */
	assert_int_equal(x->reports[WISH_REPORT_CONTROLLED], 1);
	assert_string_equal(x->acls, "a=deactivate,b=activate-when-mitigating");
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
	assert_int_equal(part(x, "w").mid, mid);
	assert_int_equal(control(x, "w", "a=immediate"), 0);
	assert_string_equal(x->sent[0].acls, "a=immediate,b=activate-when-mitigating");
	assert_true(x->sent[0].mid > mid);
	answer(x, COAP_204_CHANGED);
	assert_int_equal(control(x, "w", "a=immediate"), 0);
	assert_int_equal(x->n_sent, 0); /* it is so */
}

/* 9133-3.2.1-11: also what is asked for before there is an answer. */
static void
what_is_not_accepted_yet_goes_first(void **state)
{
	struct world *x = *state;
	struct sent first;

	ask(x, "w", "198.51.100.66/32", "");
	first = x->sent[0];
	assert_int_equal(control(x, "w", "a=deactivate"), 0);
	assert_int_equal(x->n_sent, 0);
	answer_with(x, &first,
		&(struct wish_answer){
			.method = COAP_PUT, .code = COAP_201_CREATED, .lifetime = 3600});
	assert_string_equal(x->sent[0].acls, "a=deactivate");
}

/* It goes on being refreshed while what is to take its place is unanswered; that the server has the
 * new one already, and refuses the old one for it, is no news. */
static void
a_refusal_of_what_is_replaced_is_no_news(void **state)
{
	struct world *x = *state;
	struct sent first, next;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	first = x->sent[0];
	answer(x, COAP_201_CREATED);
	next = x->sent[0];
	until(x, 1800 * S);
	assert_int_equal(x->n_sent, 1);
	assert_int_equal(x->sent[0].mid, first.mid);
	answer_with(x, &first,
		&(struct wish_answer){.method = COAP_PUT,
			.code = COAP_409_CONFLICT,
			.conflict = {.cause = OVERLAPPING_TARGETS},
			.conflict_mid = next.mid});
	assert_int_equal(x->n_sent, 0);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 0);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	answer_with(x, &next,
		&(struct wish_answer){
			.method = COAP_PUT, .code = COAP_204_CHANGED, .lifetime = 3600});
	assert_int_equal(part(x, "w").mid, next.mid);
	assert_int_equal(x->w->n_placements, 1);
}

/* 9133-3.2.1-30: nor in what is said again to a server. */
static void
what_is_said_again_has_no_filters(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	stand(x, "a=deactivate");
	mid = part(x, "w").mid;
	until(x, 1800 * S);
	assert_int_equal(x->n_sent, 1);
	assert_int_equal(x->sent[0].mid, mid);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_204_CHANGED);
	wishes_efficacy(x->w, "w", UNDER_ATTACK, x->now);
	drain(x);
	assert_true(x->sent[0].if_match);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_204_CHANGED);
	assert_int_equal(x->n_sent, 0);
	wishes_release(x->w, "w", x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->n_sent, 1);
	assert_false(x->sent[0].put);
	assert_int_equal(x->sent[0].mid, mid);
}

static void
an_acl_that_is_nowhere_is_refused_before_anything_is_sent(void **state)
{
	struct world *x = *state;

	assert_int_equal(ask(x, "w", "198.51.100.66/32", "a c"), -ENXIO);
	assert_int_equal(ask(x, "w", "192.0.2.66/32", "a"), -ENXIO); /* it is at the other one */
	assert_int_equal(x->n_sent, 0);
	assert_false(wishes_has(x->w, "w"));
	assert_int_equal(ask(x, "w", "198.51.100.66/32", ""), 0);
	answer(x, COAP_201_CREATED);
	assert_int_equal(control(x, "w", "c"), -ENXIO);
	assert_int_equal(x->n_sent, 0);
	assert_int_equal(control(x, "nobody", "a"), -ENOENT);
	assert_int_equal(control(x, "w", "a a"), -EINVAL);
}

/* 9133-3.2.1-06, 9133-3.2.1-07 */
static void
filters_are_not_controlled_in_idle_time(void **state)
{
	struct world *x = *state;

	assert_int_equal(ask_as(x, "operator", "w", "198.51.100.66/32", "a", false), -EDOM);
	assert_int_equal(ask_as(x, "operator", "w", "198.51.100.66/32", "", false), 0);
	assert_int_equal(control(x, "w", "a"), -EDOM);
}

/* 8783-7.2, rule M9: names of ACLs are no other provider's business. */
static void
each_provider_hears_of_those_that_it_has(void **state)
{
	struct world *x = *state;
	struct sent first[2];

	assert_int_equal(ask(x, "w", "192.0.2.66/32,198.51.100.66/32", "a b=immediate"), 0);
	assert_int_equal(x->n_sent, 2);
	memcpy(first, x->sent, sizeof(first));
	for (int i = 0; i < 2; i++) {
		answer_with(x, &first[i],
			&(struct wish_answer){
				.method = COAP_PUT, .code = COAP_201_CREATED, .lifetime = 3600});
		assert_int_equal(x->n_sent, 1);
		assert_string_equal(
			x->sent[0].acls, x->sent[0].server == server_named(x->h, "s2")
						 ? "a=activate-when-mitigating,b=immediate"
						 : "b=immediate");
	}
}

/* Of a client of ours those that are its own. */
static void
a_clients_acls_are_looked_up_as_its_own(void **state)
{
	struct world *x = *state;
	const char *id = "client:acme/c-1/7";

	assert_int_equal(ask_as(x, id, id, "198.51.100.66/32", "a", true), -ENXIO);
	x->recorded = "acme/c-1:isp2/a ";
	assert_int_equal(ask_as(x, id, id, "198.51.100.66/32", "a", true), 0);
	answer(x, COAP_201_CREATED);
	assert_string_equal(x->sent[0].acls, "a=activate-when-mitigating");
}

/* 9133-3.2.1-26, 9133-3.2.1-27 */
static void
failed_filters_are_left_out_at_once_and_told_again_later(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	answer(x, COAP_201_CREATED);
	mid = x->sent[0].mid;
	fail_acls(x, 30);
	assert_int_equal(x->n_sent, 1);
	assert_true(x->sent[0].mid > mid);
	assert_string_equal(x->sent[0].acls, "");
	assert_string_equal(x->sent[0].target, "198.51.100.66/32");
	assert_int_equal(x->reports[WISH_REPORT_UNCONTROLLED], 1);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	assert_int_equal(part(x, "w").control, CONTROL_LATER);
	mid = x->sent[0].mid;
	answer(x, COAP_201_CREATED);
	assert_int_equal(x->n_sent, 0);
	until(x, 30 * S - 1);
	assert_int_equal(x->n_sent, 0);
	until(x, 30 * S);
	assert_int_equal(x->n_sent, 1);
	assert_true(x->sent[0].mid > mid);
	assert_string_equal(x->sent[0].acls, "a=deactivate");
	fail_acls(x, 30);
	assert_int_equal(x->reports[WISH_REPORT_UNCONTROLLED], 0); /* it is known */
	answer(x, COAP_201_CREATED);
	until(x, 60 * S);
	answer(x, COAP_204_CHANGED);
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
	assert_int_equal(x->w->n_placements, 1);
	until(x, 600 * S);
	assert_int_equal(x->n_sent, 0);
}

/* 9133-3.2.1-17, of a client: what stood stands, and is made sure of. */
static void
an_acl_that_the_server_does_not_have_is_left_out(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	mid = x->sent[0].mid;
	answer(x, COAP_201_CREATED);
	answer(x, COAP_404_NOT_FOUND);
	assert_int_equal(x->looks, 1);
	assert_int_equal(x->reports[WISH_REPORT_UNCONTROLLED], 1);
	assert_int_equal(x->n_sent, 1);
	assert_int_equal(x->sent[0].mid, mid);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_204_CHANGED);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	assert_int_equal(part(x, "w").control, CONTROL_REFUSED);
	until(x, 600 * S);
	assert_int_equal(x->n_sent, 0);
	wishes_recorded(x->w, 1, x->now, epoch + x->now);
	drain(x);
	assert_string_equal(x->sent[0].acls, "a=deactivate");
	answer(x, COAP_204_CHANGED);
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
}

/* Another client's, say, which it has taken away in the middle of it. */
static void
what_is_gone_holds_up_no_other_filter(void **state)
{
	struct world *x = *state;

	x->recorded = "isp2/a isp2/b ";
	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	answer(x, COAP_201_CREATED);
	answer(x, COAP_201_CREATED);
	x->recorded = "isp2/b ";
	control(x, "w", "b=immediate");
	assert_string_equal(x->sent[0].acls, "a=deactivate,b=immediate");
	answer(x, COAP_404_NOT_FOUND);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_204_CHANGED);
	assert_string_equal(x->sent[0].acls, "b=immediate");
	answer(x, COAP_201_CREATED);
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
	assert_int_equal(x->w->n_placements, 1);
	until(x, 600 * S);
	assert_int_equal(x->n_sent, 0);
}

/* 9133-3.2.1-16, of a client: once, for all that is asked of that server. */
static void
a_server_without_filter_control_is_not_told_again(void **state)
{
	struct world *x = *state;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	answer(x, COAP_201_CREATED);
	answer(x, COAP_400_BAD_REQUEST);
	assert_int_equal(x->reports[WISH_REPORT_UNCONTROLLED], 1);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_204_CHANGED);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	control(x, "w", "b=immediate");
	assert_int_equal(x->n_sent, 0);
	assert_int_equal(x->reports[WISH_REPORT_UNCONTROLLED], 0);
	assert_int_equal(part(x, "w").control, CONTROL_REFUSED);
	ask(x, "v", "198.51.100.70/32", "b=immediate");
	answer(x, COAP_201_CREATED);
	assert_int_equal(x->n_sent, 0);
	assert_int_equal(part(x, "v").state, WISH_PLACED);
}

/* It says nothing of filters: nothing is left out of a request, the same is tried again. */
static void
an_overloaded_server_is_told_later(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	mid = x->sent[0].mid;
	answer(x, COAP_201_CREATED);
	answer(x, COAP_503_SERVICE_UNAVAILABLE);
	assert_int_equal(x->sent[0].mid, mid);
	answer(x, COAP_204_CHANGED);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	assert_int_equal(part(x, "w").control, CONTROL_LATER);
	until(x, CONTROL_RETRY_MS);
	assert_string_equal(x->sent[0].acls, "a=deactivate");
}

/* What is on its way, and what is accepted: neither is told twice. */
static void
a_crash_loses_nothing_of_filters(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	answer(x, COAP_201_CREATED);
	mid = x->sent[0].mid;
	crash(x);
	for (size_t i = 0; i < x->n_sent; i++)
		if (x->sent[i].mid == mid) {
			struct sent s = x->sent[i];

			assert_string_equal(s.acls, "a=deactivate");
			answer_with(x, &s,
				&(struct wish_answer){.method = COAP_PUT,
					.code = COAP_204_CHANGED,
					.lifetime = 3600});
			break;
		}
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
	assert_int_equal(part(x, "w").mid, mid);
	x->recorded = ""; /* nobody has asked the data channel yet */
	crash(x);
	for (size_t i = 0; i < x->n_sent; i++) {
		struct sent s = x->sent[i];

		if (!s.put)
			continue; /* of what was before */
		assert_int_equal(s.mid, mid);
		assert_string_equal(s.acls, "");
		answer_with(x, &s,
			&(struct wish_answer){
				.method = COAP_PUT, .code = COAP_204_CHANGED, .lifetime = 3600});
		break;
	}
	assert_int_equal(x->n_sent, 0);
	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), DEACTIVATE);
}

static void
a_server_that_has_lost_it_all_is_told_again(void **state)
{
	struct world *x = *state;

	stand(x, "a=deactivate");
	wishes_unknown(x->w, server_named(x->h, "s2"), part(x, "w").mid, x->now);
	until(x, 60 * S);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_201_CREATED);
	assert_string_equal(x->sent[0].acls, "a=deactivate");
}

/* RFC 9132 4.4.1.3 wants all parameters of a refresh to be those of the request. */
static void
a_server_that_minds_a_refresh_without_them_gets_another_request(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	stand(x, "a=deactivate");
	mid = part(x, "w").mid;
	until(x, 1800 * S);
	answer(x, COAP_400_BAD_REQUEST);
	assert_int_equal(x->n_sent, 1);
	assert_true(x->sent[0].mid > mid);
	assert_string_equal(x->sent[0].acls, "");
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	answer(x, COAP_201_CREATED);
	assert_int_equal(part(x, "w").control, CONTROL_DONE);
	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), DEACTIVATE);
	assert_int_equal(x->n_sent, 0);
	until(x, 3600 * S);
	answer(x, COAP_400_BAD_REQUEST); /* as of any request */
	assert_int_equal(part(x, "w").state, WISH_REFUSED);
}

/* 9133-3.1-06 */
static void
a_filter_is_controlled_until_its_wish_ends(void **state)
{
	struct world *x = *state;

	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), 0);
	stand(x, "a=deactivate");
	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), DEACTIVATE);
	assert_int_equal(wishes_controlled(x->w, "isp1", "a"), 0);
	assert_int_equal(wishes_controlled(x->w, "isp2", "b"), 0);
	until(x, 1 * S);
	assert_int_equal(ask(x, "x", "198.51.100.66/32", "a=immediate"), 0);
	assert_string_equal(x->sent[0].acls, "a=immediate"); /* said last */
	answer(x, COAP_204_CHANGED);
	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), ACTIVATE_IMMEDIATE);
	wishes_release(x->w, "x", x->now, epoch + x->now);
	drain(x);
	assert_string_equal(x->sent[0].acls, "a=deactivate");
	answer(x, COAP_204_CHANGED);
	wishes_release(x->w, "w", x->now, epoch + x->now);
	drain(x);
	assert_int_equal(wishes_controlled(x->w, "isp2", "a"), 0);
}

static void
what_is_withdrawn_meanwhile_goes_with_what_was_to_take_its_place(void **state)
{
	struct world *x = *state;

	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	answer(x, COAP_201_CREATED);
	wishes_release(x->w, "w", x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->n_sent, 2);
	for (int i = 0; i < 2; i++)
		assert_false(x->sent[i].put);
}

/* The end of what a server has replaced is no end. */
static void
the_end_of_what_is_replaced_is_no_news(void **state)
{
	struct world *x = *state;
	struct scope over = {.status = ATTACK_MITIGATION_TERMINATED};

	SCOPE_SET(&over, MID);
	SCOPE_SET(&over, STATUS);
	ask(x, "w", "198.51.100.66/32", "a=deactivate");
	over.mid = x->sent[0].mid;
	answer(x, COAP_201_CREATED);
	struct sent next = x->sent[0];

	wishes_status(x->w, server_named(x->h, "s2"), &over, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_ENDED], 0);
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	answer_with(x, &next,
		&(struct wish_answer){
			.method = COAP_PUT, .code = COAP_201_CREATED, .lifetime = 3600});
	assert_int_equal(part(x, "w").mid, next.mid);
}

static struct scope
status_of(struct world *x, struct acl_entry *list, const char *acls)
{
	struct scope s = {.mid = part(x, "w").mid, .status = ATTACK_MITIGATION_IN_PROGRESS};

	SCOPE_SET(&s, MID);
	SCOPE_SET(&s, STATUS);
	SCOPE_SET(&s, ACL_LIST);
	s.acl_list = list;
	s.n_acl_list = acls_from(x, acls, list);
	return s;
}

/* 9133-3.2.1-28 */
static void
what_the_server_changes_is_told_once(void **state)
{
	struct world *x = *state;
	struct acl_entry list[CONTROLS_MAX + 8];
	struct scope s;

	stand(x, "a=deactivate");
	s = status_of(x, list, "a=immediate z z=deactivate");
	wishes_status(x->w, server_named(x->h, "s2"), &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CHANGED], 1);
	assert_string_equal(x->acls, "a=immediate,z=activate-when-mitigating");
	assert_int_equal(part(x, "w").n_changed, 2);
	wishes_status(x->w, server_named(x->h, "s2"), &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CHANGED], 0);
	s = status_of(x, list, "a=deactivate"); /* as it was asked */
	wishes_status(x->w, server_named(x->h, "s2"), &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CHANGED], 0);
	assert_int_equal(part(x, "w").n_changed, 0);
	assert_int_equal(x->n_sent, 0); /* nothing is done about it by itself */
}

/* 9133-1.1-03, 9133-3.2.1-15 */
static void
a_conflict_names_filters_that_could_be_deactivated(void **state)
{
	struct world *x = *state;
	struct acl_entry list[2];
	struct scope s;

	ask(x, "w", "198.51.100.66/32", "");
	answer(x, COAP_201_CREATED);
	s = status_of(x, list, "");
	s.has &= ~(1ULL << SCOPE_ACL_LIST);
	verdict_conflict(
		&(struct conflict){.status = REQUEST_ACTIVE, .cause = CONFLICT_WITH_ACCEPTLIST},
		&s);
	wishes_status(x->w, server_named(x->h, "s2"), &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 1);
	assert_non_null(strstr(x->conflict, "deactivated: pass"));
	s.conflict_information.conflict_status = ALL_REQUESTS_INACTIVE;
	s.conflict_information.conflict_scope.acl_list = list;
	s.conflict_information.conflict_scope.n_acl_list = acls_from(x, "b unknown", list);
	wishes_status(x->w, server_named(x->h, "s2"), &s, x->now);
	drain(x);
	assert_non_null(strstr(x->conflict, "deactivated: b"));
	assert_null(strstr(x->conflict, "unknown"));
}

/* 9132-7.3: nothing is sent that does not fit, and the request stands. */
static void
more_than_fits_a_datagram_is_not_told(void **state)
{
	struct world *x = *state;
	struct buf recorded, acls;

	buf_init(&recorded, 8192);
	buf_init(&acls, 8192);
	for (int i = 10; i < 26; i++) {
		buf_printf(&recorded, "isp2/%d%050d ", i, 0);
		buf_printf(&acls, "%s%d%050d", i > 10 ? " " : "", i, 0);
	}
	x->recorded = buf_text(&recorded);
	assert_int_equal(ask(x, "w", "198.51.100.66/32", buf_text(&acls)), 0);
	while (x->n_sent) {
		assert_string_equal(x->sent[x->n_sent - 1].acls, "");
		answer(x, COAP_201_CREATED);
	}
	assert_int_equal(part(x, "w").state, WISH_PLACED);
	assert_int_equal(part(x, "w").control, CONTROL_REFUSED);
	assert_non_null(strstr(part(x, "w").control_why, "datagram"));
	x->recorded = "";
	buf_finish(&recorded);
	buf_finish(&acls);
}

static void
a_wish_has_so_many_filters_and_no_more(void **state)
{
	struct world *x = *state;
	struct acl_entry list[CONTROLS_MAX + 1];
	char names[CONTROLS_MAX + 1][8], why[WISH_WHY_MAX];
	struct buf recorded;

	buf_init(&recorded, 8192);
	for (int i = 0; i <= CONTROLS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "f%d", i);
		buf_printf(&recorded, "isp2/%s ", names[i]);
		list[i] = (struct acl_entry){.has = 1ULL << ACL_NAME, .acl_name = names[i]};
	}
	x->recorded = buf_text(&recorded);
	ask(x, "w", "198.51.100.66/32", "");
	assert_int_equal(
		wishes_control(x->w, "w", list, CONTROLS_MAX + 1, x->now, epoch, why, sizeof(why)),
		-EINVAL);
	assert_int_equal(
		wishes_control(x->w, "w", list, CONTROLS_MAX, x->now, epoch, why, sizeof(why)), 0);
	assert_int_equal(
		wishes_control(x->w, "w", list, CONTROLS_MAX, x->now, epoch, why, sizeof(why)), 0);
	assert_int_equal(
		wishes_control(x->w, "w", list + CONTROLS_MAX, 1, x->now, epoch, why, sizeof(why)),
		-EINVAL);
	x->recorded = "";
	buf_finish(&recorded);
}

/* M14: over several attachments it is one request, under one mid. */
static void
copies_of_a_request_share_the_next_mid(void **state)
{
	struct world *x = *state;
	struct sent first[2], next[2];

	x->h->domains[0].attachments = ATTACHMENTS_ALL;
	ask(x, "w", "192.0.2.66/32", "b");
	assert_int_equal(x->n_sent, 2);
	memcpy(first, x->sent, sizeof(first));
	assert_int_equal(first[0].mid, first[1].mid);
	for (int i = 0; i < 2; i++) {
		answer_with(x, &first[i],
			&(struct wish_answer){
				.method = COAP_PUT, .code = COAP_201_CREATED, .lifetime = 3600});
		assert_int_equal(x->n_sent, 1);
		next[i] = x->sent[0];
		assert_string_equal(next[i].acls, "b=activate-when-mitigating");
	}
	assert_int_equal(next[0].mid, next[1].mid);
	assert_true(next[0].mid > first[0].mid && next[0].server != next[1].server);
}

/* M6: another server of the domain has been told nothing yet. */
static void
the_next_server_of_the_domain_is_told_too(void **state)
{
	struct world *x = *state;
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b");

	ask(x, "w", "192.0.2.66/32", "b=deactivate");
	answer(x, COAP_201_CREATED);
	answer(x, COAP_204_CHANGED);
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->sent[0].server, s1b);
	assert_string_equal(x->sent[0].acls, "");
	answer(x, COAP_201_CREATED);
	assert_int_equal(x->sent[0].server, s1b);
	assert_string_equal(x->sent[0].acls, "b=deactivate");
}

/* What was on its way when its server went is not told to it in what begins anew there. */
static void
a_server_that_comes_back_is_asked_without_first(void **state)
{
	struct world *x = *state;
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b");

	ask(x, "w", "192.0.2.66/32", "b=deactivate");
	answer(x, COAP_201_CREATED);
	assert_string_equal(x->sent[0].acls, "b=deactivate");
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->sent[0].server, s1b);
	assert_string_equal(x->sent[0].acls, "");
	wishes_available(x->w, s1b, SERVER_UNAVAILABLE, x->now, epoch + x->now);
	wishes_available(x->w, s1, SERVER_AVAILABLE, x->now, epoch + x->now);
	drain(x);
	for (size_t i = 0; i < x->n_sent; i++) {
		assert_int_equal(x->sent[i].server, s1);
		assert_string_equal(x->sent[i].acls, "");
	}
	assert_true(x->n_sent > 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(filters_are_told_with_the_next_mid_of_what_is_accepted),
		CASE(what_is_not_accepted_yet_goes_first),
		CASE(a_refusal_of_what_is_replaced_is_no_news),
		CASE(what_is_said_again_has_no_filters),
		CASE(an_acl_that_is_nowhere_is_refused_before_anything_is_sent),
		CASE(filters_are_not_controlled_in_idle_time),
		CASE(each_provider_hears_of_those_that_it_has),
		CASE(a_clients_acls_are_looked_up_as_its_own),
		CASE(failed_filters_are_left_out_at_once_and_told_again_later),
		CASE(an_acl_that_the_server_does_not_have_is_left_out),
		CASE(what_is_gone_holds_up_no_other_filter),
		CASE(a_server_without_filter_control_is_not_told_again),
		CASE(an_overloaded_server_is_told_later),
		CASE(a_crash_loses_nothing_of_filters),
		CASE(a_server_that_has_lost_it_all_is_told_again),
		CASE(a_server_that_minds_a_refresh_without_them_gets_another_request),
		CASE(a_filter_is_controlled_until_its_wish_ends),
		CASE(what_is_withdrawn_meanwhile_goes_with_what_was_to_take_its_place),
		CASE(the_end_of_what_is_replaced_is_no_news),
		CASE(what_the_server_changes_is_told_once),
		CASE(a_conflict_names_filters_that_could_be_deactivated),
		CASE(more_than_fits_a_datagram_is_not_told),
		CASE(a_wish_has_so_many_filters_and_no_more),
		CASE(copies_of_a_request_share_the_next_mid),
		CASE(the_next_server_of_the_domain_is_told_too),
		CASE(a_server_that_comes_back_is_asked_without_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
