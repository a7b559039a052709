/*
 * One status out of several that are told of the same request (RFC 9132 4.4.2, table 3; rule M13).
 */
#ifndef DOTSD_CORE_STATUS_H
#define DOTSD_CORE_STATUS_H

#include <stdbool.h>

#include "wire/signal.h"

/* 5, 6, 7: withdrawn or at its end. */
bool status_is_over(enum dots_status s);
/* The worse of the two: 4 > 1 > 8 > 2 > 3 while anything goes on; what is over counts only beside
 * what is over, where b does. 0: nothing is told. */
enum dots_status status_worse(enum dots_status a, enum dots_status b);

#endif
