/*
 * Options: a table says what a YAML map may hold, a walk puts it into a struct and notes every
 * mistake with its place. Shared by the files of the configuration; the only one that knows the
 * YAML library.
 */
#ifndef DOTSD_DAEMON_OPTION_H
#define DOTSD_DAEMON_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"

struct fy_node;

struct spot {
	int line, column; /* from 1 */
	const char *file; /* NULL: the one that is being read, after that the configuration file */
};

enum option_kind {
	OPTION_TEXT,      /* char * */
	OPTION_LABEL,     /* char *: [a-z0-9_]{1,32} */
	OPTION_PATH,      /* char *, relative to the directory of the file */
	OPTION_INTERFACE, /* char * */
	OPTION_DIGEST,    /* char *: 22 characters of base64url */
	OPTION_BOOL,      /* bool */
	OPTION_NUMBER,    /* uint32_t, in [min, max] */
	OPTION_SECONDS,   /* uint32_t milliseconds; min and max in seconds; a fraction is allowed */
	OPTION_DECIMAL,   /* uint32_t hundredths; min and max in whole ones */
	OPTION_CHOICE,    /* uint32_t: index of the word in `choices` */
	OPTION_ADDRESS,   /* struct addr */
	OPTION_PREFIX,    /* struct prefix */
	OPTION_RESOLVER,  /* struct endpoint, port 53 */
	OPTION_MAP,       /* a struct described by `rows` */
	OPTION_CUSTOM,    /* read by `custom` */
};
enum option_arity {
	ONE,
	LIST,        /* pointer at offset, size_t at count; elements by mem_grow */
	ONE_OR_LIST, /* the same, a single value counts as a list of one */
	NAMED,       /* of OPTION_MAP: a map name -> map; the element starts with char *name */
};

struct options;

/* One row an option; a row without key ends a table. */
struct option {
	const char *key;
	enum option_kind kind;
	enum option_arity arity;
	const char *what; /* in a few words, for the error text */
	size_t offset, count;
	const char *fallback; /* parsed like a value when the key is not there; NULL: stays zero */
	int64_t min, max;
	const char *unit;
	const char *const *choices; /* ends with NULL */
	const struct option *rows;  /* of OPTION_MAP */
	size_t size;                /* of an element of rows, where there are several */
	void (*custom)(struct options *o, const struct option *row, void *object,
		struct fy_node *node, struct spot spot);
};

/* Reads the file into `object` as `rows` say. What is wrong is noted in *problems; NULL if it
 * cannot be read as YAML at all, *object is untouched then. */
struct options *options_read(const char *path, const struct option *rows, void *object,
	struct config_problems *problems);
void options_free(struct options *o); /* NULL is legal */
/* Another file, a map name -> map whose elements are those of `row` (NAMED): appended to an object
 * of their own, which has nothing at the row's offset yet. Its findings tell its name, also that
 * it cannot be read as YAML; names of files in it are relative to its own directory. */
void options_include(struct options *o, const char *path, const struct option *row, void *object);
/* A value by its rows, for custom options. */
void options_map(struct options *o, const struct option *rows, void *object, const char *title,
	struct fy_node *node, struct spot spot);
/* Text of a scalar, NULL for anything else. */
const char *options_scalar(struct fy_node *node);
/* For custom options that are lists of words: visits each; false and noted: it is no such list. */
bool options_words(struct options *o, const struct option *row, struct fy_node *node,
	struct spot spot, void (*visit)(void *arg, const char *word), void *arg);

/* For custom options that are maps name -> list of addresses: visits each name, then its addresses.
 * False and noted: it is no such map. `name` returns what is wrong with one, or NULL. */
struct option_lists {
	const char *(*name)(void *arg, const char *name, struct spot spot);
	void (*address)(void *arg, const struct addr *a);
	void *arg;
};
bool options_lists(struct options *o, const struct option *row, struct fy_node *node,
	struct spot spot, const struct option_lists *to);

/* Whether the key was given in this object (key "": the object itself). */
bool options_given(const struct options *o, const void *object, const char *key);
/* Where it was given: its value, or its key if that is a map or list; else where the object is;
 * else the beginning of the file. */
struct spot options_spot(const struct options *o, const void *object, const char *key);

/* Text of a problem: "what, expected what". */
__attribute__((format(printf, 4, 5))) void options_problem(
	struct options *o, bool fatal, struct spot spot, const char *fmt, ...);
bool options_failed(const struct options *o); /* something fatal was noted */

#endif
