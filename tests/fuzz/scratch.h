/*
 * Credentials made once a run.
 */
#ifndef DOTSD_TESTS_FUZZ_SCRATCH_H
#define DOTSD_TESTS_FUZZ_SCRATCH_H

#include "net/credentials.h"
#include "role/server.h"

enum {
	SCRATCH_PSK_ONE,     /* of client one (world.h) */
	SCRATCH_PSK_TWO,     /* of client two */
	SCRATCH_CERTIFICATE, /* one.example: client one */
	SCRATCH_STRANGER,    /* a good certificate that stands for no client */
	SCRATCH_WRONG_CA,
	SCRATCH_SERVER, /* dots.example */
	SCRATCH_CREDENTIALS
};

struct credentials *scratch_credentials(unsigned which);
/* What the server knows of the keys. */
const struct psk_entry *scratch_psk(size_t *ret_n);

/* Files for configurations, in tmpdir: ca.crt, one.crt, one.key, and old.* that has expired. */
void scratch_files(void);

#endif
