/* newer: which of two copies of a library may stand for the other. */
#ifndef PLIMSOLL_NEWER_H
#define PLIMSOLL_NEWER_H

/* Whether the library at `other` defines a version of its symbols (GLIBCXX_3.4.36) that the one at `ours` does not, so
 * that a program which needs it cannot do with ours. 0 where either cannot be read. */
int defines_more(const char* other, const char* ours);

#endif
