/* SPDX-License-Identifier: MIT */
#include "pageflip.h"

uint32_t pf_version(void)
{
    return PF_VERSION;
}
