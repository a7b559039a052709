/* Shared by the fuzz targets. */
#ifndef DOTSD_TESTS_FUZZ_H
#define DOTSD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
