/* Random bytes from a fixed seed, in place of net/tls.c. */
#ifndef DOTSD_TESTS_STANDIN_RANDOM_H
#define DOTSD_TESTS_STANDIN_RANDOM_H

#include <stdint.h>

void standin_random_begin(void); /* from the beginning again */

#endif
