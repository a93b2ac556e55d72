// The simulated disk. For every block of 4096 bytes that is written, what stood there when its file was last
// synced is kept, once; a sync forgets the file's blocks. Losing power puts a random choice of them back,
// whole or by sectors of 512 bytes, and the file's size too.
//
// The calls are defined here by their public names and made by syscall(2), so that nothing below is reached
// around. A call with a file elsewhere, or while no disk is mounted, is passed on as it is.

#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_BYTES  4096
#define SECTOR_BYTES 512
#define FILES        64
#define BLOCKS       32768
#define BUCKETS      65536
#define CELL_OFFSET  64 // of the clock (store/clock.c)

struct file {
    ino_t inode; // 0: free
    char path[256];
    off_t synced_size;
    bool is_dirty;
    int32_t first; // of its blocks, -1: none
};

struct block {
    int32_t file, next_of_file, next_of_bucket;
    int64_t index;
    uint8_t bytes[BLOCK_BYTES]; // as synced last, zero behind the file's end
};

struct disk {
    struct file files[FILES];
    int32_t buckets[BUCKETS];
    int32_t block_count, free; // free: a list by next_of_file
    int64_t synced_cell;
    char directory[256];
    struct block blocks[BLOCKS];
};

static struct disk *mounted;
static uint64_t calls, crash_at, fail_at, fail_count;
static void (*crash_here)(void);
static struct random ids;

