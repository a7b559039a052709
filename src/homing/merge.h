/*
 * One answer and one status for the client of a gateway out of several upstream ones (rule M13).
 */
#ifndef DOTSD_HOMING_MERGE_H
#define DOTSD_HOMING_MERGE_H

#include "core/verdict.h"
#include "homing/wish.h"

struct merged {
	bool answer; /* there is an answer to give now … */
	struct verdict
		verdict; /* … 2.01: at least one upstream 2.xx (whether or not it has ended since),
			    or 3 s of silence; the refusal if
			    all refused (no names of other networks are in it; of 5.08 `why` is
			    who the loop leads through in ours, or empty); 5.03 with Max-Age if
			    there is no association anywhere, then nothing is kept */
	enum dots_status status; /* 5, 6, 7 only if all parts ended, else the worst of 4 > 1 > 8 > 2
				    > 3; a refused part counts as 4, a pending or silent one as 1.
				    6 if all are refused for a loop: nobody will ever act */
	int64_t lifetime;        /* shortest granted; -1 for ever; 0: none known yet */
	struct conflict
		conflict; /* the first that an upstream tells, without what is named there */
	uint64_t bytes_dropped, pkts_dropped, bps_dropped,
		pps_dropped; /* summed over distinct placements */
	bool counted;        /* the last four hold all: who stands there has told its own since we
				are up. Else they may be less than they were before */
};
void merge_parts(const struct wish_part *parts, size_t n, struct merged *ret);

#endif
