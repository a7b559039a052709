/* Names as records of the store have them: texts with the addresses that are known. */
#ifndef DOTSD_CORE_NAME_RECORD_H
#define DOTSD_CORE_NAME_RECORD_H

#include <jansson.h>

#include "core/name.h"

json_t *name_record_write(const struct name *names, size_t n); /* NULL: there are none */
/* What is no name, or one too many (NAMES_MAX), is left out. Texts live in the arena. */
size_t name_record_read(const json_t *list, struct arena *a, struct name **ret);

#endif
