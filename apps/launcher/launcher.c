/* Starts the program of a bundle: bin/NAME runs libexec/NAME under a C library that has all that the program and the
 * drivers of this machine need. The bundle has its own; where this machine's is newer, its drivers need that one, and the
 * program runs under it as well (docs/decisions/0046-bundle.md). Linked statically: it needs nothing of the machine. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "newer.h"

#define LOADER "ld-linux-x86-64.so.2"

static char bundle[PATH_MAX]; /* the folder that bin lies in */

/* Where glibc's systems have their libraries: Debian and its kin, Fedora and its kin, Arch and others. */
static const char *const library_folders[] = {
    "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib"};
/* Drivers where ld.so.cache does not name them: containers of NVIDIA, WSL, NixOS. */
static const char *const driver_folders[] = {"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib",
                                             "/run/opengl-driver/lib"};

static _Noreturn void fail(const char *what, const char *path) {
  fprintf(stderr, "plimsoll: %s '%s': %s\n", what, path, strerror(errno));
  exit(1);
}

static char *text(const char *format, ...) {
  char *made = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&made, format, arguments) < 0) fail("no memory for", format);
  va_end(arguments);
  return made;
}

/* The machine's copy of a library; NULL: it has none. */
static const char *of_machine(const char *name) {
  for (size_t i = 0; i < sizeof library_folders / sizeof *library_folders; ++i) {
    char *path = text("%s/%s", library_folders[i], name);
    if (access(path, R_OK) == 0) return path;
    free(path);
  }
  return NULL;
}

static int machines_is_newer(const char *name, const char *ours) {
  const char *theirs = of_machine(name);
  return theirs != NULL && defines_more(theirs, ours);
}

static char *list; /* of folders, for the loader */
static void add(const char *folder) { list = list == NULL ? text("%s", folder) : text("%s:%s", list, folder); }

/* lib/shared/NAME/NAME: libraries that drivers use as well. The one that can do more is taken by all. */
static void add_shared(void) {
  char *shared = text("%s/lib/shared", bundle);
  DIR *folder = opendir(shared);
  if (folder == NULL) return;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char *own = text("%s/%s", shared, entry->d_name);
    if (!machines_is_newer(entry->d_name, text("%s/%s", own, entry->d_name))) add(own);
  }
  closedir(folder);
}

static void find_bundle(char *program) {
  const ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
  if (length < 0) fail("the program's own file cannot be found by", "/proc/self/exe");
  program[length] = '\0';
  strcpy(bundle, program);
  for (int i = 0; i < 2; ++i) {
    char *slash = strrchr(bundle, '/');
    if (slash == NULL) fail("the launcher is not in a bundle:", program);
    *slash = '\0';
  }
  if (strchr(bundle, ':') != NULL || strchr(bundle, ';') != NULL) {
    fprintf(stderr,
            "plimsoll: the folder '%s' has a colon in its name, which separates folders for the loader; move it\n",
            bundle);
    exit(1);
  }
}

int main(int argc, char **argv) {
  static char self[PATH_MAX];
  find_bundle(self);
  const char *loader = text("%s/lib/glibc/" LOADER, bundle);
  if (access("/lib64/" LOADER, X_OK) == 0 && machines_is_newer("libc.so.6", text("%s/lib/glibc/libc.so.6", bundle)))
    loader = "/lib64/" LOADER;
  else
    add(text("%s/lib/glibc", bundle));
  add_shared();
  add(text("%s/lib", bundle));
  for (size_t i = 0; i < sizeof driver_folders / sizeof *driver_folders; ++i)
    if (access(driver_folders[i], X_OK) == 0) add(driver_folders[i]);
  const char *before = getenv("LD_LIBRARY_PATH"); /* the loader takes the list that it is given instead */
  if (before != NULL && *before != '\0') add(before);

  const char **arguments = calloc((size_t)argc + 8, sizeof *arguments);
  if (arguments == NULL) fail("no memory for", "the arguments");
  size_t count = 0;
  arguments[count++] = loader;
  arguments[count++] = "--library-path";
  arguments[count++] = list;
  arguments[count++] = "--argv0";
  arguments[count++] = argc > 0 ? argv[0] : self;
  arguments[count++] = text("%s/libexec/%s", bundle, strrchr(self, '/') + 1);
  for (int i = 1; i < argc; ++i) arguments[count++] = argv[i];
  execv(loader, (char *const *)arguments);
  fail("the bundle is not whole:", loader);
}
