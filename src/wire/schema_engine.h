/*
 * Shared by schema.c, schema_cbor.c and schema_json.c only.
 */
#ifndef DOTSD_WIRE_SCHEMA_ENGINE_H
#define DOTSD_WIRE_SCHEMA_ENGINE_H

#include "wire/schema.h"

/* One decoding: where it stands (for error texts), what went wrong first. */
struct engine {
	struct arena *arena;
	struct schema_error *err;
	bool failed;
	char path[128];  /* attribute path, cut when too long */
	size_t case_len; /* of the leading SCHEMA_CASE name in path */
};

size_t engine_size(const struct schema_row *row); /* of one value in memory */
size_t engine_max_items(const struct schema_row *row);
void engine_enter(struct engine *e, size_t *ret_mark, const struct schema_row *row);
void engine_index(struct engine *e, size_t *ret_mark, size_t i);
void engine_leave(struct engine *e, size_t mark);
/* Where the decoding stands, as errors say it: "scope[0].lifetime"; "" at the outermost map. */
const char *engine_where(const struct engine *e);
/* "<where>: <reason>". Always false. */
__attribute__((format(printf, 2, 3))) bool engine_fail(struct engine *e, const char *fmt, ...);
/* The unknown comprehension-required key, in the map where the decoding stands. Always false. */
bool engine_fail_key(struct engine *e, uint64_t key);
bool engine_set_unsigned(struct engine *e, const struct schema_row *row, void *to, uint64_t v);
bool engine_set_text(
	struct engine *e, const struct schema_row *row, void *to, const char *s, size_t len);
const char *engine_enum_name(const struct schema_row *row, uint64_t value);
/* Marks the attribute as present; false if it was already. */
bool engine_claim(struct engine *e, const struct schema_row *row, void *structure);
/* Emptiness, required attributes, the schema's own check. */
bool engine_finish_map(struct engine *e, const struct schema *s, void *structure);

#endif
