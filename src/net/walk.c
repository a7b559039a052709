/*
 * Each answer is kept, and the way is walked anew from the domain with what is known, until it
 * meets a name that is not: that is the next question. So the walk has no state between questions.
 */
#include "net/walk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum {
	TAG_MAX = 32, /* RFC 3958 6.5 */
	KNOWN_WHY_MAX = 96,
	WHY_MAX = 512,
	SHIFT_MAX = 16,
	NAME_TEXT_MAX = 253,
};

static const char application_service[] = "DOTS"; /* RFC 8973 6 */

/* By enum discover_service. UDP is what RFC 9132 4.3 has tried first. */
static const struct {
	const char *tag;     /* RFC 8973 6 */
	uint16_t port;       /* of an address without SRV record (RFC 8973 6) */
	const char *service; /* RFC 8973 7 */
} protocols[] = {
	[DISCOVER_SIGNAL_UDP] = {"signal.udp", 4646, "_dots-signal._udp"},
	[DISCOVER_SIGNAL_TCP] = {"signal.tcp", 4646, "_dots-signal._tcp"},
	[DISCOVER_DATA_TCP] = {"data.tcp", 443, "_dots-data._tcp"},
};

/* What was answered. */
struct known {
	struct walk_question question;
	int error;
	char why[KNOWN_WHY_MAX];
	struct rr *list; /* NAPTR in their order */
	size_t n;
	struct addr addrs[RESOLVER_ADDRS_MAX];
	size_t n_addrs;
	uint32_t ttl;
	bool pursued; /* on this walk, for this protocol */
};

struct walk {
	char domain[DISCOVER_NAME_MAX];
	enum discover_method method;
	unsigned failures;
	uint64_t seed;
	struct known known[WALK_QUESTIONS_MAX];
	size_t n_known, n_timeouts;
	bool bounded; /* something was left out for a limit of ours */
	/* This walk: */
	struct walk_question question;
	bool asking; /* ends it: an answer is needed */
	uint64_t random;
	enum discover_service service;
	size_t n_of_protocol;
	struct discovered found[DISCOVER_FOUND_MAX];
	size_t n_found;
	struct discover_answer result;
	char why[WHY_MAX];
};

/* ---- what is known ---- */

static bool
goes_on(const struct walk *w)
{
	return !w->asking && w->n_of_protocol < DISCOVER_OF_ONE_MAX;
}

/* NULL: not known, and the walk ends here to ask for it or goes on without. */
static struct known *
look_up(struct walk *w, const char *name, enum rr_type type)
{
	for (size_t i = 0; i < w->n_known; i++)
		if (w->known[i].question.type == type &&
			strcasecmp(w->known[i].question.name, name) == 0)
			return &w->known[i];
	if (w->n_known == WALK_QUESTIONS_MAX || w->n_timeouts == WALK_TIMEOUTS_MAX) {
		w->bounded = true;
		return NULL;
	}
	snprintf(w->question.name, sizeof(w->question.name), "%s", name);
	w->question.type = type;
	w->asking = true;
	return NULL;
}

/* ---- records ---- */

/* RFC 3958 2.2.1 */
static bool
naptr_before(const struct rr *a, const struct rr *b)
{
	return a->order != b->order ? a->order < b->order : a->preference < b->preference;
}

/* Equal ones stay as the name server had them. */
static void
sort_naptr(struct rr *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct rr one = list[i];
		size_t at = i;

		for (; at && naptr_before(&one, &list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = one;
	}
}

/* RFC 3958 6.5; NULL: not a tag. */
static const char *
skip_tag(const char *at)
{
	const char *start = at;

	if (!isalpha((unsigned char)*at))
		return NULL;
	while (isalnum((unsigned char)*at) || (*at && strchr("+-.", *at)))
		at++;
	return at - start <= TAG_MAX && (*at == ':' || !*at) ? at : NULL;
}

static bool
is_tag(const char *at, const char *end, const char *tag)
{
	return strlen(tag) == (size_t)(end - at) && strncasecmp(at, tag, (size_t)(end - at)) == 0;
}

/* Does it lead to our service over that protocol (RFC 3958 2.2.2)? */
static bool
serves(const char *services, const char *protocol)
{
	const char *at = services, *end = skip_tag(at);
	bool ours = end && is_tag(at, end, application_service), listed = false;

	while (end && *end) {
		at = end + 1;
		end = skip_tag(at);
		listed = listed || (end && is_tag(at, end, protocol));
	}
	return end && ours && listed; /* one malformed tag spoils the record */
}

/* splitmix64 */
static uint32_t
draw(struct walk *w, uint32_t most)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(((z ^ z >> 31) >> 32) * ((uint64_t)most + 1) >> 32);
}

