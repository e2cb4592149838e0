/*
 * What a process under the nemesis believes of the clock, and what of its files a power cut would leave.
 *
 *     clang -shared -fPIC -O1 -o shim.so nemesis-shim.c -ldl        LD_PRELOAD=shim.so node …
 *
 * NEMESIS_CLOCK  a file of two numbers of eight bytes. It is mapped, so whoever writes it changes a process that
 *                runs. The first one is nanoseconds that are added to the wall clock; the monotonic clock stays as it
 *                is. When the second one is not 0, the next sync of a watched file kills the process group before it
 *                syncs anything: that is when there are bytes to be lost.
 * NEMESIS_WATCH  a folder; NEMESIS_IMAGE another one, where it is kept as it was synced last:
 *
 *     inodes/INODE-BIRTH   the bytes of a file when fsync or fdatasync of it last returned
 *     names                NAME TAB INODE-BIRTH of every file, when fsync of the folder last returned
 *
 * SIGKILL leaves the page cache alone, so killed processes lose nothing that they wrote. Whoever puts the image in
 * place of the folder, takes away what was written and never synced, as a power cut may.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ns, *dies;
static const char *watch, *image;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void fail(const char *what) {
  fprintf(stderr, "nemesis shim: %s\n", what);
  _exit(97);
}

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  watch = getenv("NEMESIS_WATCH");
  image = getenv("NEMESIS_IMAGE");
  const char *clock = getenv("NEMESIS_CLOCK");
  if (clock == NULL) return;
  int fd = open(clock, O_RDONLY | O_CLOEXEC);
  void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) fail("no clock file");
  offset_ns = mapped;
  dies = offset_ns + 1;
  close(fd);
}

int clock_gettime(clockid_t id, struct timespec *at) {
  if (real_clock_gettime == NULL) return (int)syscall(SYS_clock_gettime, id, at);
  int result = real_clock_gettime(id, at);
  if (result != 0 || offset_ns == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
    return result;
  int64_t ns = (int64_t)at->tv_sec * 1000000000 + at->tv_nsec + *offset_ns;
  at->tv_sec = ns / 1000000000;
  at->tv_nsec = ns % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != NULL) *into = now.tv_sec;
  return now.tv_sec;
}

/* Inode numbers are given out again; with the time of birth they are not. */
static int key_of(int folder, const char *name, int flags, char key[64], mode_t *mode) {
  struct statx found;
  if (statx(folder, name, flags, STATX_TYPE | STATX_INO | STATX_BTIME, &found) != 0) return -1;
  snprintf(key, 64, "%llu-%lld%09u", (unsigned long long)found.stx_ino,
           (long long)found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
  *mode = found.stx_mode;
  return 0;
}

static void temporary_name(char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/.%d-%ld", image, getpid(), syscall(SYS_gettid));
}

static void keep_bytes(int fd, const char *key) {
  char from[64], beside[PATH_MAX], to[PATH_MAX];
  snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
  temporary_name(beside);
  snprintf(to, sizeof to, "%s/inodes/%s", image, key);
  int in = open(from, O_RDONLY | O_CLOEXEC);
  int out = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (in < 0 || out < 0) fail("cannot keep what was synced");
  ssize_t sent;
  while ((sent = sendfile(out, in, NULL, 1 << 20)) > 0) continue;
  close(in);
  close(out);
  if (sent < 0 || rename(beside, to) != 0) fail("cannot keep what was synced");
}

static void keep_names(void) {
  char beside[PATH_MAX], to[PATH_MAX];
  temporary_name(beside);
  snprintf(to, sizeof to, "%s/names", image);
  DIR *folder = opendir(watch);
  FILE *out = fopen(beside, "w");
  if (folder == NULL || out == NULL) fail("cannot keep names");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char key[64];
    mode_t mode;
    if (key_of(dirfd(folder), entry->d_name, AT_SYMLINK_NOFOLLOW, key, &mode) != 0) continue;
    if (S_ISREG(mode)) fprintf(out, "%s\t%s\n", entry->d_name, key);
  }
  closedir(folder);
  if (fclose(out) != 0 || rename(beside, to) != 0) fail("cannot keep names");
}

enum synced { not_watched, folder, file };

static enum synced watched(int fd, char key[64]) {
  if (watch == NULL || image == NULL) return not_watched;
  char link[64], path[PATH_MAX];
  mode_t mode;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  size_t prefix = strlen(watch);
  if (length < (ssize_t)prefix || strncmp(path, watch, prefix) != 0) return not_watched;
  path[length] = 0;
  if (key_of(fd, "", AT_EMPTY_PATH, key, &mode) != 0) return not_watched;
  if (S_ISDIR(mode) && path[prefix] == 0) return folder;
  /* Folders below are not watched. */
  int is_direct = path[prefix] == '/' && strchr(path + prefix + 1, '/') == NULL;
  return S_ISREG(mode) && is_direct ? file : not_watched;
}

static int sync_and_keep(int fd, int (*real)(int)) {
  char key[64];
  enum synced what = watched(fd, key);
  if (what != not_watched && dies != NULL && *dies != 0) kill(0, SIGKILL);
  int result = real(fd);
  if (result == 0 && what == folder) keep_names();
  if (result == 0 && what == file) keep_bytes(fd, key);
  return result;
}

int fsync(int fd) { return sync_and_keep(fd, real_fsync); }

int fdatasync(int fd) { return sync_and_keep(fd, real_fdatasync); }
