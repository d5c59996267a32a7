/* SPDX-License-Identifier: MIT */
/* The order in which a user numbers files. */
#ifndef PRODUCER_SOURCES_NATURAL_H
#define PRODUCER_SOURCES_NATURAL_H

/* Like strcmp(), but runs of digits compare as numbers: frame2 comes before frame10. Only equal
 * strings compare as 0. */
int natural_compare(const char *a, const char *b);

#endif
