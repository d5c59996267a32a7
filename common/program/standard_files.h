/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_STANDARD_FILES_H
#define PROGRAM_STANDARD_FILES_H

/* Open /dev/null on closed standard descriptors, so that later files do not become descriptors 0 to
 * 2. Call it at the start of main(). */
void standard_files_reserve(void);

/* Flush standard output at the end of main(). Returns 0, or a negative errno if something that was
 * printed could not be written, logged. */
int standard_files_flush_output(void);

#endif
