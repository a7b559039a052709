/*
 * Bounded reading and growable writing of bytes, both with a sticky error: use them straight
 * through and look at the error once.
 */
#ifndef DOTSD_BASE_BUF_H
#define DOTSD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads network-order integers and byte runs. After the end every read yields zero / NULL. */
struct reader {
	const uint8_t *at, *end;
	bool failed;
};

struct reader reader_of(const void *bytes, size_t len);
size_t reader_left(const struct reader *r);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
const uint8_t *reader_bytes(struct reader *r, size_t len); /* borrowed; NULL on failure */

/* Grows up to a limit; beyond it failed is set and nothing more is written. */
struct buf {
	uint8_t *bytes; /* owned */
	size_t len, cap, max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_finish(struct buf *b);
void buf_reset(struct buf *b);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_bytes(struct buf *b, const void *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);
/* NUL-terminated contents (the NUL is not counted in len); "" when empty or failed. */
const char *buf_text(struct buf *b);

#endif
