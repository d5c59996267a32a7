/* SPDX-License-Identifier: MIT */
/* For calls that are linked with --wrap: the test decides which of them fails. */
#ifndef TESTS_UNIT_WRAP_H
#define TESTS_UNIT_WRAP_H

/* Defines the wrapper of the call `name`. It returns `failure` if the file's own fails(#name) is
 * true, and calls the real one otherwise. */
#define WRAP(type, name, parameters, arguments, failure)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails(#name) ? failure : __real_##name arguments;                                   \
    }

#endif
