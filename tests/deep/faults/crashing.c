/* SPDX-License-Identifier: MIT */
/* The run must find this crash: the program does not check that it got memory. */
#include <stdlib.h>

int main(void)
{
    volatile char *memory = malloc(1);

    *memory = 1;
    free((void *)memory);
    return 0;
}
