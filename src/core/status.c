/*
 * Which status is the worse one.
 */
#include "core/status.h"

static int
badness(enum dots_status s)
{
	static const int order[] = {[DOTS_CLIENT_WITHDRAWN_MITIGATION] = 1,
		[ATTACK_MITIGATION_TERMINATED] = 1,
		[ATTACK_MITIGATION_WITHDRAWN] = 1,
		[ATTACK_STOPPED] = 2,
		[ATTACK_SUCCESSFULLY_MITIGATED] = 3,
		[ATTACK_MITIGATION_SIGNAL_LOSS] = 4,
		[ATTACK_MITIGATION_IN_PROGRESS] = 5,
		[ATTACK_EXCEEDED_CAPABILITY] = 6};

	return s < sizeof(order) / sizeof(order[0]) ? order[s] : 0;
}

bool
status_is_over(enum dots_status s)
{
	return badness(s) == 1;
}

enum dots_status
status_worse(enum dots_status a, enum dots_status b)
{
	int of_a = badness(a), of_b = badness(b);

	return of_b > of_a || (of_b == of_a && status_is_over(b)) ? b : a;
}
