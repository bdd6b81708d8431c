// Annotations that clang checks with -Wthread-safety; empty for other compilers. Locks that carry them: mutex.hpp.
#pragma once

#if defined(__clang__)
#define PLIMSOLL_ANNOTATE(attribute) __attribute__((attribute))
#else
#define PLIMSOLL_ANNOTATE(attribute)
#endif

#define PLIMSOLL_CAPABILITY(name) PLIMSOLL_ANNOTATE(capability(name))
#define PLIMSOLL_SCOPED_CAPABILITY PLIMSOLL_ANNOTATE(scoped_lockable)
#define PLIMSOLL_GUARDED_BY(mutex) PLIMSOLL_ANNOTATE(guarded_by(mutex))
#define PLIMSOLL_REQUIRES(...) PLIMSOLL_ANNOTATE(requires_capability(__VA_ARGS__))
#define PLIMSOLL_EXCLUDES(...) PLIMSOLL_ANNOTATE(locks_excluded(__VA_ARGS__))
#define PLIMSOLL_ACQUIRE(...) PLIMSOLL_ANNOTATE(acquire_capability(__VA_ARGS__))
#define PLIMSOLL_RELEASE(...) PLIMSOLL_ANNOTATE(release_capability(__VA_ARGS__))
#define PLIMSOLL_ASSERT_HELD(...) PLIMSOLL_ANNOTATE(assert_capability(__VA_ARGS__))
