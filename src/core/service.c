#include "core/service.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TCP = 6, UDP = 17 };

/* The default ports of the schemes. HTTP/3 serves https URIs over UDP (RFC 9114 3.1). */
static const struct {
	const char *scheme;
	struct service service;
} schemes[] = {
	{"coap", {{UDP}, 1, 5683}},
	{"coap+tcp", {{TCP}, 1, 5683}},
	{"coap+ws", {{TCP}, 1, 80}},
	{"coaps", {{UDP}, 1, 5684}},
	{"coaps+tcp", {{TCP}, 1, 5684}},
	{"coaps+ws", {{TCP}, 1, 443}},
	{"ftp", {{TCP}, 1, 21}},
	{"http", {{TCP}, 1, 80}},
	{"https", {{TCP, UDP}, 2, 443}},
	{"imap", {{TCP}, 1, 143}},
	{"ldap", {{TCP}, 1, 389}},
	{"ldaps", {{TCP}, 1, 636}},
	{"nfs", {{TCP, UDP}, 2, 2049}},
	{"rtsp", {{TCP, UDP}, 2, 554}},
	{"rtsps", {{TCP}, 1, 322}},
	{"sftp", {{TCP}, 1, 22}},
	{"ssh", {{TCP}, 1, 22}},
	{"telnet", {{TCP}, 1, 23}},
	{"turn", {{TCP, UDP}, 2, 3478}},
	{"ws", {{TCP}, 1, 80}},
	{"wss", {{TCP}, 1, 443}},
};

/* The digits behind the host; "" where there are none. */
static const char *
port_text(const char *authority)
{
	size_t len = strcspn(authority, "/?#"), at = len;

	while (at && isdigit((unsigned char)authority[at - 1]))
		at--;
	return at && at < len && authority[at - 1] == ':' ? authority + at : "";
}

bool
service_of(const char *uri, struct service *ret)
{
	size_t len = strcspn(uri, ":");
	const char *port = port_text(uri + len + strlen("://"));

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strlen(schemes[i].scheme) != len ||
			strncasecmp(schemes[i].scheme, uri, len) != 0)
			continue;
		*ret = schemes[i].service;
		if (*port)
			ret->port = (uint16_t)strtoul(port, NULL, 10);
		return true;
	}
	return false;
}
