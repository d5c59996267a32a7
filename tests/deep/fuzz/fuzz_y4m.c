/* SPDX-License-Identifier: MIT */
/* Arbitrary bytes as a Y4M file. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_set(data, size);
    input_play(&source_y4m_ops);
    return 0;
}
