/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that can lose power and fail, for one folder of one process (LD_PRELOAD, 64-bit Linux).
 *
 * Below FAULTDISK_ROOT every change to a file or folder is first noted in FAULTDISK_LOG with what
 * is needed to take it back, and so is every sync that succeeded. The notes survive kill -9. The
 * class PowerCut reads them and takes back what was not synced. Files that are unlinked or
 * replaced keep a hard link in FAULTDISK_KEEP. FAULTDISK_CONTROL is a mapped table of numbers: the
 * faults to make now, written by the harness, and counters, written here (class FaultDisk has the
 * same table). A change through a mapping or sendfile cannot be noted; it is counted as unseen.
 *
 * One lock orders notes and changes. It is not held during a sync. Everything is done by system
 * calls, so nothing here allocates or comes back to itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ != 8
#error "faultdisk needs a 64-bit system"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "faultdisk notes are little-endian"
#endif

#define MAX_FD 65536
#define BUFFER (1 << 20)
#define MAGIC 0x4653444bu
#define MAX_VECTOR 1024

/* Places in the control table. */
enum { WRITE_EIO, SYNC_EIO, NO_SPACE, READ_ONLY, SYNC_DELAY_MS, SYNC_HANG, CLOCK_SECONDS, SEQUENCE,
       WRITES, BYTES, SYNCS, FOLDER_CHANGES, FAULTS, UNSEEN, HANGING, FREE_BYTES, FREE_INODES,
       CONTROL_PLACES = 64 };

/* Kinds of notes. */
enum { WROTE = 1, RESIZED, CREATED, UNLINKED, RENAMED, SYNCED, SYNC_FAILED };

struct note {
    uint32_t magic;
    uint32_t kind;
    uint64_t sequence;
    uint64_t inode;    /* of the file or folder it is about */
    uint64_t folder;   /* inode of the folder with the (new) name */
    uint64_t folder2;  /* RENAMED: of the folder with the old name */
    uint64_t replaced; /* RENAMED: inode of what had the new name */
    uint64_t offset;   /* WROTE: where; SYNCED, SYNC_FAILED: newest note it covers */
    uint64_t length;   /* WROTE: how much; RESIZED: new size; CREATED, UNLINKED: 1 for folders */
    uint64_t old_size;
    uint32_t name_length;
    uint32_t name2_length;
    uint64_t bytes;    /* old bytes that follow the names */
};

struct file {
    uint64_t inode; /* 0: not watched */
    int reader;     /* descriptor that may read, -1 when none is needed */
    int folder;
    int append;
};

static struct file files[MAX_FD];
static char buffer[BUFFER];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int64_t *control;
static char root[PATH_MAX];
static size_t root_length;
static char keep[PATH_MAX];
static int log_fd = -1;

static int64_t get(int place) { return __atomic_load_n(&control[place], __ATOMIC_ACQUIRE); }

static void count(int place, int64_t by) {
    __atomic_add_fetch(&control[place], by, __ATOMIC_ACQ_REL);
}

static int refuse(int error) {
    count(FAULTS, 1);
    errno = error;
    return -1;
}

