/*
 * From parts to requests (rule M8): what overlaps at one server under one cuid becomes one request,
 * before the server would delete the lower mid (RFC 9132 4.4.1.3). Part of plan(), not for others.
 */
#ifndef DOTSD_HOMING_JOIN_H
#define DOTSD_HOMING_JOIN_H

#include "homing/overlap.h"
#include "homing/plan.h"

/* One ask and its parts: plan->parts[first] up to the first of the next ask. */
struct join_ask {
	const struct ask *ask;
	size_t first, n;
};

/* What is planned, and with what. */
struct join {
	const struct homing *homing;
	const enum availability *available;
	const struct join_ask *asks; /* ascending by id */
	size_t n_asks;
	const struct live *live;
	size_t n_live;
	const struct overlap *standing; /* the live requests by what they cover */
	struct arena *arena;
};

/* Fills requests and withdraw of the plan, whose parts are there. */
void join_requests(const struct join *j, struct plan *plan);

#endif
