/*
 * Lists of revoked certificates (RFC 5280 sections 5 and 6.3), from files. Not for other layers.
 *
 * A list counts for its issuer whatever its age: an old one knows of less, but of nothing wrong.
 * With any list given, a certificate whose issuer has none is refused, for its status is
 * undetermined (RFC 5280 6.3.3) and a check that passes when it cannot be made is none (RFC
 * 9325 7.5).
 */
#ifndef DOTSD_NET_CRL_H
#define DOTSD_NET_CRL_H

#include "net/tls.h"

struct crls;
/* Reads one or more lists from a PEM file. Each has to be signed by a CA of `trust` and to be
 * complete: no delta, not limited to some certificates. NULL with `why`. */
struct crls *crls_load(const char *path, gnutls_x509_trust_list_t trust, char *why, size_t cap);
void crls_free(struct crls *c); /* NULL is legal */
/* Is none of the certificates that a peer has shown revoked, and is a list there for each that can
 * be part of its path? Looks at all of them: which ones make the path is the library's choice.
 * True, or false with the reason. */
bool crls_check(const struct crls *c, gnutls_x509_trust_list_t trust,
	const gnutls_x509_crt_t *shown, unsigned n, char *why, size_t cap);
bool crls_view(const struct crls *c, unsigned i, struct crl_view *ret);
const char *crls_uncovered(const struct crls *c, unsigned i);

#endif
