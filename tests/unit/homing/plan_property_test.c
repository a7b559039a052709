/*
 * plan() against thousands of random networks and requests, judged by an oracle that looks at every
 * cell of a small address space by itself. A case that fails is made smaller and printed.
 *
 *	plan_property_test [FIRST-SEED [CASES]]
 */
#include "fixture.h"

#include <stdio.h>

#include "homing/plan.h"

enum {
	DOMAINS = 5,
	OWN = 6, /* prefixes of a domain, of provider-independent space, … */
	SERVERS = 3,
	ASKS = 4,
	TARGETS = 6,
	CELLS = 256, /* /24s of 10.0.0.0/16 */
	CASES = 4000
};

/* ---- cases ---- */

struct span { /* a prefix of the space: of 2^(8 - bits) cells */
	uint8_t first, bits;
};

struct spans {
	struct span list[OWN];
	size_t n;
};

struct sketch_domain {
	bool gateway, all; /* attachments */
	struct spans assigned, protects;
	size_t n_servers;
	uint8_t priority[SERVERS], up[SERVERS];
};

struct sketch {
	struct sketch_domain domain[DOMAINS];
	size_t n_domains;
	struct spans independent, never;
	enum pi_policy pi;
	bool clip;
	struct {
		struct spans target; /* at most TARGETS */
		bool trigger;
	} ask[ASKS];
	size_t n_asks;
};

static uint32_t state_of_dice;

static uint32_t
roll(uint32_t n)
{
	state_of_dice = state_of_dice * 1664525 + 1013904223;
	return (state_of_dice >> 8) % n;
}

static struct span
any_span(void)
{
	struct span s = {.bits = (uint8_t)roll(9)};

	s.first = (uint8_t)(roll(CELLS) & (0xff00 >> s.bits));
	return s;
}

static void
fill_spans(struct spans *s, size_t most)
{
	s->n = roll((uint32_t)most + 1);
	for (size_t i = 0; i < s->n; i++)
		s->list[i] = any_span();
}

static bool
has_span(const struct spans *s, struct span x)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].first == x.first && s->list[i].bits == x.bits)
			return true;
	return false;
}

/* A prefix assigned by two, or by somebody and nobody, is refused by the configuration. */
static void
drop_contradictions(struct sketch *k)
{
	for (size_t d = 0; d < k->n_domains; d++) {
		struct spans *s = &k->domain[d].assigned;

		for (size_t i = s->n; i-- > 0;) {
			bool taken = has_span(&k->independent, s->list[i]);

			for (size_t e = 0; e < d; e++)
				taken = taken || has_span(&k->domain[e].assigned, s->list[i]);
			if (taken)
				s->list[i] = s->list[--s->n];
		}
	}
}

static struct sketch
draw(uint32_t seed)
{
	struct sketch k = {0};

	state_of_dice = seed;
	for (int i = 0; i < 3; i++)
		roll(2);
	k.n_domains = 1 + roll(DOMAINS);
	for (size_t d = 0; d < k.n_domains; d++) {
		struct sketch_domain *x = &k.domain[d];

		x->gateway = roll(8) == 0;
		x->all = roll(4) == 0;
		if (!x->gateway)
			fill_spans(&x->assigned, 3);
		fill_spans(&x->protects, roll(2) ? 3 : 0);
		x->n_servers = roll(SERVERS + 1);
		for (size_t i = 0; i < x->n_servers; i++) {
			x->priority[i] = (uint8_t)roll(2);
			x->up[i] = (uint8_t)roll(3);
		}
	}
	fill_spans(&k.independent, roll(2) ? 2 : 0);
	fill_spans(&k.never, roll(3) ? 0 : 2);
	k.pi = (enum pi_policy)roll(PI_DIVIDE + 1);
	k.clip = roll(2);
	k.n_asks = 1 + roll(ASKS);
	for (size_t i = 0; i < k.n_asks; i++) {
		fill_spans(&k.ask[i].target, TARGETS - 1);
		k.ask[i].target.list[k.ask[i].target.n++] = any_span();
		k.ask[i].trigger = roll(5) != 0;
	}
	drop_contradictions(&k);
	return k;
}

/* ---- from a sketch to what plan() takes ---- */

static struct prefix
prefix_of_span(struct span s)
{
	struct addr a = {.family = 4, .bytes = {10, 0, s.first, 0}};

	return prefix_of(&a, 16u + s.bits);
}

static struct prefix *
prefixes_of(const struct spans *s, size_t *ret_n)
{
	struct prefix *p = mem_array(s->n, sizeof(*p));

	for (size_t i = 0; i < s->n; i++)
		p[i] = prefix_of_span(s->list[i]);
	*ret_n = s->n;
	return p;
}