static bool
srv_before(const struct rr *a, const struct rr *b)
{
	/* Those of no weight first: they have a small chance that way (RFC 2782). */
	return a->priority != b->priority ? a->priority < b->priority : !a->weight && b->weight;
}

/* The one of the same priority as the first that chance takes next (RFC 2782, "Weight"). */
static size_t
pick(struct walk *w, const struct rr *const *list, size_t n)
{
	uint32_t sum = 0, chosen;
	size_t same = 0, i = 0;

	for (; same < n && list[same]->priority == list[0]->priority; same++)
		sum += list[same]->weight;
	chosen = draw(w, sum);
	for (sum = list[0]->weight; sum < chosen; sum += list[i]->weight)
		i++;
	return i;
}

static void
move_down(const struct rr **list, size_t from, size_t to)
{
	const struct rr *one = list[from];

	memmove(&list[to + 1], &list[to], (from - to) * sizeof(*list));
	list[to] = one;
}

static void
order_srv(struct walk *w, const struct rr **list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t at = i;

		while (at && srv_before(list[i], list[at - 1]))
			at--;
		move_down(list, i, at);
	}
	for (size_t i = 0; i < n; i++)
		move_down(list, i + pick(w, list + i, n - i), i);
}

/* ---- servers ---- */

static bool
is_found(const struct walk *w, const char *target, uint16_t port)
{
	for (size_t i = 0; i < w->n_found; i++)
		if (w->found[i].service == w->service && w->found[i].port == port &&
			strcasecmp(w->found[i].target, target) == 0)
			return true;
	return false;
}

static void
find(struct walk *w, const char *target, uint16_t port)
{
	struct discovered *d = &w->found[w->n_found];
	const struct known *k;

	if (!port || is_found(w, target, port) || !(k = look_up(w, target, RR_ADDRESSES)) ||
		!k->n_addrs)
		return;
	*d = (struct discovered){.service = w->service, .port = port, .n_addrs = k->n_addrs};
	memcpy(d->reference, w->domain, sizeof(d->reference));
	snprintf(d->target, sizeof(d->target), "%s", target);
	memcpy(d->addrs, k->addrs, sizeof(d->addrs));
	w->n_found++;
	w->n_of_protocol++;
}

static void
find_all(struct walk *w, const struct rr **list, size_t n)
{
	order_srv(w, list, n);
	for (size_t i = 0; i < n && goes_on(w); i++)
		find(w, list[i]->name, list[i]->port);
}

/* ---- S-NAPTR (RFC 3958 2.2) ---- */

static void
find_srv(struct walk *w, const char *name)
{
	struct known *k = look_up(w, name, RR_SRV);
	const struct rr *list[RR_MAX];

	if (!k || k->pursued)
		return;
	k->pursued = true;
	for (size_t i = 0; i < k->n; i++)
		list[i] = &k->list[i];
	find_all(w, list, k->n);
}

static void pursue(struct walk *w, const char *name, unsigned depth);

static void
follow(struct walk *w, const struct rr *naptr, unsigned depth)
{
	char flag = (char)tolower((unsigned char)naptr->flags[0]);

	if (naptr->regexp || !serves(naptr->services, protocols[w->service].tag)) /* 6.6, 2.2.2 */
		return;
	if (!flag && depth == WALK_DEPTH_MAX)
		w->bounded = true;
	else if (!flag)
		pursue(w, naptr->name, depth + 1);
	else if (flag == 's' && !naptr->flags[1])
		find_srv(w, naptr->name);
	else if (flag == 'a' && !naptr->flags[1])
		find(w, naptr->name, protocols[w->service].port);
}

