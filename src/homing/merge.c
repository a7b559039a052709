/*
 * Several upstream parts, one downstream answer (M13).
 */
#include "homing/merge.h"

#include "core/status.h"

enum { RETRY_S = 30 };

static enum dots_status
part_status(const struct wish_part *p)
{
	switch (p->state) {
	case WISH_REFUSED:
		return ATTACK_EXCEEDED_CAPABILITY;
	case WISH_PENDING:
	case WISH_SENT:
	case WISH_SILENT:
		return ATTACK_MITIGATION_IN_PROGRESS;
	case WISH_ENDED:
		return p->status ? (enum dots_status)p->status : ATTACK_MITIGATION_TERMINATED;
	case WISH_DECLINED:
	case WISH_PLACED:
		break;
	}
	return p->status ? (enum dots_status)p->status : ATTACK_MITIGATION_IN_PROGRESS;
}

static void
merge_status(const struct wish_part *parts, size_t n, struct merged *ret)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].state != WISH_DECLINED)
			ret->status = status_worse(ret->status, part_status(&parts[i]));
}

/* Two parts of one placement share its counters. */
static bool
counted_before(const struct wish_part *parts, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (parts[k].server == parts[i].server && parts[k].mid == parts[i].mid)
			return true;
	return false;
}

static void
merge_counters(const struct wish_part *parts, size_t n, struct merged *ret)
{
	ret->counted = true;
	for (size_t i = 0; i < n; i++) {
		const struct wish_part *p = &parts[i];

		if (p->server < 0 || counted_before(parts, i))
			continue;
		ret->counted = ret->counted && (p->counted || !p->status);
		ret->bytes_dropped += p->bytes_dropped;
		ret->pkts_dropped += p->pkts_dropped;
		ret->bps_dropped += p->bps_dropped;
		ret->pps_dropped += p->pps_dropped;
	}
}

/* Of our own cuid upstream; the client's has nothing to do with it (RFC 9132 4.4.1.1). */
static bool
is_ours(const struct conflict *c)
{
	return c->cause == CUID_COLLISION;
}

/* Is `a` shorter? What is unknown is not, what is for ever never. */
static bool
shorter(int64_t a, int64_t b)
{
	return a && (!b || (a > 0 && (b < 0 || a < b)));
}

static void
merge_grants(const struct wish_part *parts, size_t n, struct merged *ret)
{
	for (size_t i = 0; i < n; i++) {
		const struct wish_part *p = &parts[i];

		if (p->state == WISH_PLACED && shorter(p->granted, ret->lifetime))
			ret->lifetime = p->granted;
		if (p->state == WISH_PLACED && !ret->conflict.cause && !is_ours(&p->conflict))
			ret->conflict = p->conflict;
	}
}

/* The upstream's own text may name it; what goes down says no more than the code does. */
static struct verdict
refusal(const struct wish_part *p)
{
	uint8_t code = coap_class(p->code) >= 4 ? p->code : COAP_400_BAD_REQUEST;
	struct verdict v = verdict_of(code, "RFC 9132 4.4.1.3: refused upstream");

	if (code == COAP_508_HOP_LIMIT_REACHED)
		return verdict_of(code, "%s", p->loop ? p->loop : "");

	/* Who asks too fast there are we, not the client. */
	if (is_ours(&p->conflict) || code == COAP_429_TOO_MANY_REQUESTS)
		v.code = COAP_503_SERVICE_UNAVAILABLE;
	else if (code == COAP_409_CONFLICT)
		v.conflict = p->conflict;
	if (v.code == COAP_409_CONFLICT && !v.conflict.cause)
		v.conflict.cause = OVERLAPPING_TARGETS;
	if (v.code == COAP_503_SERVICE_UNAVAILABLE)
		v.max_age = RETRY_S;
	return v;
}

void
merge_parts(const struct wish_part *parts, size_t n, struct merged *ret)
{
	size_t count[WISH_ENDED + 1] = {0};
	const struct wish_part *refused = NULL;

	*ret = (struct merged){0};
	for (size_t i = 0; i < n; i++) {
		count[parts[i].state]++;
		if (parts[i].state == WISH_REFUSED)
			refused = &parts[i];
	}
	ret->answer = true;
	if (count[WISH_PLACED] || count[WISH_SILENT] || count[WISH_ENDED]) {
		ret->verdict = verdict_of(COAP_201_CREATED, "%s", "");
	} else if (n && count[WISH_REFUSED] == n) {
		ret->verdict = refusal(refused);
	} else if (n && !count[WISH_SENT]) {
		ret->verdict = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
			"RFC 9284 5.1: the provider that owns the target cannot be reached now");
		ret->verdict.max_age = RETRY_S;
	} else {
		ret->answer = false;
	}
	merge_status(parts, n, ret);
	if (ret->answer && ret->verdict.code == COAP_508_HOP_LIMIT_REACHED)
		ret->status = ATTACK_MITIGATION_TERMINATED; /* of what was granted before */
	merge_counters(parts, n, ret);
	merge_grants(parts, n, ret);
	if (verdict_ok(&ret->verdict))
		ret->verdict.conflict = ret->conflict;
}