/* Which of the sketch's domains, servers, asks comes at which place. */
struct order {
	size_t domain[DOMAINS], server[SERVERS], ask[ASKS], target[TARGETS];
};

static void
shuffle(size_t *list, size_t n, bool really)
{
	for (size_t i = 0; i < n; i++)
		list[i] = i;
	for (size_t i = n; really && i > 1; i--) {
		size_t k = roll((uint32_t)i), swap = list[i - 1];

		list[i - 1] = list[k];
		list[k] = swap;
	}
}

struct setting {
	struct homing *homing;
	struct arena *arena;
	struct ask asks[ASKS];
	size_t n_asks;
	enum availability up[DOMAINS * SERVERS];
	struct plan plan;
};

static void
set_domain(struct domain *d, const struct sketch_domain *x, size_t number, const struct order *o)
{
	d->name = mem_printf("d%zu", number);
	d->gateway = x->gateway;
	d->attachments = x->all ? ATTACHMENTS_ALL : ATTACHMENTS_ONE;
	d->prefixes = prefixes_of(&x->assigned, &d->n_prefixes);
	d->protects = prefixes_of(
		x->protects.n || x->gateway ? &x->protects : &x->assigned, &d->n_protects);
	d->servers = mem_array(x->n_servers, sizeof(struct domain_server *));
	for (size_t i = 0, k = 0; i < SERVERS; i++) {
		size_t s = o->server[i];

		if (s >= x->n_servers)
			continue;
		d->servers[k] = mem_new(sizeof(struct domain_server));
		d->servers[k]->name = mem_printf("s%zu.%zu", number, s);
		d->servers[k]->priority = x->priority[s];
		d->n_servers = ++k;
	}
}

static enum availability
up_of(const struct sketch *k, const char *server)
{
	static const enum availability of[] = {SERVER_UNAVAILABLE, SERVER_SILENT, SERVER_AVAILABLE};
	unsigned d, s;

	assert_int_equal(sscanf(server, "s%u.%u", &d, &s), 2);
	return of[k->domain[d].up[s]];
}

static void
set(struct setting *x, const struct sketch *k, bool shuffled)
{
	static const char *const ids[ASKS] = {"a", "b", "c", "d"};
	struct homing *h = mem_new(sizeof(*h));
	struct order o;
	char why[200];

	shuffle(o.domain, k->n_domains, shuffled);
	shuffle(o.server, SERVERS, shuffled);
	shuffle(o.ask, k->n_asks, shuffled);
	h->n_domains = k->n_domains;
	h->domains = mem_array(h->n_domains, sizeof(*h->domains));
	for (size_t i = 0; i < h->n_domains; i++)
		set_domain(&h->domains[i], &k->domain[o.domain[i]], o.domain[i], &o);
	h->provider_independent = prefixes_of(&k->independent, &h->n_provider_independent);
	h->never_signal = prefixes_of(&k->never, &h->n_never_signal);
	h->pi = k->pi;
	h->clip = k->clip;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	*x = (struct setting){.homing = h, .arena = arena_new(), .n_asks = k->n_asks};
	for (uint32_t i = 0; i < h->n_servers; i++)
		x->up[i] = up_of(k, h->servers[i]->name);
	for (size_t i = 0; i < k->n_asks; i++) {
		const struct spans *t = &k->ask[o.ask[i]].target;
		struct ask *a = &x->asks[i];

		shuffle(o.target, t->n, shuffled);
		a->id = ids[o.ask[i]];
		a->trigger_mitigation = k->ask[o.ask[i]].trigger;
		a->target.target_prefix = arena_alloc(x->arena, t->n, sizeof(struct prefix));
		a->target.n_target_prefix = t->n;
		for (size_t n = 0; n < t->n; n++)
			a->target.target_prefix[n] = prefix_of_span(t->list[o.target[n]]);
	}
	plan(h, x->asks, x->n_asks, NULL, 0, x->up, x->arena, &x->plan);
}

static void
unset(struct setting *x)
{
	homing_free(x->homing);
	arena_free(x->arena);
}

/* ---- the oracle ---- */

static bool
holds(struct span s, unsigned cell)
{
	return (cell & (0xff00u >> s.bits) & 0xff) == s.first;
}

static int
longest(const struct spans *s, unsigned cell)
{
	int best = -1;

	for (size_t i = 0; i < s->n; i++)
		if (holds(s->list[i], cell) && s->list[i].bits > best)
			best = s->list[i].bits;
	return best;
}

enum { NOBODY = 0, NEVER = -1, ANYBODY = -2 };

