/*
 * Two links to another network namespace:
 *
 *   ours: wan1 10.0.1.1, wan2 10.0.2.1 ── theirs: far1 10.0.1.2, far2 10.0.2.2, 10.9.9.9 on both
 *
 * 10.9.9.9 is routed over wan1, and over wan2 for who is bound to it; it is for the test to add
 * it to their lo. Each link has fe80::1 and fe80::2.
 */
#ifndef DOTSD_TEST_NETNS_H
#define DOTSD_TEST_NETNS_H

#include <stdbool.h>

extern int netns_ours, netns_theirs;

/* First of all: false, and told as skipped, without the right to make namespaces. */
bool netns_begin(void);
void netns_enter(int namespace);
/* The arguments of ip, with one space between. */
void netns_ip(const char *text);
void netns_ip_theirs(const char *text);
void netns_connect(void);
void netns_disconnect(void); /* also when wan2 is gone already */

#endif
