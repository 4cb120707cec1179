/*
 * Preloaded into a server under test: stands between it and the files below one folder.
 *
 * It remembers how to take back every write that was not followed by an fsync of its file, so that a test can do,
 * once the process is dead, what a power failure does. And it can kill the process in the middle of a chosen
 * operation, let every fsync fail from a chosen one on, or let the disk be full after so many bytes.
 *
 *   VIGIE_SHIM_FOLDER        the folder, absolute
 *   VIGIE_SHIM_JOURNAL       where undo records go, absolute, elsewhere
 *   VIGIE_SHIM_DIE_AT        operation (write, sync, rename, unlink, truncation) in which the process dies; 0: none
 *   VIGIE_SHIM_SYNC_FAILS_AT fsync from which on all fail with EIO; 0: none
 *   VIGIE_SHIM_FULL_AFTER    bytes after which writes fail with ENOSPC; 0: none
 *
 * Undo records of a file are in JOURNAL/INODE.current, one after the other: four u64 in native order (offset, length,
 * size of the file before, bytes kept), then the bytes kept, which stood at the offset. While the file is being synced the
 * records so far are in JOURNAL/INODE.NUMBER; they go when the sync has succeeded.
 *
 * Names are taken to be durable at once: creating, renaming and deleting is not taken back.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_FD 65536
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *folder, *journal;
static uint64_t die_at, sync_fails_at, full_after;
static atomic_uchar watched[MAX_FD];
static atomic_ullong operations, syncs, bytes_written, sync_number;
/* Held over an undo record and its operation, so that their orders agree. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static uint64_t number_from(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void read_environment(void) {
    folder = getenv("VIGIE_SHIM_FOLDER");
    journal = getenv("VIGIE_SHIM_JOURNAL");
    die_at = number_from("VIGIE_SHIM_DIE_AT");
    sync_fails_at = number_from("VIGIE_SHIM_SYNC_FAILS_AT");
    full_after = number_from("VIGIE_SHIM_FULL_AFTER");
}

static int is_below(const char *path) {
    size_t length = folder && journal ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/';
}

static int is_watched(int fd) {
    return fd >= 0 && fd < MAX_FD && watched[fd];
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts an operation; true if the process is to die in it. */
static int is_last(void) {
    return atomic_fetch_add(&operations, 1) + 1 == die_at;
}

static int begun(int fd, int flags) {
    char link[64], path[4096];
    ssize_t length;
    if (fd < 0 || fd >= MAX_FD || (flags & O_ACCMODE) == O_RDONLY) return fd;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return fd;
    path[length] = 0;
    watched[fd] = is_below(path);
    return fd;
}

/* A file that is gone or emptied has nothing to take back; its inode may be used again. */
static void forget(const char *path) {
    struct stat status;
    char name[4200];
    if (!is_below(path) || stat(path, &status) != 0 || status.st_nlink > 1) return;
    snprintf(name, sizeof name, "%s/%llu.current", journal, (unsigned long long)status.st_ino);
    REAL(unlink)(name);
    /* A sync removes its own records, so only those of the newest few can be there. */
    uint64_t newest = sync_number;
    for (uint64_t number = newest > 64 ? newest - 64 : 1; number <= newest; number++) {
        snprintf(name, sizeof name, "%s/%llu.%llu", journal, (unsigned long long)status.st_ino,
                 (unsigned long long)number);
        REAL(unlink)(name);
    }
}

