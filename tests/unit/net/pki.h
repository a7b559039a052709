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
	const char *srv;           /* SRV-ID (RFC 4985), at most 127 characters */
	const char *permitted;     /* of a CA: the only DNS domain it may name */
	bool ca;                   /* a CA of its issuer; without issuer it is one anyway */
	bool server, client;       /* extended key usage; neither: no such extension */
	int from_days, until_days; /* validity, relative to now; both 0: yesterday to tomorrow */
	int until_seconds;         /* its end more exactly */
};

/* A directory of its own, removed by pki_finish. */
void pki_start(void);
void pki_finish(void);
void pki_make(const struct pki_spec *spec);
/* A list of revoked certificates: <name>.crl, signed by `issuer`, of the certificates named. */
struct pki_crl {
	const char *name, *issuer;
	const char *revoked[4];
	int from_seconds, until_seconds; /* of its validity, relative to now; both 0: a day back,
					    two days ahead */
};
void pki_make_crl(const struct pki_crl *spec);
/* Appends the files of these names (ends with NULL) to that of the first one: a chain as its owner
 * shows it (".crt"), several lists in one file (".crl"). */
void pki_join(const char *const *names, const char *suffix);
/* Path of a file there; a few of them are valid at the same time. */
const char *pki_path(const char *name, const char *suffix);
void pki_write(const char *name, const char *text);

#endif
