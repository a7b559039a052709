/*
 * The one gate that whatever leaves for a server passes (rule M9; RFC 9284 6): of targets and names
 * a server is told those of its own domain. A consent of the operator widens what may be known,
 * never who is asked for what (rule M3). Pure; requests are planned by it, and judged by it once
 * more when they are built.
 */
#ifndef DOTSD_HOMING_DISCLOSURE_H
#define DOTSD_HOMING_DISCLOSURE_H

#include "homing/domain.h"
#include "core/name.h"
#include "wire/signal.h"

enum disclosure_rule {
	DISCLOSURE_OWN,     /* all of its addresses are that domain's */
	DISCLOSURE_CONSENT, /* some are, and whose the others are may be told */
	DISCLOSURE_FOREIGN, /* `foreign` is somebody else's, or nobody's: not told */
	DISCLOSURE_UNSURE,  /* not all of its addresses are known: not told */
};

/* Whether a name may be told to that server, and why. */
struct disclosure_verdict {
	enum disclosure_rule rule;
	struct prefix foreign;
	const struct consent *consent; /* of CONSENT: the first that it rests on */
};
struct disclosure_verdict disclosure_of_name(
	const struct homing *h, uint32_t server, const struct name *n);
/* Likewise, of any server of a domain. */
struct disclosure_verdict disclosure_of_name_to(
	const struct homing *h, uint32_t domain, const struct name *n);
bool disclosure_allows(const struct homing *h, uint32_t server, const struct name *n);
enum { DISCLOSURE_TEXT_MAX = 320 };
/* A sentence for people, in buf of DISCLOSURE_TEXT_MAX. */
const char *disclosure_explain(
	const struct homing *h, uint32_t server, const struct disclosure_verdict *v, char *buf);
/* Of an event: who agreed, to what, when. mem_* allocated; NULL of NULL. */
char *disclosure_consent_text(const struct consent *c);

/* What of a request may go to that server. */
struct disclosure {
	struct target target;   /* with target_fqdn and target_uri; in the arena, or borrowed from
				   what was judged */
	size_t prefixes, names; /* that are told */
	size_t withheld_prefixes, withheld_names; /* that are not */
	const struct consent *consent;            /* that a name rests on; NULL: none is needed */
};
void disclosure_gate(const struct homing *h, uint32_t server, const struct target *t,
	const struct name *names, size_t n_names, struct arena *a, struct disclosure *ret);
/* Likewise, for any server of a domain. */
void disclosure_gate_to(const struct homing *h, uint32_t domain, const struct target *t,
	const struct name *names, size_t n_names, struct arena *a, struct disclosure *ret);

#endif