/* One protocol at a time, to the end (RFC 3958 2.2.5). What leads nowhere is passed over, and the
 * next record of where it came from is followed (2.2.4). A name that was here before has been
 * looked into: so a loop ends, and so does work. */
static void
pursue(struct walk *w, const char *name, unsigned depth)
{
	struct known *k = look_up(w, name, RR_NAPTR);

	if (!k || k->pursued)
		return;
	k->pursued = true;
	for (size_t i = 0; i < k->n && goes_on(w); i++)
		follow(w, &k->list[i], depth);
}

/* ---- DNS-SD (RFC 6763 4, 5) ---- */

/* <Instance>.<Service>.<Domain>, whose domain may be another (RFC 6763 4.2). */
static bool
is_instance(const char *name, const char *service)
{
	size_t len = strlen(service);

	while (*name && *name != '.')
		name += name[0] == '\\' && name[1] ? 2 : 1;
	return *name && strncasecmp(name + 1, service, len) == 0 && name[1 + len] == '.';
}

/* All instances are one service: priority and weight count among all of them. */
static void
browse(struct walk *w)
{
	const char *service = protocols[w->service].service;
	char *name = mem_printf("%s.%s", service, w->domain);
	const struct known *instances = look_up(w, name, RR_PTR), *k;
	const struct rr *list[RR_MAX];
	size_t n = 0, n_instances = 0;

	free(name);
	for (size_t i = 0; instances && i < instances->n && !w->asking; i++) {
		if (!is_instance(instances->list[i].name, service))
			continue;
		if (n_instances++ == DISCOVER_OF_ONE_MAX)
			break;
		k = look_up(w, instances->list[i].name, RR_SRV);
		for (size_t j = 0; k && j < k->n && n < RR_MAX; j++)
			list[n++] = &k->list[j];
	}
	if (!w->asking)
		find_all(w, list, n);
}

/* ---- the walk ---- */

static void
walk_protocol(struct walk *w, enum discover_service service)
{
	w->service = service;
	w->n_of_protocol = 0;
	for (size_t i = 0; i < w->n_known; i++)
		w->known[i].pursued = false;
	if (w->method == DISCOVER_SNAPTR)
		pursue(w, w->domain, 0);
	else
		browse(w);
}

static uint32_t
bounded_wait(uint32_t wait)
{
	return wait < DISCOVER_WAIT_MIN   ? DISCOVER_WAIT_MIN
	       : wait > DISCOVER_WAIT_MAX ? DISCOVER_WAIT_MAX
					  : wait;
}

/* Before a look-up that failed is made again (RFC 8973 6). */
static uint32_t
wait_of(const struct walk *w, const struct known *k)
{
	unsigned shift = w->failures < SHIFT_MAX ? w->failures : SHIFT_MAX;

	return bounded_wait(k->error == -ENOENT ? k->ttl : (uint32_t)DISCOVER_WAIT_MIN << shift);
}

static const char *
type_name(enum rr_type type)
{
	return type == RR_NAPTR ? "NAPTR"
	       : type == RR_SRV ? "SRV"
	       : type == RR_PTR ? "PTR"
				: "address";
}

/* A look-up that got no answer says more than one whose answer is "no". */
static const struct known *
worst(const struct walk *w)
{
	const struct known *found = NULL;

	for (size_t i = 0; i < w->n_known; i++)
		if (w->known[i].error &&
			(!found || (found->error == -ENOENT && w->known[i].error != -ENOENT)))
			found = &w->known[i];
	return found;
}

