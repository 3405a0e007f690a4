/*
 * Preloaded into a server, makes its disk fail or lie. FAULTS_UNDER is the folder whose files are affected, FAULTS_CONTROL a
 * file of one byte that says how from now on:
 *   '.' all is well   'l' flushes are answered without one   'f' flushes fail   'w' writes fail   'r' reads fail
 *
 * When a flush fails, the kernel drops what it could not write: the pages stay readable, but no later flush writes them. A failed
 * flush here notes these pages with what the disk has in their place, in the file FAULTS_DROPPED, for whoever cuts the power.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define PAGE 4096
#define SLOTS 32768

/* `state`: 0 never used or flushed, 1 written since the last flush, 2 dropped. */
struct slot {
  uint64_t inode, page, state;
};
/* What is in FAULTS_DROPPED. */
struct table {
  struct slot slots[SLOTS];
  char on_disk[SLOTS][PAGE];
};

static const volatile char *control;
static const char *under;
static struct table *table;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *mapped(const char *name, size_t size, int how) {
  const char *path = getenv(name);
  int file = path == NULL ? -1 : open(path, (how & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (file == -1) return NULL;
  void *memory = mmap(NULL, size, how, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? NULL : memory;
}

__attribute__((constructor)) static void begin(void) {
  under = getenv("FAULTS_UNDER");
  if (under == NULL) return;
  control = mapped("FAULTS_CONTROL", 1, PROT_READ);
  table = mapped("FAULTS_DROPPED", sizeof(struct table), PROT_READ | PROT_WRITE);
}

#define REAL(name, type)                                                                                                       \
  static __typeof__(type) real;                                                                                                            \
  if (real == NULL) real = (__typeof__(type))dlsym(RTLD_NEXT, #name)

static int is(char how) { return control != NULL && *control == how; }

/* Whether this open file is one of those affected. */
static int ours(int file) {
  if (control == NULL) return 0;
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

static uint64_t inode_of(int file) {
  struct stat found;
  return fstat(file, &found) == 0 ? found.st_ino : 0;
}

static struct slot *slot_of(uint64_t inode, uint64_t page) {
  size_t at = (inode * 31 + page) % SLOTS;
  for (size_t tried = 0; tried < SLOTS; tried++, at = (at + 1) % SLOTS) {
    struct slot *slot = &table->slots[at];
    if (slot->inode == inode && slot->page == page) return slot;
    if (slot->inode != 0) continue;
    slot->inode = inode;
    slot->page = page;
    return slot;
  }
  fprintf(stderr, "disk-trouble: too many pages\n");
  abort();
}

/* Before these bytes are written. */
static void note_write(int file, size_t count, off64_t at) {
  REAL(pread64, ssize_t (*)(int, void *, size_t, off64_t));
  if (table == NULL || count == 0) return;
  uint64_t inode = inode_of(file);
  pthread_mutex_lock(&lock);
  for (uint64_t page = at / PAGE; page <= (at + count - 1) / PAGE; page++) {
    struct slot *slot = slot_of(inode, page);
    if (slot->state == 0) {
      char *on_disk = table->on_disk[slot - table->slots];
      memset(on_disk, 0, PAGE);
      if (real(file, on_disk, PAGE, page * PAGE) < 0) memset(on_disk, 0, PAGE);
    }
    slot->state = 1;
  }
  pthread_mutex_unlock(&lock);
}

/* What was written to this file, from this page on, is in that state now. */
static void note(int file, uint64_t from, uint64_t state) {
  if (table == NULL) return;
  uint64_t inode = inode_of(file);
  pthread_mutex_lock(&lock);
  for (size_t at = 0; at < SLOTS; at++) {
    struct slot *slot = &table->slots[at];
    if (slot->inode == inode && slot->page >= from && (slot->state == 1 || from > 0)) slot->state = state;
  }
  pthread_mutex_unlock(&lock);
}

#define FLUSH(name)                                                                                                            \
  int name(int file) {                                                                                                         \
    REAL(name, int (*)(int));                                                                                                  \
    if (!ours(file)) return real(file);                                                                                        \
    if (is('l')) return 0;                                                                                                     \
    int fails = is('f');                                                                                                       \
    note(file, 0, fails ? 2 : 0);                                                                                              \
    return fails ? broken() : real(file);                                                                                      \
  }

#define WRITE(name, offset_type)                                                                                               \
  ssize_t name(int file, const void *bytes, size_t count, offset_type at) {                                                    \
    REAL(name, ssize_t(*)(int, const void *, size_t, offset_type));                                                            \
    if (!ours(file)) return real(file, bytes, count, at);                                                                      \
    if (is('w')) return broken();                                                                                              \
    note_write(file, count, at);                                                                                               \
    return real(file, bytes, count, at);                                                                                       \
  }

#define READ(name, offset_type)                                                                                                \
  ssize_t name(int file, void *bytes, size_t count, offset_type at) {                                                          \
    REAL(name, ssize_t(*)(int, void *, size_t, offset_type));                                                                  \
    return is('r') && ours(file) ? broken() : real(file, bytes, count, at);                                                    \
  }

#define TRUNCATE(name, offset_type)                                                                                            \
  int name(int file, offset_type size) {                                                                                       \
    REAL(name, int (*)(int, offset_type));                                                                                     \
    if (ours(file)) note(file, (size + PAGE - 1) / PAGE, 0);                                                                   \
    return real(file, size);                                                                                                   \
  }

FLUSH(fsync)
FLUSH(fdatasync)
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)
READ(pread, off_t)
READ(pread64, off64_t)
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
