/*
 * Replies as tables for people. Each takes the whole reply object (doc/control.md).
 */
#ifndef DOTSD_DOTSCTL_PRINT_H
#define DOTSD_DOTSCTL_PRINT_H

#include <jansson.h>

void print_status(const json_t *reply);
void print_domains(const json_t *reply);
void print_records(const json_t *reply);  /* aliases or acls */
void print_recorded(const json_t *reply); /* one of them, after a change */
void print_sessions(const json_t *reply);
void print_parts(const json_t *reply);
void print_explained(const json_t *reply);
void print_list(const json_t *reply);
void print_show(const json_t *reply);
void print_clients(const json_t *reply);
void print_done(const json_t *reply);

#endif