/* The domains (bits) that may be asked for a cell, or one of the above: longest match over all
 * lists; never before domains before independent where equally long. */
static int
owners_of(const struct sketch *k, unsigned cell)
{
	int best = -1, owners = NOBODY, length = longest(&k->independent, cell);
	bool filtered = false;

	if (length > best) {
		best = length;
		owners = ANYBODY;
	}
	for (size_t d = 0; d < k->n_domains; d++)
		filtered = filtered || (k->domain[d].gateway && k->domain[d].protects.n);
	for (size_t d = 0; d < k->n_domains; d++) {
		const struct sketch_domain *x = &k->domain[d];

		length = longest(x->protects.n || x->gateway ? &x->protects : &x->assigned, cell);
		if (length < 0)
			continue;
		if (length > best || (length == best && owners < 0)) {
			best = length;
			owners = 0;
		}
		if (length == best)
			owners |= 1 << d;
	}
	for (size_t d = 0; d < k->n_domains && !filtered && best < 0; d++)
		owners |= k->domain[d].gateway ? 1 << d : 0;
	length = longest(&k->never, cell);
	return length >= best && length >= 0 ? NEVER : owners;
}

static bool
has_providers(const struct sketch *k)
{
	for (size_t d = 0; d < k->n_domains; d++)
		if (!k->domain[d].gateway)
			return true;
	return false;
}

static bool
may_be_asked(const struct sketch *k, unsigned cell, unsigned domain)
{
	int owners = owners_of(k, cell);

	if (owners == ANYBODY)
		return !k->domain[domain].gateway || !has_providers(k);
	return owners > 0 && (owners >> domain & 1);
}

static unsigned
number_of(const struct homing *h, uint32_t server)
{
	unsigned d, s;

	assert_int_equal(sscanf(h->servers[server]->name, "s%u.%u", &d, &s), 2);
	return d;
}

static bool
in_prefix(const struct prefix *p, unsigned cell)
{
	struct addr a = {.family = 4, .bytes = {10, 0, (uint8_t)cell, 0}};

	return prefix_contains_addr(p, &a);
}

/* ---- the properties; NULL or what is wrong ---- */

static const char *
never_to_who_does_not_own_it(const struct sketch *k, const struct setting *x)
{
	for (size_t i = 0; i < x->plan.n_requests; i++) {
		const struct plan_request *r = &x->plan.requests[i];

		for (size_t n = 0; n < r->target.n_target_prefix; n++)
			for (unsigned cell = 0; cell < CELLS; cell++)
				if (in_prefix(&r->target.target_prefix[n], cell) &&
					!may_be_asked(k, cell, number_of(x->homing, r->server)))
					return "a request holds what its server does not own";
	}
	return NULL;
}

static bool
asked_for(const struct setting *x, const char *id, unsigned cell)
{
	for (size_t i = 0; i < x->n_asks; i++)
		for (size_t n = 0; n < x->asks[i].target.n_target_prefix; n++)
			if (!strcmp(x->asks[i].id, id) &&
				in_prefix(&x->asks[i].target.target_prefix[n], cell))
				return true;
	return false;
}

static bool
in_some_part(const struct setting *x, const char *id, unsigned cell)
{
	for (size_t i = 0; i < x->plan.n_parts; i++)
		if (!strcmp(x->plan.parts[i].ask, id) && in_prefix(&x->plan.parts[i].prefix, cell))
			return true;
	return false;
}

static const char *
parts_are_the_request(const struct sketch *k, const struct setting *x)
{
	(void)k;
	for (size_t i = 0; i < x->n_asks; i++)
		for (unsigned cell = 0; cell < CELLS; cell++)
			if (asked_for(x, x->asks[i].id, cell) !=
				in_some_part(x, x->asks[i].id, cell))
				return "the parts together are not what was asked for";
	return NULL;
}

static bool
requested(const struct setting *x, const struct plan_part *part, unsigned cell)
{
	for (size_t i = 0; i < x->plan.n_requests; i++) {
		const struct plan_request *r = &x->plan.requests[i];
		bool stands_for = false;

		for (size_t n = 0; n < r->n_asks; n++)
			stands_for = stands_for || !strcmp(r->asks[n], part->ask);
		for (size_t n = 0; n < r->target.n_target_prefix; n++)
			if (stands_for && (int)r->server == part->server &&
				in_prefix(&r->target.target_prefix[n], cell))
				return true;
	}
	return false;
}

