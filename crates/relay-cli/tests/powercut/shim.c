/*
 * A disk that loses power.
 *
 * Loaded into the relay (LD_PRELOAD), this library keeps a second folder, the shadow, in which stands
 * what a disk would hold after a power cut: of the database's files only what a finished fsync or
 * fdatasync has covered. The test kills the process and starts it again on the shadow's files.
 *
 *   POWERCUT_LIVE    the folder that the program writes to
 *   POWERCUT_SHADOW  the folder that holds what would survive
 *   POWERCUT_IGNORE  files with this ending are never flushed, though they say that they were: the
 *                    control, with which acknowledged messages must get lost
 *   POWERCUT_TORN    a number: every sector of 512 bytes that is written reaches the shadow at once
 *                    with even odds, as when the system writes back by itself in any order
 *
 * Files are made, truncated and removed as the program does it; the wal-index (-shm) and the lock do
 * not survive a power cut and are left out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_FDS = 65536, MOST_FILES = 64, SECTOR = 512, CHUNK = 65536 };

/* One change that no flush has covered yet. A length of -1 says: truncated at `offset`. */
struct change {
  off_t offset;
  ssize_t length;
};

struct file {
  char name[NAME_MAX + 1];
  struct change *changes;
  size_t count, room;
  /* How many changes were covered before these. */
  size_t covered;
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct file files[MOST_FILES];
static size_t file_count;
/* The file that a descriptor belongs to, plus one. */
static unsigned char owner[MOST_FDS];
static char live[PATH_MAX];
static char shadow[PATH_MAX];
static const char *ignored;
static bool torn;
static uint64_t dice;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);

static void fail(const char *why) {
  fprintf(stderr, "powercut: %s: %s\n", why, strerror(errno));
  abort();
}

static void *find(const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  if (!symbol) fail(name);
  return symbol;
}

static void prepare(void) {
  real_open = (int (*)(const char *, int, ...))find("open64");
  real_openat = (int (*)(int, const char *, int, ...))find("openat64");
  real_close = (int (*)(int))find("close");
  real_write = (ssize_t (*)(int, const void *, size_t))find("write");
  real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))find("pwrite64");
  real_ftruncate = (int (*)(int, off_t))find("ftruncate64");
  real_fsync = (int (*)(int))find("fsync");
  real_fdatasync = (int (*)(int))find("fdatasync");
  real_unlink = (int (*)(const char *))find("unlink");
  const char *from = getenv("POWERCUT_LIVE"), *to = getenv("POWERCUT_SHADOW");
  if (!from || !to) return;
  if (!realpath(from, live)) fail(from);
  if (!realpath(to, shadow)) fail(to);
  ignored = getenv("POWERCUT_IGNORE");
  const char *seed = getenv("POWERCUT_TORN");
  torn = seed != NULL;
  dice = seed ? strtoull(seed, NULL, 10) : 0;
}

static bool ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

/* The name of a file in the live folder that a disk would keep, or NULL. */
static const char *kept(const char *path) {
  size_t length = strlen(live);
  if (!length || strncmp(path, live, length) || path[length] != '/') return NULL;
  const char *name = path + length + 1;
  if (!*name || strchr(name, '/') || ends_with(name, "-shm") || ends_with(name, ".lock")) return NULL;
  return name;
}

static struct file *file_named(const char *name) {
  for (size_t i = 0; i < file_count; i++)
    if (!strcmp(files[i].name, name)) return &files[i];
  if (file_count == MOST_FILES) fail("too many files");
  struct file *file = &files[file_count++];
  snprintf(file->name, sizeof file->name, "%s", name);
  return file;
}

static struct file *file_of(int fd) {
  if (fd < 0 || fd >= MOST_FDS || !owner[fd]) return NULL;
  return &files[owner[fd] - 1];
}

static void shadow_path(const struct file *file, char *path) {
  if (snprintf(path, PATH_MAX, "%s/%s", shadow, file->name) >= PATH_MAX) fail("a path is too long");
}

static int open_shadow(const struct file *file) {
  char path[PATH_MAX];
  shadow_path(file, path);
  int fd = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fail(path);
  return fd;
}

/* Copies what stands in the file now; what was cut off meanwhile is not there to copy. */
static void copy(int from, int to, off_t offset, size_t length) {
  static char bytes[CHUNK];
  while (length) {
    ssize_t got = pread(from, bytes, length < CHUNK ? length : CHUNK, offset);
    if (got <= 0) return;
    if (real_pwrite(to, bytes, (size_t)got, offset) != got) fail("the shadow cannot be written");
    offset += got;
    length -= (size_t)got;
  }
}

static bool heads(void) {
  dice += 0x9e3779b97f4a7c15u;
  uint64_t mixed = dice;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return (mixed ^ (mixed >> 31)) & 1;
}

/* Writes some of the sectors back before anybody asks for it. */
static void write_back(struct file *file, int fd, off_t offset, size_t length) {
  int to = open_shadow(file);
  off_t end = offset + (off_t)length;
  while (offset < end) {
    off_t next = (offset / SECTOR + 1) * SECTOR;
    if (next > end) next = end;
    if (heads()) copy(fd, to, offset, (size_t)(next - offset));
    offset = next;
  }
  real_close(to);
}

