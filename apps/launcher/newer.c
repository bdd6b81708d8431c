#include "newer.h"

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
  const unsigned char *bytes;
  size_t size;
};

static struct file map(const char *path) {
  struct file file = {NULL, 0};
  struct stat facts;
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return file;
  if (fstat(descriptor, &facts) == 0 && facts.st_size > (off_t)sizeof(Elf64_Ehdr)) {
    void *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes != MAP_FAILED) {
      file.bytes = bytes;
      file.size = (size_t)facts.st_size;
    }
  }
  close(descriptor);
  return file;
}

static void unmap(struct file file) {
  if (file.bytes != NULL) munmap((void *)file.bytes, file.size);
}

/* NULL where it would reach beyond the file: a damaged library is not judged. */
static const void *at(struct file file, size_t offset, size_t size) {
  return offset <= file.size && size <= file.size - offset ? file.bytes + offset : NULL;
}

static const char *text_at(struct file file, size_t offset) {
  return offset < file.size && memchr(file.bytes + offset, '\0', file.size - offset) != NULL
             ? (const char *)file.bytes + offset
             : NULL;
}

struct versions {
  size_t definitions; /* offsets in the file */
  size_t names;
  unsigned count;
};

static int find_versions(struct file file, struct versions *found) {
  const Elf64_Ehdr *header = at(file, 0, sizeof(Elf64_Ehdr));
  if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64)
    return 0;
  const Elf64_Shdr *sections = at(file, header->e_shoff, (size_t)header->e_shnum * sizeof(Elf64_Shdr));
  if (sections == NULL) return 0;
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_GNU_verdef || sections[i].sh_link >= header->e_shnum) continue;
    found->definitions = sections[i].sh_offset;
    found->names = sections[sections[i].sh_link].sh_offset;
    found->count = sections[i].sh_info;
    return 1;
  }
  return 0;
}

/* The name of the version at `*offset`, which goes on to the next one; NULL behind the last. */
static const char *next_version(struct file file, const struct versions *versions, size_t *offset) {
  const Elf64_Verdef *definition = at(file, *offset, sizeof(Elf64_Verdef));
  if (definition == NULL) return NULL;
  const Elf64_Verdaux *name = at(file, *offset + definition->vd_aux, sizeof(Elf64_Verdaux));
  if (name == NULL) return NULL;
  *offset = definition->vd_next == 0 ? file.size : *offset + definition->vd_next;
  return text_at(file, versions->names + name->vda_name);
}

static int has_version(struct file file, const struct versions *versions, const char *wanted) {
  size_t offset = versions->definitions;
  for (unsigned i = 0; i < versions->count; ++i) {
    const char *name = next_version(file, versions, &offset);
    if (name == NULL) return 0;
    if (strcmp(name, wanted) == 0) return 1;
  }
  return 0;
}

int defines_more(const char *other, const char *ours) {
  const struct file theirs = map(other), own = map(ours);
  struct versions their_versions, own_versions;
  int more = 0;
  if (find_versions(theirs, &their_versions) && find_versions(own, &own_versions)) {
    size_t offset = their_versions.definitions;
    for (unsigned i = 0; i < their_versions.count && !more; ++i) {
      const char *name = next_version(theirs, &their_versions, &offset);
      if (name == NULL) break;
      more = i > 0 && !has_version(own, &own_versions, name); /* the first is the library's own name */
    }
  }
  unmap(theirs);
  unmap(own);
  return more;
}
