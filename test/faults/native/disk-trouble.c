/*
 * Preloaded into a server, makes its disk fail or lie. FAULTS_UNDER is the folder whose files are affected, FAULTS_CONTROL a
 * file of one byte that says how from now on:
 *   '.' all is well   'l' flushes are answered without one   'f' flushes fail   'w' writes fail   'r' reads fail
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static const volatile char *control;
static const char *under;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTS_CONTROL");
  under = getenv("FAULTS_UNDER");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1 || under == NULL) return;
  void *mapped = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) control = mapped;
}

/* Whether `how` holds now for this open file. */
static int is(char how, int file) {
  if (control == NULL || *control != how) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  size_t wanted = strlen(under);
  return length > (ssize_t)wanted && strncmp(path, under, wanted) == 0 && path[wanted] == '/';
}

static int broken(void) {
  errno = EIO;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FLUSH(name)                                                                                                            \
  int name(int file) {                                                                                                         \
    static int (*real)(int);                                                                                                   \
    if (real == NULL) real = REAL(name);                                                                                       \
    if (is('l', file)) return 0;                                                                                               \
    return is('f', file) ? broken() : real(file);                                                                              \
  }

#define WRITE(name, offset_type)                                                                                               \
  ssize_t name(int file, const void *bytes, size_t count, offset_type at) {                                                    \
    static ssize_t (*real)(int, const void *, size_t, offset_type);                                                            \
    if (real == NULL) real = REAL(name);                                                                                       \
    return is('w', file) ? broken() : real(file, bytes, count, at);                                                            \
  }

#define READ(name, offset_type)                                                                                                \
  ssize_t name(int file, void *bytes, size_t count, offset_type at) {                                                          \
    static ssize_t (*real)(int, void *, size_t, offset_type);                                                                  \
    if (real == NULL) real = REAL(name);                                                                                       \
    return is('r', file) ? broken() : real(file, bytes, count, at);                                                            \
  }

FLUSH(fsync)
FLUSH(fdatasync)
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)
READ(pread, off_t)
READ(pread64, off64_t)