static void
tell_failure(struct walk *w)
{
	const struct known *k = worst(w);
	struct discover_answer *a = &w->result;

	a->error = k ? k->error : -ENOENT;
	if (a->error == -ENOENT && w->bounded)
		a->error = -E2BIG;
	if (a->error == -E2BIG)
		snprintf(w->why, sizeof(w->why),
			"%s: no server within %d look-ups and %d steps of a path", w->domain,
			WALK_QUESTIONS_MAX, WALK_DEPTH_MAX);
	else if (k)
		snprintf(w->why, sizeof(w->why), "%s of %s: %s", type_name(k->question.type),
			k->question.name, k->why);
	else
		snprintf(w->why, sizeof(w->why), "%s: no record leads to a DOTS server", w->domain);
}

static void
tell(struct walk *w)
{
	struct discover_answer *a = &w->result;
	uint32_t shortest = UINT32_MAX, wait = 0;

	*a = (struct discover_answer){.why = w->why, .found = w->found, .n = w->n_found};
	w->why[0] = '\0';
	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];

		if (k->error && wait_of(w, k) > wait)
			wait = wait_of(w, k);
		if (!k->error && k->ttl < shortest)
			shortest = k->ttl;
	}
	if (!a->n)
		tell_failure(w);
	if (a->n)
		a->ttl = wait && shortest < DISCOVER_WAIT_MIN ? DISCOVER_WAIT_MIN : shortest;
	else
		a->ttl = wait ? wait : bounded_wait(shortest);
}

const struct walk_question *
walk_next(struct walk *w)
{
	w->asking = false;
	w->random = w->seed;
	w->n_found = 0;
	walk_protocol(w, DISCOVER_SIGNAL_UDP);
	if (!w->asking)
		walk_protocol(w, DISCOVER_SIGNAL_TCP);
	/* A data channel without signal channel is of no use. */
	if (!w->asking && w->n_found && w->method == DISCOVER_SNAPTR)
		walk_protocol(w, DISCOVER_DATA_TCP);
	if (w->asking)
		return &w->question;
	tell(w);
	return NULL;
}

/* Not one of a server elsewhere, or (::ffff:0:0/96) an IPv4 address that hides. */
static bool
reaches_nobody(const struct addr *a)
{
	static const struct prefix mapped = {{6, {[10] = 0xff, [11] = 0xff}}, 96};

	return addr_is_multicast(a) || addr_is_loopback(a) || addr_is_unspecified(a) ||
	       prefix_contains_addr(&mapped, a);
}

static void
keep_addresses(struct known *k, const struct addr *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!reaches_nobody(&addrs[i]))
			k->addrs[k->n_addrs++] = addrs[i];
}

void
walk_answer(struct walk *w, const struct walk_answer *a)
{
	struct known *k = &w->known[w->n_known++];

	k->question = w->question;
	k->error = a->error;
	k->ttl = a->ttl;
	snprintf(k->why, sizeof(k->why), "%s", a->error ? a->why : "nothing that could be used");
	w->n_timeouts += a->error == -ETIMEDOUT;
	if (a->error)
		return;
	keep_addresses(k, a->addrs, a->n_addrs);
	if (a->n) {
		k->list = mem_array(a->n, sizeof(*k->list));
		k->n = a->n;
		memcpy(k->list, a->list, a->n * sizeof(*k->list));
	}
	if (k->question.type == RR_NAPTR)
		sort_naptr(k->list, k->n);
	if (!k->n && !k->n_addrs)
		k->error = -ENOENT;
}

const struct discover_answer *
walk_result(const struct walk *w)
{
	return &w->result;
}

/* ---- life ---- */

bool
walk_domain_fits(const char *domain)
{
	return rr_name_is_conventional(domain) &&
	       strlen(domain) + 1 + strlen(protocols[0].service) <= NAME_TEXT_MAX;
}

struct walk *
walk_new(const char *domain, enum discover_method method, unsigned failures, uint64_t seed)
{
	struct walk *w = mem_new(sizeof(*w));

	snprintf(w->domain, sizeof(w->domain), "%s", domain);
	w->method = method;
	w->failures = failures;
	w->seed = seed;
	return w;
}

void
walk_free(struct walk *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_known; i++)
		free(w->known[i].list);
	free(w);
}
