/* SPDX-License-Identifier: MIT */
/* Any text as an id file. If the parser accepts it, every field must have been set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/id_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct id_file id;
    static volatile uint64_t sum;

    memcpy(text, data, size);
    text[size] = '\0';
    if (id_file_parse(text, &id)) {
        sum = (uint64_t)id.shmid + id.bytes + (uint64_t)id.pid + id.ipc_namespace;
        for (int i = 0; i < PF_NONCE_BYTES; i++)
            sum = sum + id.nonce[i];
    }
    channel_name_is_valid(text);
    free(text);
    return 0;
}
