/* One downstream answer out of several upstream ones (rule M13). */
#include "fixture.h"

#include "homing/merge.h"

static struct wish_part
part(enum wish_state state, uint8_t code, uint64_t status, uint32_t mid)
{
	return (struct wish_part){.state = state,
		.code = code,
		.status = status,
		.mid = mid,
		.server = (int)mid,
		.pkts_dropped = 10};
}

/* 9284-5.2-12: both ok, one refused, one unreachable. */
static void
the_first_acceptance_is_the_answer(void **state)
{
	struct wish_part p[] = {part(WISH_REFUSED, COAP_400_BAD_REQUEST, 0, 1),
		part(WISH_PLACED, COAP_201_CREATED, ATTACK_SUCCESSFULLY_MITIGATED, 2)};
	struct merged m;

	(void)state;
	merge_parts(p, 2, &m);
	assert_true(m.answer);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
	assert_int_equal(m.status, ATTACK_EXCEEDED_CAPABILITY); /* a refused part counts as 4 */
	p[0].state = WISH_PENDING;
	merge_parts(p, 2, &m);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
	assert_int_equal(m.status, ATTACK_MITIGATION_IN_PROGRESS);
}

/* What another gateway took is no refusal (M12). */
static void
what_was_declined_does_not_count(void **state)
{
	struct wish_part p[] = {part(WISH_DECLINED, COAP_400_BAD_REQUEST, 0, 1),
		part(WISH_PLACED, COAP_201_CREATED, ATTACK_SUCCESSFULLY_MITIGATED, 2)};
	struct merged m;

	(void)state;
	merge_parts(p, 2, &m);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
	assert_int_equal(m.status, ATTACK_SUCCESSFULLY_MITIGATED);
	p[1] = part(WISH_ENDED, COAP_201_CREATED, ATTACK_MITIGATION_TERMINATED, 2);
	merge_parts(p, 2, &m);
	assert_int_equal(m.status, ATTACK_MITIGATION_TERMINATED);
}

/* What was accepted and has ended was accepted; 9132-4.4.2-39. */
static void
what_has_ended_was_accepted(void **state)
{
	struct wish_part p[] = {part(WISH_ENDED, COAP_201_CREATED, ATTACK_MITIGATION_TERMINATED, 1),
		part(WISH_REFUSED, COAP_400_BAD_REQUEST, 0, 2)};
	struct merged m;

	(void)state;
	merge_parts(p, 1, &m);
	assert_true(m.answer);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
	assert_int_equal(m.status, ATTACK_MITIGATION_TERMINATED);
	merge_parts(p, 2, &m);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
}

static void
only_when_all_refuse_it_is_refused_and_names_nobody(void **state)
{
	struct wish_part p[] = {
		part(WISH_REFUSED, COAP_409_CONFLICT, 0, 1), part(WISH_SENT, 0, 0, 2)};
	struct merged m;

	(void)state;
	p[0].reason = "isp1 says no";
	merge_parts(p, 2, &m);
	assert_false(m.answer);
	p[1] = p[0];
	merge_parts(p, 2, &m);
	assert_true(m.answer);
	assert_int_equal(m.verdict.code, COAP_409_CONFLICT);
	assert_null(strstr(m.verdict.why, "isp1"));
}

