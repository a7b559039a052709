/*
 * See nft_set.h.
 */
#include "priv/nft_set.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

enum { ELEMENTS_MAX = 128 }; /* in one message */

uint32_t
nft_set_put(const struct nft_set *s, struct buf *out)
{
	static uint32_t last_id;
	/* Type, length, value: the nft tool's note that keys are in network order. */
	static const uint8_t order[] = {0, 4, 2, 0, 0, 0};
	struct nft_message m;

	nft_message_begin(&m, NFT_MSG_NEWSET, NLM_F_CREATE);
	nft_message_text(&m, NFTA_SET_TABLE, s->table);
	nft_message_text(&m, NFTA_SET_NAME, s->name);
	nft_message_u32(&m, NFTA_SET_FLAGS, s->flags | (s->verdicts ? NFT_SET_MAP : 0));
	nft_message_u32(&m, NFTA_SET_KEY_TYPE, s->key_type);
	nft_message_u32(&m, NFTA_SET_KEY_LEN, s->key_len);
	if (s->verdicts)
		nft_message_u32(&m, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	nft_message_u32(&m, NFTA_SET_ID, ++last_id);
	if (s->timeout_ms)
		nft_message_u64(&m, NFTA_SET_TIMEOUT, s->timeout_ms);
	if (s->size) {
		struct nlattr *desc = nft_message_nest(&m, NFTA_SET_DESC);

		nft_message_u32(&m, NFTA_SET_DESC_SIZE, s->size);
		nft_message_unnest(&m, desc);
	}
	mnl_attr_put(m.h, NFTA_SET_USERDATA, sizeof(order), order);
	nft_message_finish(&m, out);
	return last_id;
}

/* ---- elements ---- */

static void
elements_open(struct nft_elements *e)
{
	nft_message_begin(&e->m, e->type, e->type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	nft_message_text(&e->m, NFTA_SET_ELEM_LIST_TABLE, e->table);
	nft_message_text(&e->m, NFTA_SET_ELEM_LIST_SET, e->set);
	if (e->set_id)
		nft_message_u32(&e->m, NFTA_SET_ELEM_LIST_SET_ID, e->set_id);
	e->n = 0;
	e->list = nft_message_nest(&e->m, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void
nft_set_elements(struct nft_elements *e, uint16_t type, const char *table, const char *set,
	uint32_t set_id, struct buf *out)
{
	e->type = type;
	e->table = table;
	e->set = set;
	e->set_id = set_id;
	e->out = out;
	elements_open(e);
}

void
nft_set_elements_end(struct nft_elements *e)
{
	if (!e->n)
		return;
	nft_message_unnest(&e->m, e->list);
	nft_message_finish(&e->m, e->out);
}

void
nft_set_key(struct nft_elements *e, const void *key, size_t len, const char *chain, uint32_t flags)
{
	struct nlattr *a;

	if (e->n == ELEMENTS_MAX) {
		nft_set_elements_end(e);
		elements_open(e);
	}
	a = nft_message_nest(&e->m, NFTA_LIST_ELEM);
	nft_message_data(&e->m, NFTA_SET_ELEM_KEY, key, len);
	if (chain)
		nft_message_verdict(&e->m, NFTA_SET_ELEM_DATA, NFT_JUMP, chain);
	if (flags)
		nft_message_u32(&e->m, NFTA_SET_ELEM_FLAGS, flags);
	nft_message_unnest(&e->m, a);
	e->n++;
}

/* The key after it; false after the last one there is. */
static bool
next_key(uint8_t *key, size_t len)
{
	while (len-- > 0)
		if (++key[len])
			return true;
	return false;
}

/* An interval is its first key and, flagged, the one after its last. */
void
nft_set_interval(
	struct nft_elements *e, const void *first, const void *last, size_t len, const char *chain)
{
	uint8_t end[16];

	nft_set_key(e, first, len, chain, 0);
	memcpy(end, last, len);
	if (next_key(end, len))
		nft_set_key(e, end, len, NULL, NFT_SET_ELEM_INTERVAL_END);
}

/* Without elements: all of them. */
void
nft_set_flush(const char *table, const char *set, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, NFT_MSG_DELSETELEM, 0);
	nft_message_text(&m, NFTA_SET_ELEM_LIST_TABLE, table);
	nft_message_text(&m, NFTA_SET_ELEM_LIST_SET, set);
	nft_message_finish(&m, out);
}