/* What is sent or waits stands in a request at that server; nothing else stands there. */
static const char *
requests_are_the_parts(const struct sketch *k, const struct setting *x)
{
	(void)k;
	for (size_t i = 0; i < x->plan.n_parts; i++) {
		const struct plan_part *p = &x->plan.parts[i];

		for (unsigned cell = 0; cell < CELLS; cell++)
			if (p->state != PART_REFUSED && in_prefix(&p->prefix, cell) &&
				!requested(x, p, cell))
				return "a part is in no request";
		if (p->state != PART_REFUSED &&
			(p->state == PART_PENDING) != (x->up[p->server] == SERVER_UNAVAILABLE))
			return "pending is not the same as unavailable";
		if (!p->section || !p->reason || !*p->reason)
			return "a part without a reason";
	}
	return NULL;
}

/* Every owner that has a server is asked, or waits; a refused cell has none, or is too wide. */
static const char *
all_owners_are_asked(const struct sketch *k, const struct setting *x)
{
	for (size_t i = 0; i < x->plan.n_parts; i++) {
		const struct plan_part *p = &x->plan.parts[i];
		int owners = p->state == PART_REFUSED ? 0 : owners_of(k, p->prefix.addr.bytes[2]);

		for (size_t d = 0; owners > 0 && d < k->n_domains; d++) {
			bool found = !(owners >> d & 1) || !k->domain[d].n_servers;

			for (size_t q = 0; !found && q < x->plan.n_parts; q++)
				found = !strcmp(x->plan.parts[q].ask, p->ask) &&
					x->plan.parts[q].server >= 0 &&
					prefix_equal(&x->plan.parts[q].prefix, &p->prefix) &&
					number_of(x->homing, (uint32_t)x->plan.parts[q].server) ==
						d;
			if (!found)
				return "an owner is not asked";
		}
	}
	return NULL;
}

/* ---- the order of things ---- */

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add_line(char **lines, size_t *n, char *line)
{
	assert_true(*n < 4000);
	lines[(*n)++] = line;
}

static char *
outcome(const struct setting *x)
{
	static char *lines[4000];
	char prefix[PREFIX_TEXT_MAX], *all;
	size_t n = 0, len = 0;

	for (size_t i = 0; i < x->plan.n_parts; i++) {
		const struct plan_part *p = &x->plan.parts[i];

		add_line(lines, &n,
			mem_printf("%s %s %d %s\n", p->ask, prefix_format(&p->prefix, prefix),
				p->state,
				p->server < 0 ? "-" : x->homing->servers[p->server]->name));
	}
	for (size_t i = 0; i < x->plan.n_requests; i++) {
		const struct plan_request *r = &x->plan.requests[i];

		for (size_t k = 0; k < r->target.n_target_prefix; k++)
			for (size_t a = 0; a < r->n_asks; a++)
				add_line(lines, &n,
					mem_printf("request %s %s %d %s\n",
						x->homing->servers[r->server]->name,
						prefix_format(&r->target.target_prefix[k], prefix),
						r->trigger_mitigation, r->asks[a]));
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++)
		len += strlen(lines[i]);
	all = mem_new(len + 1);
	for (size_t i = 0; i < n; i++) {
		strcat(all, lines[i]);
		free(lines[i]);
	}
	return all;
}

static const char *
order_does_not_matter(const struct sketch *k, const struct setting *x)
{
	struct setting other;
	char *mine = outcome(x), *theirs;
	bool same;

	set(&other, k, true);
	theirs = outcome(&other);
	same = !strcmp(mine, theirs);
	unset(&other);
	free(mine);
	free(theirs);
	return same ? NULL : "another order of domains, servers, requests or targets: another plan";
}

/* What is placed as planned is left alone by the next planning. */
static const char *
a_plan_that_stands_stays(const struct sketch *k, const struct setting *x)
{
	struct live *live = arena_alloc(x->arena, x->plan.n_requests, sizeof(*live));
	struct ask asks[ASKS];
	size_t served[ASKS][200];
	struct plan again;

	(void)k;
	assert_true(x->plan.n_requests <= 200);
	memcpy(asks, x->asks, sizeof(asks));
	for (size_t i = 0; i < x->plan.n_requests; i++) {
		const struct plan_request *r = &x->plan.requests[i];

		live[i] = (struct live){.server = r->server,
			.mid = (uint32_t)i + 1,
			.target = r->target,
			.trigger_mitigation = r->trigger_mitigation};
		for (size_t n = 0; n < x->n_asks * r->n_asks; n++)
			if (!strcmp(asks[n % x->n_asks].id, r->asks[n / x->n_asks]))
				served[n % x->n_asks][asks[n % x->n_asks].n_served_by++] = i;
	}
	for (size_t i = 0; i < x->n_asks; i++)
		asks[i].served_by = served[i];
	plan(x->homing, asks, x->n_asks, live, x->plan.n_requests, x->up, x->arena, &again);
	if (again.n_withdraw)
		return "what stands as planned is withdrawn";
	for (size_t i = 0; i < again.n_requests; i++)
		if (again.requests[i].live < 0)
			return "what stands as planned is asked for anew";
	return NULL;
}