/* The rate there is that of the gateway. */
static void
too_fast_upstream_is_overload_here(void **state)
{
	struct wish_part p = part(WISH_REFUSED, COAP_429_TOO_MANY_REQUESTS, 0, 1);
	struct merged m;

	(void)state;
	merge_parts(&p, 1, &m);
	assert_int_equal(m.verdict.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(m.verdict.max_age > 0);
}

/* RFC 8768 4: no text but the names that may go on. */
static void
a_loop_upstream_is_told_with_its_names(void **state)
{
	struct wish_part p = part(WISH_REFUSED, COAP_508_HOP_LIMIT_REACHED, 0, 1);
	struct merged m;

	(void)state;
	p.reason = "isp1 gw";
	merge_parts(&p, 1, &m);
	assert_int_equal(m.verdict.code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(m.verdict.why, "");
	p.loop = "b a";
	merge_parts(&p, 1, &m);
	assert_string_equal(m.verdict.why, "b a");
	assert_int_equal(m.status, ATTACK_MITIGATION_TERMINATED); /* granted before: nobody acts */
}

/* 9284-5.2-10 */
static void
no_association_anywhere_is_503_with_max_age(void **state)
{
	struct wish_part p[] = {part(WISH_PENDING, 0, 0, 1), part(WISH_PENDING, 0, 0, 2)};
	struct merged m;

	(void)state;
	merge_parts(p, 2, &m);
	assert_true(m.answer);
	assert_int_equal(m.verdict.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(m.verdict.max_age > 0);
}

static void
three_seconds_of_silence_are_accepted(void **state)
{
	struct wish_part p = part(WISH_SENT, 0, 0, 1);
	struct merged m;

	(void)state;
	merge_parts(&p, 1, &m);
	assert_false(m.answer);
	p.state = WISH_SILENT;
	merge_parts(&p, 1, &m);
	assert_true(m.answer);
	assert_int_equal(m.verdict.code, COAP_201_CREATED);
	assert_int_equal(m.status, ATTACK_MITIGATION_IN_PROGRESS);
}

/* A sum that lacks what one of them has dropped is none; who never answered has dropped nothing. */
static void
counters_are_known_when_all_are(void **state)
{
	struct wish_part p[] = {
		part(WISH_PLACED, COAP_201_CREATED, ATTACK_SUCCESSFULLY_MITIGATED, 1),
		part(WISH_SILENT, COAP_201_CREATED, ATTACK_SUCCESSFULLY_MITIGATED, 2),
		part(WISH_SENT, 0, 0, 3)};
	struct merged m;

	(void)state;
	p[0].counted = true;
	merge_parts(p, 3, &m);
	assert_false(m.counted);
	p[1].counted = true;
	merge_parts(p, 3, &m);
	assert_true(m.counted);
}

/* 5, 6, 7 only if all ended, else the worst of 4 > 1 > 8 > 2 > 3; counters of one placement once.
 */
static void
the_worst_status_counts(void **state)
{
	static const uint64_t order[] = {4, 1, 8, 2, 3};
	struct merged m;

	(void)state;
	for (size_t i = 0; i + 1 < 5; i++) {
		struct wish_part p[] = {part(WISH_PLACED, 0, order[i + 1], 1),
			part(WISH_PLACED, 0, order[i], 2),
			part(WISH_ENDED, 0, ATTACK_MITIGATION_TERMINATED, 3)};

		merge_parts(p, 3, &m);
		assert_int_equal(m.status, order[i]);
		assert_int_equal(m.pkts_dropped, 30);
		p[1].mid = 1;
		p[1].server = 1;
		merge_parts(p, 3, &m);
		assert_int_equal(m.pkts_dropped, 20);
	}
	struct wish_part ended[] = {part(WISH_ENDED, 0, ATTACK_MITIGATION_TERMINATED, 1),
		part(WISH_ENDED, 0, ATTACK_MITIGATION_TERMINATED, 2)};

	merge_parts(ended, 2, &m);
	assert_int_equal(m.status, ATTACK_MITIGATION_TERMINATED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_known_when_all_are),
		cmocka_unit_test(the_first_acceptance_is_the_answer),
		cmocka_unit_test(what_was_declined_does_not_count),
		cmocka_unit_test(what_has_ended_was_accepted),
		cmocka_unit_test(only_when_all_refuse_it_is_refused_and_names_nobody),
		cmocka_unit_test(too_fast_upstream_is_overload_here),
		cmocka_unit_test(a_loop_upstream_is_told_with_its_names),
		cmocka_unit_test(no_association_anywhere_is_503_with_max_age),
		cmocka_unit_test(three_seconds_of_silence_are_accepted),
		cmocka_unit_test(the_worst_status_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
