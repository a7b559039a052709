/*
 * A configuration file: refused with a place and a reason, or taken.
 *
 * Covers: daemon/option.c daemon/config.c daemon/config_build.c daemon/config_check.c
 * Covers: daemon/config_table.c daemon/config_anycast.c daemon/config_alias.c
 * Covers: daemon/config_clients.c
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config.h"
#include "fuzz.h"
#include "scratch.h"
#include "tmpdir.h"

/* Inputs that begin so are a file of clients. */
static const char customers[] = "# customers\n";
static const char with_customers[] = "listen: [{}]\nclients-dir: clients.d\n"
				     "clients: {c: {psk: [{identity: c, file: a.psk}]}}\n";

/* "file:line:column: text", of dotsd.yaml or of a file that it names a directory of. */
static void
check_problem(const char *text, const char *path)
{
	size_t len = strlen(path);
	unsigned line, column;
	int end = 0;

	text = strncmp(text, path, len) ? strstr(text, ".yaml:") : text + len;
	assert(text);
	text = strchr(text, ':');
	assert(text && sscanf(text, ":%u:%u: %n", &line, &column, &end) == 2 && end && text[end]);
}

static void
make_files(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	scratch_files();
	(void)mkdir(tmpdir_path("clients.d"), 0700);
	tmpdir_write("a.psk", "000102030405060708090a0b0c0d0e0f\n", 33);
	tmpdir_write("bad.psk", "no hexadecimal\n", 15);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_problems problems;
	struct config *c;
	const char *path;
	bool fatal = false;

	make_files();
	if (size >= strlen(customers) && !memcmp(data, customers, strlen(customers))) {
		tmpdir_write("clients.d/a.yaml", data, size);
		tmpdir_write("dotsd.yaml", with_customers, strlen(with_customers));
	} else {
		tmpdir_write("dotsd.yaml", data, size);
	}
	path = tmpdir_path("dotsd.yaml");
	c = config_load(path, &problems);
	for (size_t i = 0; i < problems.n; i++) {
		check_problem(problems.list[i].text, path);
		fatal |= problems.list[i].fatal;
	}
	assert(!c == fatal);
	config_problems_finish(&problems);
	config_free(c);
	return 0;
}
