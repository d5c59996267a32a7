/* SPDX-License-Identifier: MIT */
/* What the run must find: a program that takes it for granted that there is memory. */
#include <stdlib.h>

int main(void)
{
    volatile char *memory = malloc(1);

    *memory = 1;
    free((void *)memory);
    return 0;
}