/* An instrument that fails must not go on in silence. */
static void die(const char *why) {
    syscall(SYS_write, 2, "faultdisk: ", 11);
    syscall(SYS_write, 2, why, strlen(why));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

static int raw_open(int dirfd, const char *path, int flags, mode_t mode) {
    return (int) syscall(SYS_openat, dirfd, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTDISK_ROOT");
    const char *log = getenv("FAULTDISK_LOG");
    const char *kept = getenv("FAULTDISK_KEEP");
    const char *table = getenv("FAULTDISK_CONTROL");
    if (!folder || !log || !kept || !table) {
        return;
    }
    if (strlen(folder) >= PATH_MAX || strlen(kept) >= PATH_MAX) {
        die("path too long");
    }
    int fd = raw_open(AT_FDCWD, table, O_RDWR | O_CLOEXEC, 0);
    size_t size = CONTROL_PLACES * sizeof(int64_t);
    void *mapped = fd < 0 ? MAP_FAILED
            : (void *) syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    log_fd = raw_open(AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (mapped == MAP_FAILED || log_fd < 0) {
        die("control table or log cannot be opened");
    }
    syscall(SYS_close, fd);
    strcpy(root, folder);
    strcpy(keep, kept);
    root_length = strlen(root);
    control = mapped;
}

/* ---- which paths and descriptors are watched ---- */

/* Makes a path absolute; 0 when it is not below the root (or is too long to be). */
static int watched(int dirfd, const char *path, char *absolute) {
    if (!control || !path) {
        return 0;
    }
    size_t had = 0;
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, dirfd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d",
                 dirfd);
        ssize_t length = readlink(link, absolute, PATH_MAX - 1);
        if (length <= 0) {
            return 0;
        }
        absolute[length] = '/';
        had = (size_t) length + 1;
    }
    if (had + strlen(path) >= PATH_MAX) {
        return 0;
    }
    strcpy(absolute + had, path);
    size_t length = strlen(absolute);
    while (length > 1 && absolute[length - 1] == '/') {
        absolute[--length] = 0;
    }
    return strncmp(absolute, root, root_length) == 0
            && (absolute[root_length] == '/' || absolute[root_length] == 0);
}

static const char *name_of(const char *path) { return strrchr(path, '/') + 1; }

static uint64_t folder_of(const char *path) {
    char folder[PATH_MAX];
    size_t length = (size_t) (name_of(path) - path) - 1;
    memcpy(folder, path, length);
    folder[length] = 0;
    struct stat found;
    return lstat(folder, &found) == 0 ? found.st_ino : 0;
}

/* The descriptor's file, when it is watched. A number used again by somebody else is not. */
static struct file *file_of(int fd) {
    if (!control || fd < 0 || fd >= MAX_FD || !files[fd].inode) {
        return NULL;
    }
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_ino == files[fd].inode ? &files[fd] : NULL;
}

static void forget(int fd) {
    if (control && fd >= 0 && fd < MAX_FD && files[fd].inode) {
        pthread_mutex_lock(&lock);
        if (files[fd].reader >= 0) {
            syscall(SYS_close, files[fd].reader);
        }
        files[fd].inode = 0;
        pthread_mutex_unlock(&lock);
    }
}

/* ---- notes; all under the lock ---- */

static void append_log(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long wrote = syscall(SYS_write, log_fd, at, length);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            die("log cannot be written");
        }
        at += wrote;
        length -= (size_t) wrote;
    }
}

static void note(struct note *n, const char *name, const char *name2) {
    char whole[sizeof *n + 2 * NAME_MAX];
    n->magic = MAGIC;
    n->sequence = (uint64_t) __atomic_add_fetch(&control[SEQUENCE], 1, __ATOMIC_ACQ_REL);
    n->name_length = name ? (uint32_t) strlen(name) : 0;
    n->name2_length = name2 ? (uint32_t) strlen(name2) : 0;
    memcpy(whole, n, sizeof *n);
    if (name) {
        memcpy(whole + sizeof *n, name, n->name_length);
    }
    if (name2) {
        memcpy(whole + sizeof *n + n->name_length, name2, n->name2_length);
    }
    append_log(whole, sizeof *n + n->name_length + n->name2_length);
}

/* A note followed by the old bytes from..to of the file. */
static void note_bytes(struct note *n, int reader, uint64_t from, uint64_t to) {
    n->bytes = to > from ? to - from : 0;
    note(n, NULL, NULL);
    while (from < to) {
        size_t piece = to - from < BUFFER ? (size_t) (to - from) : BUFFER;
        long had = syscall(SYS_pread64, reader, buffer, piece, from);
        if (had <= 0) {
            die("old bytes cannot be read");
        }
        append_log(buffer, (size_t) had);
        from += (uint64_t) had;
    }
}

static void note_write(struct file *f, uint64_t offset, uint64_t length, uint64_t size) {
    struct note n = {.kind = WROTE, .inode = f->inode, .offset = offset, .length = length,
                     .old_size = size};
    note_bytes(&n, f->reader, offset, offset + length < size ? offset + length : size);
}

static void note_resize(uint64_t inode, int reader, uint64_t size, uint64_t old_size) {
    struct note n = {.kind = RESIZED, .inode = inode, .length = size, .old_size = old_size};
    note_bytes(&n, reader, size, old_size);
}

static void note_created(const char *path, uint64_t inode, int folder) {
    struct note n = {.kind = CREATED, .inode = inode, .folder = folder_of(path),
                     .length = (uint64_t) folder};
    count(FOLDER_CHANGES, 1);
    note(&n, name_of(path), NULL);
}

/* Keeps what is about to lose its name, under the number the next note will have. */
static void keep_link(const char *path) {
    char kept[PATH_MAX + 32];
    snprintf(kept, sizeof kept, "%s/%lld", keep, (long long) get(SEQUENCE) + 1);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0) != 0) {
        die("a file cannot be kept");
    }
}

