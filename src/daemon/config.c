/*
 * Loading and freeing a configuration; the steps are in the files config_*.c.
 */
#include "daemon/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config_table.h"

void
config_problems_finish(struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i].text);
	free(p->list);
	*p = (struct config_problems){0};
}

static void
free_credentials_files(struct domain_credentials *dc)
{
	free(dc->certificate);
	free(dc->key);
	free(dc->trust);
	free(dc->crl);
	free(dc->raw_key);
	for (size_t i = 0; i < dc->n_spki; i++)
		free(dc->spki[i]);
	free(dc->spki);
	free(dc->psk_identity);
	free(dc->psk_file);
}

static void
free_clients(struct draft_client_file *f)
{
	for (size_t i = 0; i < f->n_clients; i++)
		free(f->clients[i].name);
	free(f->clients);
	free(f->path);
}

/* What config_build has not moved. */
static void
free_draft(struct draft *d)
{
	for (size_t i = 0; i < d->n_client_files; i++)
		free_clients(&d->client_files[i]);
	free(d->client_files);
	free(d->clients_dir);
	for (size_t i = 0; i < d->n_data_files; i++)
		free(d->data_files[i]);
	free(d->data_files);
	free(d->never_mitigate);
	free_credentials_files(&d->credentials);
	free(d->domains);
	free(d->gateways);
	free(d->mitigators);
	free(d->consents);
	free(d);
}

struct config *
config_load(const char *path, struct config_problems *problems)
{
	struct draft *d = mem_new(sizeof(*d));
	struct config *c = NULL;
	struct options *o;

	*problems = (struct config_problems){0};
	o = options_read(path, config_rows, d, problems);
	if (o) {
		config_read_clients(o, d);
		c = config_build(o, d);
		c->path = mem_text(path);
		config_check(o, d, c);
		if (options_failed(o)) {
			config_free(c);
			c = NULL;
		}
	}
	options_free(o);
	free_draft(d);
	return c;
}

static void
free_psk(struct psk_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		explicit_bzero(list[i].key, sizeof(list[i].key));
		free(list[i].identity);
	}
	free(list);
}

static void
free_mitigators(struct mitigator_config *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].socket);
		free(list[i].instance);
	}
	free(list);
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->homing->n_domains; i++)
		credentials_unref(c->credentials[i]);
	free(c->credentials);
	credentials_unref(c->server_credentials);
	homing_free(c->homing);
	homing_free(c->base);
	clients_free(c->clients);
	free_psk(c->psk, c->n_psk);
	free_mitigators(c->mitigators, c->n_mitigators);
	for (size_t i = 0; i < c->n_aliases; i++)
		alias_finish(&c->aliases[i]);
	free(c->aliases);
	for (size_t i = 0; i < c->n_records; i++)
		json_decref(c->records[i].entry);
	free(c->records);
	free(c->preconfigured);
	free(c->listen);
	free((struct listen_socket *)(uintptr_t)c->data.https.sockets);
	free((char *)(uintptr_t)c->data.root);
	for (size_t i = 0; i < c->data.n_own; i++)
		free((char *)(uintptr_t)c->data.own[i]);
	free((char **)(uintptr_t)c->data.own);
	free(c->path);
	free(c->helper);
	free(c->instance);
	free(c->state);
	free(c->control);
	free(c->events);
	free(c->user);
	free(c);
}