static void note(struct file *file, off_t offset, ssize_t length) {
  if (file->count == file->room) {
    file->room = file->room ? 2 * file->room : 64;
    file->changes = realloc(file->changes, file->room * sizeof *file->changes);
    if (!file->changes) fail("memory");
  }
  file->changes[file->count++] = (struct change){offset, length};
}

/* Lets the changes survive up to a number, unless another flush has covered them meanwhile. */
static void survive(struct file *file, int fd, size_t through) {
  if (through <= file->covered) return;
  size_t count = through - file->covered;
  int to = open_shadow(file);
  for (size_t i = 0; i < count; i++) {
    struct change change = file->changes[i];
    if (change.length >= 0) {
      copy(fd, to, change.offset, (size_t)change.length);
    } else if (real_ftruncate(to, change.offset)) {
      fail("the shadow cannot be cut");
    }
  }
  real_close(to);
  file->count -= count;
  file->covered = through;
  memmove(file->changes, file->changes + count, file->count * sizeof *file->changes);
}

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= MOST_FDS) return fd;
  const char *name = kept(path);
  pthread_mutex_lock(&guard);
  owner[fd] = 0;
  if (name) {
    struct file *file = file_named(name);
    owner[fd] = (unsigned char)(file - files + 1);
    if (flags & O_TRUNC) note(file, 0, -1);
  }
  pthread_mutex_unlock(&guard);
  return fd;
}

static mode_t mode_of(int flags, va_list rest) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(NAME)                                \
  int NAME(const char *path, int flags, ...) {    \
    pthread_once(&once, prepare);                 \
    va_list rest;                                 \
    va_start(rest, flags);                        \
    mode_t mode = mode_of(flags, rest);           \
    va_end(rest);                                 \
    return opened(real_open(path, flags, mode), path, flags); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(NAME)                                        \
  int NAME(int folder, const char *path, int flags, ...) {  \
    pthread_once(&once, prepare);                           \
    va_list rest;                                           \
    va_start(rest, flags);                                  \
    mode_t mode = mode_of(flags, rest);                     \
    va_end(rest);                                           \
    return opened(real_openat(folder, path, flags, mode), path, flags); \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  pthread_once(&once, prepare);
  if (fd >= 0 && fd < MOST_FDS) {
    pthread_mutex_lock(&guard);
    owner[fd] = 0;
    pthread_mutex_unlock(&guard);
  }
  return real_close(fd);
}

static void written(struct file *file, int fd, off_t offset, ssize_t length) {
  if (length <= 0) return;
  note(file, offset, length);
  if (torn && !(ignored && ends_with(file->name, ignored))) write_back(file, fd, offset, (size_t)length);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  pthread_once(&once, prepare);
  /* Sockets and pipes pass by without waiting for anybody. */
  if (!file_of(fd)) return real_write(fd, bytes, length);
  pthread_mutex_lock(&guard);
  struct file *file = file_of(fd);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  ssize_t done = real_write(fd, bytes, length);
  int error = errno;
  if (file) written(file, fd, offset, done);
  pthread_mutex_unlock(&guard);
  errno = error;
  return done;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
  pthread_once(&once, prepare);
  if (!file_of(fd)) return real_pwrite(fd, bytes, length, offset);
  pthread_mutex_lock(&guard);
  struct file *file = file_of(fd);
  ssize_t done = real_pwrite(fd, bytes, length, offset);
  int error = errno;
  if (file) written(file, fd, offset, done);
  pthread_mutex_unlock(&guard);
  errno = error;
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return write_at(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  return write_at(fd, bytes, length, offset);
}

static int cut(int fd, off_t size) {
  pthread_once(&once, prepare);
  if (!file_of(fd)) return real_ftruncate(fd, size);
  pthread_mutex_lock(&guard);
  struct file *file = file_of(fd);
  int done = real_ftruncate(fd, size);
  int error = errno;
  if (file && !done) note(file, size, -1);
  pthread_mutex_unlock(&guard);
  errno = error;
  return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

/* Only what was written before the flush began is sure when it ends. */
static int flush(int fd, int (*real)(int)) {
  if (!file_of(fd)) return real(fd);
  pthread_mutex_lock(&guard);
  struct file *file = file_of(fd);
  bool lie = file && ignored && ends_with(file->name, ignored);
  size_t through = file ? file->covered + file->count : 0;
  pthread_mutex_unlock(&guard);
  if (lie) return 0;
  int done = real(fd);
  if (done || !file) return done;
  pthread_mutex_lock(&guard);
  survive(file, fd, through);
  pthread_mutex_unlock(&guard);
  return 0;
}

int fsync(int fd) {
  pthread_once(&once, prepare);
  return flush(fd, real_fsync);
}

int fdatasync(int fd) {
  pthread_once(&once, prepare);
  return flush(fd, real_fdatasync);
}

int unlink(const char *path) {
  pthread_once(&once, prepare);
  const char *name = kept(path);
  if (!name) return real_unlink(path);
  pthread_mutex_lock(&guard);
  int done = real_unlink(path);
  int error = errno;
  if (!done) {
    struct file *file = file_named(name);
    char other[PATH_MAX];
    shadow_path(file, other);
    file->covered += file->count;
    file->count = 0;
    real_unlink(other);
  }
  pthread_mutex_unlock(&guard);
  errno = error;
  return done;
}
