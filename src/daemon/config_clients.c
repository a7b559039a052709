/*
 * Customers in files of their own: every *.yaml of the directory `clients-dir`, by name. Each is a
 * map name -> client, as `clients:` is.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config_table.h"

/* Hidden files, editors' copies and the like are none. */
static int
is_wanted(const struct dirent *e)
{
	size_t len = strlen(e->d_name), suffix = strlen(".yaml");

	return *e->d_name != '.' && len > suffix && !strcmp(e->d_name + len - suffix, ".yaml");
}

/* Whatever the locale. */
static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_files(struct options *o, struct draft *d, struct dirent **list, size_t n)
{
	d->client_files =
		mem_grow(d->client_files, d->n_client_files + n, sizeof(*d->client_files));
	for (size_t i = 0; i < n; i++) {
		struct draft_client_file *f = &d->client_files[d->n_client_files++];

		*f = (struct draft_client_file){
			.path = mem_printf("%s/%s", d->clients_dir, list[i]->d_name)};
		options_include(o, f->path, &config_client_file_row, f);
	}
}

void
config_read_clients(struct options *o, struct draft *d)
{
	struct dirent **list;
	int n;

	d->client_files = mem_new(sizeof(*d->client_files));
	d->client_files[d->n_client_files++] =
		(struct draft_client_file){.clients = d->clients, .n_clients = d->n_clients};
	if (!d->clients_dir)
		return;
	n = scandir(d->clients_dir, &list, is_wanted, compare_names);
	if (n < 0) {
		options_problem(o, true, options_spot(o, d, "clients-dir"),
			"%s cannot be read: %s, expected a directory", d->clients_dir,
			strerror(errno));
		return;
	}
	read_files(o, d, list, (size_t)n);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}