struct disk *disk_create(void)
{
    void *memory = mmap(NULL, sizeof(struct disk), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void disk_format(struct disk *disk, const char *directory)
{
    memset(disk->files, 0, sizeof disk->files);
    memset(disk->buckets, 0xff, sizeof disk->buckets);
    disk->block_count = 0;
    disk->free = -1;
    disk->synced_cell = 0;
    snprintf(disk->directory, sizeof disk->directory, "%s/", directory);
}

void disk_mount(struct disk *disk)
{
    mounted = disk;
}

void disk_arm(uint64_t at, void (*crash)(void))
{
    calls = 0;
    crash_at = at;
    crash_here = crash;
    fail_at = 0;
}

void disk_arm_errors(uint64_t at, uint64_t count)
{
    disk_arm(0, NULL);
    fail_at = at;
    fail_count = count;
}

bool disk_has_failed(void)
{
    return fail_at && calls >= fail_at;
}

int64_t disk_synced_cell(const struct disk *disk)
{
    return disk->synced_cell;
}

void disk_write_back_clock(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const size_t size = sizeof mounted->synced_cell;
    if (fd < 0 || pread(fd, &mounted->synced_cell, size, CELL_OFFSET) != (ssize_t)size) abort();
    close(fd);
}

void disk_seed(uint64_t seed)
{
    ids.state = seed;
}

// ---- Blocks

static uint32_t bucket_of(int32_t file, int64_t index)
{
    return (uint32_t)(((uint64_t)index * 64 + (uint64_t)file) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static bool has_block(int32_t file, int64_t index)
{
    for (int32_t b = mounted->buckets[bucket_of(file, index)]; b >= 0; b = mounted->blocks[b].next_of_bucket)
        if (mounted->blocks[b].file == file && mounted->blocks[b].index == index) return true;
    return false;
}

// Some files are open for writing alone.
static void read_block(int fd, const char *path, off_t offset, uint8_t bytes[BLOCK_BYTES])
{
    memset(bytes, 0, BLOCK_BYTES);
    if (pread(fd, bytes, BLOCK_BYTES, offset) >= 0) return;
    const int own = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || pread(own, bytes, BLOCK_BYTES, offset) < 0) abort();
    close(own);
}

static void keep_block(int fd, int32_t file, int64_t index)
{
    if (has_block(file, index)) return;
    const int32_t b = mounted->free >= 0 ? mounted->free : mounted->block_count;
    if (b >= BLOCKS) abort(); // a run writes a few thousand
    struct block *block = &mounted->blocks[b];
    if (mounted->free >= 0)
        mounted->free = block->next_of_file;
    else
        mounted->block_count++;
    read_block(fd, mounted->files[file].path, (off_t)index * BLOCK_BYTES, block->bytes);
    block->file = file;
    block->index = index;
    block->next_of_file = mounted->files[file].first;
    mounted->files[file].first = b;
    block->next_of_bucket = mounted->buckets[bucket_of(file, index)];
    mounted->buckets[bucket_of(file, index)] = b;
}

static void drop_block(int32_t b)
{
    struct block *block = &mounted->blocks[b];
    int32_t *at = &mounted->buckets[bucket_of(block->file, block->index)];
    while (*at != b) at = &mounted->blocks[*at].next_of_bucket;
    *at = block->next_of_bucket;
    block->next_of_file = mounted->free;
    mounted->free = b;
}

static void forget_blocks(struct file *file)
{
    for (int32_t b = file->first; b >= 0;) {
        const int32_t next = mounted->blocks[b].next_of_file;
        drop_block(b);
        b = next;
    }
    file->first = -1;
    file->is_dirty = false;
}

// ---- Files

static struct file *new_file(int fd, ino_t inode)
{
    char link[64], path[256] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) return NULL;
    if (strncmp(path, mounted->directory, strlen(mounted->directory)) != 0) return NULL;
    for (int i = 0; i < FILES; i++) {
        struct file *file = &mounted->files[i];
        if (file->inode) continue;
        *file = (struct file){.inode = inode, .first = -1};
        memcpy(file->path, path, sizeof path);
        return file;
    }
    abort();
}

// NULL: none of ours.
static struct file *file_of(int fd)
{
    struct stat found;
    if (!mounted || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return NULL;
    for (int i = 0; i < FILES; i++)
        if (mounted->files[i].inode == found.st_ino) return &mounted->files[i];
    return new_file(fd, found.st_ino);
}

// False: the call fails.
static bool may_call(const struct file *file, int error)
{
    if (!file) return true;
    if (++calls == crash_at && crash_here) crash_here();
    if (!fail_at || calls < fail_at || calls >= fail_at + fail_count) return true;
    errno = error;
    return false;
}

static void before_change(int fd, struct file *file, off_t offset, size_t size)
{
    struct stat now;
    if (!file || size == 0) return;
    if (!file->is_dirty) {
        if (fstat(fd, &now) != 0) abort();
        file->synced_size = now.st_size;
        file->is_dirty = true;
    }
    for (int64_t i = offset / BLOCK_BYTES; i <= (offset + (off_t)size - 1) / BLOCK_BYTES; i++)
        keep_block(fd, (int32_t)(file - mounted->files), i);
}

static bool may_write(int fd, off_t offset, size_t size)
{
    struct file *file = mounted ? file_of(fd) : NULL;
    if (!may_call(file, ENOSPC)) return false;
    before_change(fd, file, offset, size);
    return true;
}

// ---- The calls

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (!may_write(fd, offset, size)) return -1;
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (mounted && !may_write(fd, lseek(fd, 0, SEEK_CUR), size)) return -1;
    return syscall(SYS_write, fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    if (mounted && !may_write(fd, lseek(fd, 0, SEEK_CUR), size)) return -1;
    return syscall(SYS_writev, fd, parts, count);
}

int ftruncate(int fd, off_t size)
{
    struct stat now;
    struct file *file = mounted ? file_of(fd) : NULL;
    if (!may_call(file, ENOSPC)) return -1;
    if (file && fstat(fd, &now) == 0) {
        const off_t low = size < now.st_size ? size : now.st_size;
        before_change(fd, file, low, (size_t)(low == size ? now.st_size - size : size - now.st_size));
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

static int synced(int fd, long call)
{
    struct file *file = mounted ? file_of(fd) : NULL;
    if (!may_call(file, EIO)) return -1;
    const int result = (int)syscall(call, fd);
    if (result == 0 && file) forget_blocks(file);
    return result;
}

int fsync(int fd)
{
    return synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return synced(fd, SYS_fdatasync);
}

int msync(void *start, size_t size, int flags)
{
    if (mounted && size == BLOCK_BYTES && memcmp(start, "SSCLOCK1", 8) == 0)
        memcpy(&mounted->synced_cell, (const char *)start + CELL_OFFSET, sizeof mounted->synced_cell);
    return (int)syscall(SYS_msync, start, size, flags);
}

int unlink(const char *path)
{
    struct stat found;
    if (mounted && strncmp(path, mounted->directory, strlen(mounted->directory)) == 0) {
        if (++calls == crash_at && crash_here) crash_here();
        for (int i = 0; i < FILES && stat(path, &found) == 0; i++)
            if (mounted->files[i].inode == found.st_ino) {
                forget_blocks(&mounted->files[i]);
                mounted->files[i].inode = 0;
            }
    }
    return (int)syscall(SYS_unlink, path);
}

ssize_t getrandom(void *to, size_t size, unsigned flags)
{
    if (!mounted) return syscall(SYS_getrandom, to, size, flags);
    for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = (uint8_t)random_word(&ids);
    return (ssize_t)size;
}

// ---- The machine goes down

enum loss { LOSE_NOTHING, LOSE_ALL, LOSE_SOME, LOSE_SECTORS, MAKE_GARBAGE };

static void put(int fd, const uint8_t *bytes, size_t size, int64_t offset)
{
    if (syscall(SYS_pwrite64, fd, bytes, size, offset) != (ssize_t)size) abort();
}

static uint64_t lose_block(int fd, const struct block *block, enum loss loss, struct random *random)
{
    const int64_t offset = block->index * BLOCK_BYTES;
    uint8_t garbage[SECTOR_BYTES];
    if (loss == LOSE_NOTHING || (loss == LOSE_SOME && random_chance(random, 50))) return 0;
    if (loss == LOSE_ALL || loss == LOSE_SOME) {
        put(fd, block->bytes, BLOCK_BYTES, offset);
        return 1;
    }
    for (int64_t at = 0; at < BLOCK_BYTES; at += SECTOR_BYTES) {
        if (random_chance(random, 50)) continue;
        for (size_t i = 0; i < SECTOR_BYTES; i++) garbage[i] = (uint8_t)random_word(random);
        put(fd, loss == MAKE_GARBAGE ? garbage : block->bytes + at, SECTOR_BYTES, offset + at);
    }
    return 1;
}

static uint64_t lose_file(struct disk *disk, const struct file *file, enum loss loss, struct random *random)
{
    uint64_t lost = 0;
    struct stat now;
    const int fd = open(file->path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return 0;
    if (fstat(fd, &now) == 0 && now.st_ino == file->inode) {
        const bool old_size = loss == LOSE_ALL || (loss != LOSE_NOTHING && random_chance(random, 50));
        for (int32_t b = file->first; b >= 0; b = disk->blocks[b].next_of_file)
            lost += lose_block(fd, &disk->blocks[b], loss, random);
        // Restored blocks may have lengthened the file: its size is one of the two that it had.
        if (syscall(SYS_ftruncate, fd, old_size ? file->synced_size : now.st_size) != 0) abort();
    }
    close(fd);
    return lost;
}

uint64_t disk_lose(struct disk *disk, struct random *random, const char *derived)
{
    uint64_t lost = 0;
    mounted = disk;
    for (int i = 0; i < FILES; i++) {
        struct file *file = &disk->files[i];
        if (!file->inode) continue;
        const size_t length = strlen(file->path), tail = strlen(derived);
        const bool is_derived = length > tail && strcmp(file->path + length - tail, derived) == 0;
        if (file->is_dirty)
            lost += lose_file(disk, file, (enum loss)random_below(random, is_derived ? 5 : 4), random);
        forget_blocks(file);
    }
    mounted = NULL;
    return lost;
}