/* ---- opening and closing ---- */

static void remember(int fd, int flags) {
    struct stat now;
    if (fd >= MAX_FD || fstat(fd, &now) != 0 || !(S_ISREG(now.st_mode) || S_ISDIR(now.st_mode))) {
        return;
    }
    int reader = -1;
    if (S_ISREG(now.st_mode) && (flags & O_ACCMODE) != O_RDONLY) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        reader = raw_open(AT_FDCWD, self, O_RDONLY | O_CLOEXEC, 0);
        if (reader < 0) {
            die("a file cannot be read back");
        }
    }
    files[fd].reader = reader;
    files[fd].folder = S_ISDIR(now.st_mode);
    files[fd].append = (flags & O_APPEND) != 0;
    files[fd].inode = now.st_ino;
}

static void note_emptied(const char *path, uint64_t inode, uint64_t size) {
    int reader = raw_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (reader < 0) {
        die("a file about to be emptied cannot be read");
    }
    note_resize(inode, reader, 0, size);
    syscall(SYS_close, reader);
}

static int open_path(int dirfd, const char *path, int flags, mode_t mode) {
    char absolute[PATH_MAX];
    if (!watched(dirfd, path, absolute)) {
        return raw_open(dirfd, path, flags, mode);
    }
    struct stat found;
    pthread_mutex_lock(&lock);
    int there = lstat(absolute, &found) == 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    int fd;
    if (get(READ_ONLY) && (writes || (!there && (flags & O_CREAT)))) {
        fd = refuse(EROFS);
    } else if (get(NO_SPACE) && !there && (flags & O_CREAT)) {
        fd = refuse(ENOSPC);
    } else {
        if (there && writes && (flags & O_TRUNC) && !(flags & O_EXCL) && S_ISREG(found.st_mode)
                && found.st_size > 0) {
            note_emptied(absolute, found.st_ino, (uint64_t) found.st_size);
        }
        fd = raw_open(dirfd, path, flags, mode);
        if (fd >= 0) {
            if (!there && (flags & O_CREAT) && fstat(fd, &found) == 0) {
                note_created(absolute, found.st_ino, 0);
            }
            remember(fd, flags);
        }
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

static mode_t mode_argument(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                          \
    int name(const char *path, int flags, ...) {            \
        va_list arguments;                                  \
        va_start(arguments, flags);                         \
        mode_t mode = mode_argument(flags, arguments);      \
        va_end(arguments);                                  \
        return open_path(AT_FDCWD, path, flags, mode);      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                        \
    int name(int dirfd, const char *path, int flags, ...) { \
        va_list arguments;                                  \
        va_start(arguments, flags);                         \
        mode_t mode = mode_argument(flags, arguments);      \
        va_end(arguments);                                  \
        return open_path(dirfd, path, flags, mode);         \
    }
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) {
    return open_path(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) { return creat(path, mode); }

typedef FILE *(*fopen_type)(const char *, const char *);

/* Streams are not watched: one that writes below the root is counted. */
static FILE *stream(const char *symbol, const char *path, const char *mode) {
    char absolute[PATH_MAX];
    if (mode && mode[0] != 'r' && watched(AT_FDCWD, path, absolute)) {
        count(UNSEEN, 1);
    }
    return ((fopen_type) dlsym(RTLD_NEXT, symbol))(path, mode);
}

FILE *fopen(const char *path, const char *mode) { return stream("fopen", path, mode); }

FILE *fopen64(const char *path, const char *mode) { return stream("fopen64", path, mode); }

int close(int fd) {
    forget(fd);
    return (int) syscall(SYS_close, fd);
}

static void copy_descriptor(int from, int to) {
    struct file *f = file_of(from);
    if (f && to >= 0 && to < MAX_FD) {
        int reader = f->reader >= 0 ? (int) syscall(SYS_fcntl, f->reader, F_DUPFD_CLOEXEC, 0) : -1;
        files[to] = (struct file){f->inode, reader, f->folder, f->append};
    }
}

int dup(int fd) {
    int copy = (int) syscall(SYS_dup, fd);
    copy_descriptor(fd, copy);
    return copy;
}

int dup3(int from, int to, int flags) {
    if (from != to) {
        forget(to);
    }
    int copy = (int) syscall(SYS_dup3, from, to, flags);
    copy_descriptor(from, copy);
    return copy;
}

int dup2(int from, int to) {
    if (from == to) {
        return fcntl(from, F_GETFD) < 0 ? -1 : to;
    }
    return dup3(from, to, 0);
}

/* ---- writing ---- */

/* offset -1: where the descriptor stands. */
static ssize_t write_vector(int fd, const struct iovec *pieces, int n, int64_t offset) {
    struct file *f = file_of(fd);
    if (!f) {
        return offset < 0 ? syscall(SYS_writev, fd, pieces, n)
                : syscall(SYS_pwritev, fd, pieces, n, offset, (long) 0);
    }
    uint64_t total = 0;
    for (int i = 0; i < n; i++) {
        total += pieces[i].iov_len;
    }
    pthread_mutex_lock(&lock);
    struct stat now;
    ssize_t result = -1;
    int64_t from = offset;
    if (fstat(fd, &now) != 0) {
        die("a file has no size");
    }
    if (f->append) {
        from = now.st_size;
    } else if (offset < 0) {
        from = syscall(SYS_lseek, fd, (off_t) 0, SEEK_CUR);
    }
    if (get(READ_ONLY)) {
        refuse(EROFS);
    } else if (get(WRITE_EIO)) {
        refuse(EIO);
    } else if (get(NO_SPACE) && from + (int64_t) total > now.st_size) {
        refuse(ENOSPC);
    } else if (f->reader < 0) {
        refuse(EBADF);
    } else {
        note_write(f, (uint64_t) from, total, (uint64_t) now.st_size);
        count(WRITES, 1);
        count(BYTES, (int64_t) total);
        result = offset < 0 ? syscall(SYS_writev, fd, pieces, n)
                : syscall(SYS_pwritev, fd, pieces, n, offset, (long) 0);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!control || fd < 0 || fd >= MAX_FD || !files[fd].inode) {
        return syscall(SYS_write, fd, bytes, length);
    }
    struct iovec piece = {(void *) bytes, length};
    return write_vector(fd, &piece, 1, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    if (!control || fd < 0 || fd >= MAX_FD || !files[fd].inode || offset < 0) {
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
    }
    struct iovec piece = {(void *) bytes, length};
    return write_vector(fd, &piece, 1, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite(fd, bytes, length, offset);
}

ssize_t writev(int fd, const struct iovec *pieces, int n) {
    return write_vector(fd, pieces, n, -1);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int n, off_t offset) {
    if (offset < 0) {
        errno = EINVAL;
        return -1;
    }
    return write_vector(fd, pieces, n, offset);
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int n, off_t offset) {
    return pwritev(fd, pieces, n, offset);
}

static int resize(int fd, off_t size) {
    struct file *f = file_of(fd);
    if (!f) {
        return (int) syscall(SYS_ftruncate, fd, size);
    }
    struct stat now;
    int result = -1;
    pthread_mutex_lock(&lock);
    if (fstat(fd, &now) != 0) {
        die("a file has no size");
    }
    if (get(READ_ONLY)) {
        refuse(EROFS);
    } else if (get(WRITE_EIO)) {
        refuse(EIO);
    } else if (get(NO_SPACE) && size > now.st_size) {
        refuse(ENOSPC);
    } else {
        if (size != now.st_size && f->reader >= 0) {
            note_resize(f->inode, f->reader, (uint64_t) size, (uint64_t) now.st_size);
        }
        result = (int) syscall(SYS_ftruncate, fd, size);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return resize(fd, size); }

int ftruncate64(int fd, off_t size) { return resize(fd, size); }

int truncate(const char *path, off_t size) {
    int fd = open_path(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int result = resize(fd, size);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int truncate64(const char *path, off_t size) { return truncate(path, size); }

/* Room reserved beyond the end changes nothing that can be read. */
static int allocate(int fd, int mode, off_t offset, off_t length) {
    struct file *f = file_of(fd);
    if (!f) {
        return (int) syscall(SYS_fallocate, fd, mode, offset, length);
    }
    struct stat now;
    int result = -1;
    pthread_mutex_lock(&lock);
    if (fstat(fd, &now) != 0) {
        die("a file has no size");
    }
    int hole = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    if (get(READ_ONLY)) {
        refuse(EROFS);
    } else if (get(NO_SPACE) && !hole) {
        refuse(ENOSPC);
    } else if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
        count(UNSEEN, 1);
        result = (int) syscall(SYS_fallocate, fd, mode, offset, length);
    } else {
        int zeros = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
        if (zeros && offset < now.st_size) {
            off_t end = offset + length < now.st_size ? offset + length : now.st_size;
            note_write(f, (uint64_t) offset, (uint64_t) (end - offset), (uint64_t) now.st_size);
        }
        if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + length > now.st_size) {
            note_resize(f->inode, f->reader, (uint64_t) (offset + length), (uint64_t) now.st_size);
        }
        result = (int) syscall(SYS_fallocate, fd, mode, offset, length);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    return allocate(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off_t offset, off_t length) {
    return allocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    return allocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off_t offset, off_t length) {
    return posix_fallocate(fd, offset, length);
}

/* ---- what cannot be noted ---- */

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && file_of(fd)) {
        count(UNSEEN, 1);
    }
    return (void *) syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t length) {
    if (file_of(out)) {
        count(UNSEEN, 1);
    }
    return syscall(SYS_sendfile, out, in, offset, length);
}

ssize_t sendfile64(int out, int in, off_t *offset, size_t length) {
    return sendfile(out, in, offset, length);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t length,
                        unsigned flags) {
    if (file_of(out)) {
        count(UNSEEN, 1);
    }
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}

/* ---- syncing ---- */

static void pause_millis(int64_t millis) {
    struct timespec wait = {millis / 1000, millis % 1000 * 1000000};
    while (syscall(SYS_nanosleep, &wait, &wait) != 0 && errno == EINTR) {
    }
}

/* Covers what was noted before it began. */
static int synchronise(int fd, long call) {
    struct file *f = file_of(fd);
    if (!f) {
        return (int) syscall(call, fd);
    }
    pthread_mutex_lock(&lock);
    struct note n = {.kind = SYNCED, .inode = f->inode, .offset = (uint64_t) get(SEQUENCE)};
    pthread_mutex_unlock(&lock);
    count(SYNCS, 1);
    if (get(SYNC_DELAY_MS) > 0) {
        pause_millis(get(SYNC_DELAY_MS));
    }
    count(HANGING, 1);
    while (get(SYNC_HANG)) {
        pause_millis(10);
    }
    count(HANGING, -1);
    int result;
    if (get(SYNC_EIO)) {
        result = refuse(EIO);
        n.kind = SYNC_FAILED;
    } else {
        result = (int) syscall(call, fd);
    }
    int error = errno;
    if (result == 0 || n.kind == SYNC_FAILED) {
        pthread_mutex_lock(&lock);
        note(&n, NULL, NULL);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}

int fsync(int fd) { return synchronise(fd, SYS_fsync); }

int fdatasync(int fd) { return synchronise(fd, SYS_fdatasync); }

/* ---- names ---- */

static int remove_name(int dirfd, const char *path, int flags) {
    char absolute[PATH_MAX];
    if (!watched(dirfd, path, absolute)) {
        return (int) syscall(SYS_unlinkat, dirfd, path, flags);
    }
    struct stat found;
    int result = -1;
    pthread_mutex_lock(&lock);
    if (get(READ_ONLY)) {
        refuse(EROFS);
    } else {
        if (lstat(absolute, &found) == 0) {
            int folder = S_ISDIR(found.st_mode);
            if (!folder && (flags & AT_REMOVEDIR)) {
                pthread_mutex_unlock(&lock);
                errno = ENOTDIR;
                return -1;
            }
            if (!folder) {
                keep_link(absolute);
                struct note n = {.kind = UNLINKED, .inode = found.st_ino,
                                 .folder = folder_of(absolute)};
                count(FOLDER_CHANGES, 1);
                note(&n, name_of(absolute), NULL);
            }
        }
        uint64_t parent = folder_of(absolute);
        result = (int) syscall(SYS_unlinkat, dirfd, path, flags);
        if (result == 0 && (flags & AT_REMOVEDIR)) {
            struct note n = {.kind = UNLINKED, .inode = found.st_ino, .folder = parent,
                             .length = 1};
            count(FOLDER_CHANGES, 1);
            note(&n, name_of(absolute), NULL);
        }
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) { return remove_name(AT_FDCWD, path, 0); }

int unlinkat(int dirfd, const char *path, int flags) { return remove_name(dirfd, path, flags); }

int rmdir(const char *path) { return remove_name(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char *path) {
    struct stat found;
    int folder = lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
    return remove_name(AT_FDCWD, path, folder ? AT_REMOVEDIR : 0);
}

static int move(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    char old_path[PATH_MAX];
    char new_path[PATH_MAX];
    int one = watched(from_fd, from, old_path);
    int two = watched(to_fd, to, new_path);
    if (!one && !two) {
        return (int) syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
    }
    struct stat found;
    struct stat replaced;
    int result = -1;
    pthread_mutex_lock(&lock);
    if (get(READ_ONLY)) {
        refuse(EROFS);
    } else {
        if (one != two || flags > RENAME_NOREPLACE) {
            count(UNSEEN, 1);
        } else if (lstat(old_path, &found) == 0) {
            int over = lstat(new_path, &replaced) == 0;
            if (over && !S_ISDIR(replaced.st_mode)) {
                keep_link(new_path);
            }
            struct note n = {.kind = RENAMED, .inode = found.st_ino, .folder = folder_of(new_path),
                             .folder2 = folder_of(old_path),
                             .replaced = over ? replaced.st_ino : 0};
            count(FOLDER_CHANGES, 1);
            note(&n, name_of(new_path), name_of(old_path));
        }
        result = (int) syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) { return move(AT_FDCWD, from, AT_FDCWD, to, 0); }

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return move(from_fd, from, to_fd, to, 0);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return move(from_fd, from, to_fd, to, flags);
}

/* Makes a name by the system call given; the note follows, for the inode is known only then. */
#define MAKE_NAME(dirfd, path, call)                                       \
    char absolute[PATH_MAX];                                               \
    if (!watched(dirfd, path, absolute)) {                                 \
        return (int) (call);                                               \
    }                                                                      \
    int result = -1;                                                       \
    struct stat made;                                                      \
    pthread_mutex_lock(&lock);                                             \
    /* a name that is there is the first thing the kernel complains about */ \
    int there = lstat(absolute, &made) == 0;                               \
    if (get(READ_ONLY) && !there) {                                                \
        refuse(EROFS);                                                     \
    } else if (get(NO_SPACE) && !there) {                                  \
        refuse(ENOSPC);                                                    \
    } else {                                                               \
        result = (int) (call);                                             \
        if (result == 0 && lstat(absolute, &made) == 0) {                  \
            note_created(absolute, made.st_ino, S_ISDIR(made.st_mode));    \
        }                                                                  \
    }                                                                      \
    int error = errno;                                                     \
    pthread_mutex_unlock(&lock);                                           \
    errno = error;                                                         \
    return result

int mkdirat(int dirfd, const char *path, mode_t mode) {
    MAKE_NAME(dirfd, path, syscall(SYS_mkdirat, dirfd, path, mode));
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    MAKE_NAME(to_fd, to, syscall(SYS_linkat, from_fd, from, to_fd, to, flags));
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int dirfd, const char *path) {
    MAKE_NAME(dirfd, path, syscall(SYS_symlinkat, target, dirfd, path));
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

/* ---- room: 0 in the table leaves the truth ---- */

int statvfs(const char *restrict path, struct statvfs *restrict room) {
    static int (*real)(const char *, struct statvfs *);
    char absolute[PATH_MAX];
    if (!real) {
        real = (int (*)(const char *, struct statvfs *)) dlsym(RTLD_NEXT, "statvfs");
    }
    int result = real(path, room);
    if (result == 0 && watched(AT_FDCWD, path, absolute)) {
        if (get(FREE_BYTES) > 0) {
            room->f_bfree = room->f_bavail = (uint64_t) get(FREE_BYTES) / room->f_frsize;
        }
        if (get(FREE_INODES) > 0) {
            room->f_ffree = room->f_favail = (uint64_t) get(FREE_INODES);
        }
    }
    return result;
}

int statvfs64(const char *restrict path, struct statvfs64 *restrict room) {
    return statvfs(path, (struct statvfs *) room); /* the same on 64-bit systems */
}

/* ---- the wall clock ---- */

static int64_t clock_seconds(void) { return control ? get(CLOCK_SECONDS) : 0; }

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) {
        real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = real(id, now);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += clock_seconds();
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (where) {
        *where = precise.tv_sec;
    }
    return precise.tv_sec;
}

/*
 * A wait until a moment of the wall clock is one of the kernel's clock, which did not jump. Which
 * clock a condition uses cannot be asked; moments far from the start of the monotonic clock are
 * taken for the wall clock's.
 */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) {
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        found = found ? found : dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *)) found;
    }
    int64_t ahead = clock_seconds();
    if (ahead == 0 || until->tv_sec < 1000000000) {
        return real(condition, mutex, until);
    }
    struct timespec shifted = {until->tv_sec - ahead, until->tv_nsec};
    return real(condition, mutex, &shifted);
}