static const char *
fails(const struct sketch *k)
{
	static const char *(*const properties[])(
		const struct sketch *k, const struct setting *x) = {never_to_who_does_not_own_it,
		parts_are_the_request, requests_are_the_parts, all_owners_are_asked,
		order_does_not_matter, a_plan_that_stands_stays};
	struct setting x;
	const char *why = NULL;

	set(&x, k, false);
	for (size_t i = 0; !why && i < sizeof(properties) / sizeof(properties[0]); i++)
		why = properties[i](k, &x);
	unset(&x);
	return why;
}

/* ---- smaller cases ---- */

static bool
without_span(struct spans *s, size_t i)
{
	if (i >= s->n)
		return false;
	memmove(&s->list[i], &s->list[i + 1], (s->n - i - 1) * sizeof(*s->list));
	s->n--;
	return true;
}

/* The n-th way to leave something out; false: there are no more. */
static bool
smaller(struct sketch *k, size_t n)
{
	if (n < k->n_asks) {
		if (k->n_asks > 1)
			k->ask[n] = k->ask[--k->n_asks];
		return true;
	}
	n -= k->n_asks;
	if (n < k->n_domains) {
		k->domain[n] = (struct sketch_domain){0};
		return true;
	}
	n -= k->n_domains;
	for (size_t a = 0; a < k->n_asks; a++) {
		if (n < OWN)
			return k->ask[a].target.n > 1 ? without_span(&k->ask[a].target, n) || true
						      : true;
		n -= OWN;
	}
	for (size_t d = 0; d < k->n_domains; d++) {
		if (n < 2 * OWN)
			return without_span(
				       n < OWN ? &k->domain[d].assigned : &k->domain[d].protects,
				       n % OWN) ||
			       true;
		n -= 2 * OWN;
		if (n == 0) {
			k->domain[d].n_servers -= k->domain[d].n_servers > 0;
			return true;
		}
		n--;
	}
	if (n < 2 * OWN)
		return without_span(n < OWN ? &k->independent : &k->never, n % OWN) || true;
	return false;
}

static void
print_spans(const char *what, const struct spans *s)
{
	char text[PREFIX_TEXT_MAX];

	printf("  %s", what);
	for (size_t i = 0; i < s->n; i++) {
		struct prefix p = prefix_of_span(s->list[i]);

		printf(" %s", prefix_format(&p, text));
	}
	printf("\n");
}

static void
print_sketch(const struct sketch *k)
{
	for (size_t d = 0; d < k->n_domains; d++) {
		const struct sketch_domain *x = &k->domain[d];

		printf("d%zu%s%s, %zu servers\n", d, x->gateway ? " (gateway)" : "",
			x->all ? " (all attachments)" : "", x->n_servers);
		print_spans("assigned", &x->assigned);
		print_spans("protects", &x->protects);
	}
	print_spans("independent", &k->independent);
	print_spans("never", &k->never);
	printf("  pi %d, clip %d\n", k->pi, k->clip);
	for (size_t i = 0; i < k->n_asks; i++)
		print_spans("asked", &k->ask[i].target);
}

static void
shrink_and_print(struct sketch k, uint32_t seed)
{
	bool less = true;

	while (less) {
		less = false;
		for (size_t n = 0;; n++) {
			struct sketch try = k;

			if (!smaller(&try, n))
				break;
			if (memcmp(&try, &k, sizeof(k)) == 0 || !fails(&try))
				continue;
			k = try;
			less = true;
			break;
		}
	}
	printf("seed %u: %s\n", seed, fails(&k));
	print_sketch(&k);
}

static uint32_t first_seed = 1, cases = CASES;

/* 9284-1-04, 8811-1.3-08, 8612-2-03, 9284-5.1-14, 9284-5.1-16, 9284-5.1-19, 9284-5.1-20,
 * 9284-5.2-09, 9284-5.2-10 */
static void
whatever_the_network_the_rules_hold(void **state)
{
	(void)state;
	for (uint32_t seed = first_seed; seed < first_seed + cases; seed++) {
		struct sketch k = draw(seed);

		if (!fails(&k))
			continue;
		shrink_and_print(k, seed);
		fail_msg("seed %u", seed);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_the_network_the_rules_hold)};

	if (argc > 1)
		first_seed = (uint32_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		cases = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