/* Writes down how to take back an operation on bytes [offset, offset + length). */
static void remember(int fd, uint64_t offset, uint64_t length) {
    struct stat status;
    char name[4200];
    if (fstat(fd, &status) != 0) die();
    uint64_t size = (uint64_t)status.st_size;
    uint64_t end = offset + length < size ? offset + length : size;
    uint64_t kept = offset < end ? end - offset : 0;
    uint64_t head[4] = {offset, length, size, kept};
    char *record = malloc(sizeof head + kept);
    if (!record) die();
    memcpy(record, head, sizeof head);
    if (kept > 0) {
        /* The descriptor may be for writing only. */
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int reader = REAL(open)(link, O_RDONLY | O_CLOEXEC);
        if (reader < 0 || pread(reader, record + sizeof head, kept, (off_t)offset) != (ssize_t)kept) die();
        REAL(close)(reader);
    }
    snprintf(name, sizeof name, "%s/%llu.current", journal, (unsigned long long)status.st_ino);
    int out = REAL(open)(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0 || REAL(write)(out, record, sizeof head + kept) != (ssize_t)(sizeof head + kept)) die();
    REAL(close)(out);
    free(record);
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        mode_t mode = 0;                                            \
        if (flags & (O_CREAT | O_TMPFILE)) {                        \
            va_list arguments;                                      \
            va_start(arguments, flags);                             \
            mode = va_arg(arguments, mode_t);                       \
            va_end(arguments);                                      \
        }                                                           \
        if (flags & O_TRUNC) forget(path);                          \
        return begun(REAL(name)(path, flags, mode), flags);         \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                \
    int name(int at, const char *path, int flags, ...) {            \
        mode_t mode = 0;                                            \
        if (flags & (O_CREAT | O_TMPFILE)) {                        \
            va_list arguments;                                      \
            va_start(arguments, flags);                             \
            mode = va_arg(arguments, mode_t);                       \
            va_end(arguments);                                      \
        }                                                           \
        if (flags & O_TRUNC) forget(path);                          \
        return begun(REAL(name)(at, path, flags, mode), flags);     \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (fd >= 0 && fd < MAX_FD) watched[fd] = 0;
    return REAL(close)(fd);
}

static ssize_t write_at(int fd, const void *bytes, size_t count, off_t offset, int is_positioned) {
    if (full_after > 0 && atomic_fetch_add(&bytes_written, count) + count > full_after) {
        errno = ENOSPC;
        return -1;
    }
    pthread_mutex_lock(&order);
    int last = is_last();
    /* The last write is torn. */
    size_t wanted = last ? count / 2 : count;
    remember(fd, (uint64_t)offset, wanted);
    ssize_t written = is_positioned ? REAL(pwrite)(fd, bytes, wanted, offset) : REAL(write)(fd, bytes, wanted);
    if (last) die();
    pthread_mutex_unlock(&order);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (!is_watched(fd)) return REAL(write)(fd, bytes, count);
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    off_t offset = flags & O_APPEND && fstat(fd, &status) == 0 ? status.st_size : lseek(fd, 0, SEEK_CUR);
    return write_at(fd, bytes, count, offset, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    if (!is_watched(fd)) return REAL(pwrite)(fd, bytes, count, offset);
    return write_at(fd, bytes, count, offset, 1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return pwrite(fd, bytes, count, (off_t)offset);
}

static int truncate_to(int fd, off_t length) {
    struct stat status;
    if (!is_watched(fd)) return REAL(ftruncate)(fd, length);
    pthread_mutex_lock(&order);
    if (is_last()) die();
    if (fstat(fd, &status) == 0) {
        uint64_t cut = status.st_size > length ? (uint64_t)(status.st_size - length) : 0;
        remember(fd, (uint64_t)length, cut);
    }
    int result = REAL(ftruncate)(fd, length);
    pthread_mutex_unlock(&order);
    return result;
}

int ftruncate(int fd, off_t length) {
    return truncate_to(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return truncate_to(fd, (off_t)length);
}

static int sync_with(int fd, int (*real)(int)) {
    struct stat status;
    char current[4200], syncing[4200];
    if (!is_watched(fd)) return real(fd);
    if (is_last()) die();
    if (sync_fails_at > 0 && atomic_fetch_add(&syncs, 1) + 1 >= sync_fails_at) {
        errno = EIO;
        return -1;
    }
    if (fstat(fd, &status) != 0) die();
    unsigned long long inode = (unsigned long long)status.st_ino;
    snprintf(current, sizeof current, "%s/%llu.current", journal, inode);
    pthread_mutex_lock(&order);
    unsigned long long number = ++sync_number;
    snprintf(syncing, sizeof syncing, "%s/%llu.%llu", journal, inode, number);
    int had_writes = REAL(rename)(current, syncing) == 0;
    pthread_mutex_unlock(&order);
    int result = real(fd);
    if (result == 0 && had_writes) REAL(unlink)(syncing);
    return result;
}

int fsync(int fd) {
    return sync_with(fd, REAL(fsync));
}

int fdatasync(int fd) {
    return sync_with(fd, REAL(fdatasync));
}

int unlink(const char *path) {
    if (!is_below(path)) return REAL(unlink)(path);
    pthread_mutex_lock(&order);
    if (is_last()) die();
    forget(path);
    int result = REAL(unlink)(path);
    pthread_mutex_unlock(&order);
    return result;
}

int rename(const char *from, const char *to) {
    if (!is_below(to)) return REAL(rename)(from, to);
    pthread_mutex_lock(&order);
    if (is_last()) die();
    forget(to);
    int result = REAL(rename)(from, to);
    pthread_mutex_unlock(&order);
    return result;
}
