/* SPDX-License-Identifier: MIT */
#include "image_file.h"

#include "atomic_file.h"
#include "media/image.h"
#include "messages.h"

int image_write_file(const char *path, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                     uint32_t height, bool has_alpha)
{
    struct atomic_file file;
    int ret = atomic_file_open(&file, path);

    if (ret < 0)
        return ret;
    ret = image_write(file.stream, pixels, stride_bytes, width, height, has_alpha);
    if (ret < 0) {
        atomic_file_abandon(&file);
        return messages_cannot_write(path, -ret);
    }
    return atomic_file_finish(&file);
}
