/*
 * Certificates and keys made at test time, as PEM files in a temporary directory.
 */
#ifndef DOTSD_TEST_PKI_H
#define DOTSD_TEST_PKI_H

#include <stdbool.h>

struct pki_spec {
	const char *name;          /* of the files: <name>.crt, <name>.key */
	const char *issuer;        /* name of the CA's files; NULL: self-signed CA */
	const char *cn;            /* NULL: none */
	const char *dns[4];        /* DNS names */
	const char *uri;           /* URI name */
	const char *ip;            /* IPv4 address name */
	bool ca;                   /* a CA of its issuer; without issuer it is one anyway */
	bool server, client;       /* extended key usage; neither: no such extension */
	int from_days, until_days; /* validity, relative to now; both 0: yesterday to tomorrow */
};

/* A directory of its own, removed by pki_finish. */
void pki_start(void);
void pki_finish(void);
void pki_make(const struct pki_spec *spec);
/* Appends the certificates of these names (ends with NULL) to the file of the first one: a chain as
 * its owner shows it. */
void pki_chain(const char *const *names);
/* Path of a file there; a few of them are valid at the same time. */
const char *pki_path(const char *name, const char *suffix);
void pki_write(const char *name, const char *text);

#endif
