/* SPDX-License-Identifier: MIT */
/* What the reports of both programs have in common. */
#ifndef PROGRAM_REPORT_H
#define PROGRAM_REPORT_H

/* The version of the JSON. Add one when a field is removed or changes its meaning; a new field does
 * not count. */
enum { REPORT_SCHEMA = 1 };

#endif
