/* SPDX-License-Identifier: MIT */
/* Of two numbers without leading zeros, the number with more digits is larger: numbers of any
 * length compare without overflow. A dot comes before all other characters, so that a name comes
 * before longer names that begin with it: "a.png" before "a 1.png". */
#include "natural.h"

#include <ctype.h>
#include <string.h>

static int rank(char c)
{
    return c == '.' ? 0 : (unsigned char)c;
}

int natural_compare(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            size_t zeros_a = strspn(a, "0"), zeros_b = strspn(b, "0");
            size_t length_a = strspn(a + zeros_a, "0123456789");
            size_t length_b = strspn(b + zeros_b, "0123456789");

            if (length_a != length_b)
                return length_a < length_b ? -1 : 1;
            int order = strncmp(a + zeros_a, b + zeros_b, length_a);
            if (order)
                return order;
            if (zeros_a != zeros_b)
                return zeros_a < zeros_b ? -1 : 1;
            a += zeros_a + length_a;
            b += zeros_b + length_b;
        } else {
            if (*a != *b)
                return rank(*a) < rank(*b) ? -1 : 1;
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}
