/* Targets inside a NAT (rule M15). */
#include "fixture.h"

#include "homing/nat.h"
#include "homing/plan.h"

static void
add_nat(struct domain *d, const char *inside, const char *outside)
{
	d->nat = mem_grow(d->nat, d->n_nat + 1, sizeof(*d->nat));
	d->nat[d->n_nat++] = (struct nat_entry){prefix_from(inside), prefix_from(outside)};
}

static struct homing *
network(void)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};
	struct homing *h = make_homing(domains, 2);
	char why[100];

	add_nat(&h->domains[0], "100.64.0.66/32", "192.0.2.66/32");
	add_nat(&h->domains[1], "100.64.0.66/32", "198.51.100.66/32");
	add_nat(&h->domains[0], "10.0.0.64/27", "192.0.2.96/27");
	add_nat(&h->domains[1], "10.1.0.0/16", "198.51.100.65/32");
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	return h;
}

static const char *
outside(const struct homing *h, const char *inside)
{
	static char all[400];
	struct arena *a = arena_new();
	struct target t = target_from(a, inside), to = nat_outside(h, &t, a);
	char text[PREFIX_TEXT_MAX];

	*all = '\0';
	for (size_t i = 0; i < to.n_target_prefix; i++) {
		strcat(all, i ? " " : "");
		strcat(all, prefix_format(&to.target_prefix[i], text));
	}
	arena_free(a);
	return all;
}

/* 8811-3.2.5.1-01, 8811-3.2.5.1-02, 9132-3-26 */
static void
a_target_is_named_as_each_provider_sees_it(void **state)
{
	struct homing *h = network();

	(void)state;
	assert_string_equal(outside(h, "100.64.0.66/32 - -"), "192.0.2.66/32 198.51.100.66/32");
	assert_string_equal(outside(h, "10.0.0.70/32 - -"), "192.0.2.102/32");
	assert_string_equal(outside(h, "10.0.0.64/28 - -"), "192.0.2.96/28");
	assert_string_equal(outside(h, "10.0.0.64/27 - -"), "192.0.2.96/27");
	assert_string_equal(outside(h, "10.1.2.3/32 - -"), "198.51.100.65/32");
	assert_string_equal(
		outside(h, "192.0.2.70/32,10.0.0.95/32 - -"), "192.0.2.70/32 192.0.2.127/32");
	assert_string_equal(outside(h, "10.2.0.0/16 - -"), "10.2.0.0/16");
	homing_free(h);
}

static void
a_wider_target_stays_unless_it_may_be_clipped(void **state)
{
	struct homing *h = network();

	(void)state;
	assert_string_equal(outside(h, "10.0.0.0/8 - -"), "10.0.0.0/8");
	h->clip = true;
	assert_string_equal(outside(h, "10.0.0.0/8 - -"), "192.0.2.96/27 198.51.100.65/32");
	homing_free(h);
}

static enum part_state
planned(const struct homing *h, const char *inside, const char **ret_section)
{
	enum availability up[] = {SERVER_AVAILABLE, SERVER_AVAILABLE};
	struct arena *a = arena_new();
	struct target t = target_from(a, inside);
	struct ask ask = {.id = "a", .target = nat_outside(h, &t, a), .trigger_mitigation = true};
	enum part_state state;
	struct plan p;

	plan(h, &ask, 1, NULL, 0, up, a, &p);
	state = p.parts[0].state;
	*ret_section = p.parts[0].section;
	arena_free(a);
	return state;
}

/* 8811-3.2.5-02, 9132-3-25: Never on the wire. */
static void
what_is_left_inside_is_refused(void **state)
{
	static const char *const spaces[] = {"10.2.0.1/32 - -", "172.16.0.1/32 - -",
		"192.168.1.0/24 - -", "100.64.0.67/32 - -", "169.254.1.1/32 - -", "fd00::1/128 - -",
		"fe80::1/128 - -"};
	struct homing *h = network();
	const char *section;

	(void)state;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
		assert_int_equal(planned(h, spaces[i], &section), PART_REFUSED);
		assert_string_equal(section, "RFC 9284 5.2");
	}
	assert_int_equal(planned(h, "100.64.0.66/32 - -", &section), PART_SEND);
	homing_free(h);
}

/* A provider that is said to protect such space does; so does a gateway inside the same NAT (M12).
 */
static void
who_protects_inside_space_is_asked_for_it(void **state)
{
	static const char *const domains[] = {"isp1 wan1 100.64.0.0/16 s1", "@gw lan - gw"};
	struct homing *h = make_homing(domains, 2);
	const char *section;
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_int_equal(planned(h, "100.64.0.1/32 - -", &section), PART_SEND);
	assert_string_equal(section, "RFC 9284 5.1");
	assert_int_equal(planned(h, "10.2.0.1/32 - -", &section), PART_SEND);
	assert_string_equal(section, "RFC 9284 5.3");
	homing_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_named_as_each_provider_sees_it),
		cmocka_unit_test(a_wider_target_stays_unless_it_may_be_clipped),
		cmocka_unit_test(what_is_left_inside_is_refused),
		cmocka_unit_test(who_protects_inside_space_is_asked_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
