/* Outputs: removed before a call, so that an old one cannot pass for a new one, and looked into after it. */
#pragma once
#include <elf.h>
#include <stddef.h>
#include "commandline.h"

#define HUGE_OUTPUT (256LL << 20) /* larger outputs are not looked into */

typedef struct {
    const char *path; /* NULL: none was due */
    long long bytes;  /* -1: it is missing, or older than the call */
    char ident[256];  /* the first string in an object's .comment */
    bool elf;
    int machine, bits; /* of an ELF file: what it is for */
} Product;

/* An output's state before the call. What may be removed is removed, so that an old file cannot pass for a new one. */
typedef struct {
    const char *path;
    bool watched; /* a regular file is due there */
    struct stat old;
} Place;

static bool is_an_input(const Command *command, const char *cwd, const char *path)
{
    const char *whole = normalise(cwd, path);
    for (size_t i = 0; i < command->args.n; i++)
        if (is_input(command, i) && strcmp(normalise(cwd, command->args.at[i]), whole) == 0)
            return true;
    return false;
}

static Place clear_place(const Command *command, const char *cwd, const char *path)
{
    Place place = {.path = path};
    struct stat st;
    if (strcmp(path, "-") == 0)
        return place;
    if (lstat(path, &st) < 0) {
        place.watched = errno == ENOENT; /* otherwise there is nothing we could see afterwards either */
        return place;
    }
    if (S_ISLNK(st.st_mode)) { /* the compiler writes through it: leave it, and see whether the target changed */
        place.watched = stat(path, &place.old) < 0 || S_ISREG(place.old.st_mode);
        return place;
    }
    place.watched = S_ISREG(st.st_mode);
    if (!place.watched || is_an_input(command, cwd, path))
        return place; /* never a device, and never what the compiler is to read */
    if (unlink(path) < 0)
        place.old = st;
    return place;
}

typedef struct {
    int fd;
    char head[32 * 1024];
    size_t n;
} File;

/* Bytes of a file: from what was read at first, or with a read of their own. NULL past its end. */
static const char *bytes_at(const File *file, uint64_t offset, uint64_t n)
{
    if (offset <= file->n && n <= file->n - offset)
        return file->head + offset;
    char *bytes = n < (4 << 20) ? malloc(n + 1) : NULL; /* nothing honest is larger, and the file may lie */
    return bytes && pread(file->fd, bytes, n, (off_t)offset) == (ssize_t)n ? bytes : NULL;
}

static void keep_comment(const File *file, uint64_t offset, uint64_t n, char *ident, size_t room)
{
    const char *text = bytes_at(file, offset, n < 1024 ? n : 1024), *end = text + (n < 1024 ? n : 1024);
    while (text && text < end && !*text) /* GCC's begins with an empty one */
        text++;
    if (text && text < end) {
        size_t length = strnlen(text, (size_t)(end - text));
        memcpy(ident, text, length < room - 1 ? length : room - 1);
    }
}

/* The first string of a relocatable object's .comment, for objects of this machine's byte order. */
#define DEFINE_READ_IDENT(BITS)                                                                                        \
    static void read_ident##BITS(const File *file, char *ident, size_t room)                                           \
    {                                                                                                                  \
        Elf##BITS##_Ehdr header;                                                                                       \
        memcpy(&header, file->head, sizeof header);                                                                    \
        if (header.e_type != ET_REL || header.e_shentsize != sizeof(Elf##BITS##_Shdr) ||                               \
            header.e_shstrndx >= header.e_shnum)                                                                       \
            return;                                                                                                    \
        const char *table = bytes_at(file, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf##BITS##_Shdr));       \
        if (!table)                                                                                                    \
            return;                                                                                                    \
        Elf##BITS##_Shdr names, section;                                                                               \
        memcpy(&names, table + header.e_shstrndx * sizeof names, sizeof names);                                        \
        const char *text = bytes_at(file, names.sh_offset, names.sh_size);                                             \
        for (size_t i = 0; text && i < header.e_shnum; i++) {                                                          \
            memcpy(&section, table + i * sizeof section, sizeof section);                                              \
            if (section.sh_name + sizeof ".comment" <= names.sh_size &&                                                \
                !memcmp(text + section.sh_name, ".comment", 9)) {                                                      \
                keep_comment(file, section.sh_offset, section.sh_size, ident, room);                                   \
                return;                                                                                                \
            }                                                                                                          \
        }                                                                                                              \
    }
DEFINE_READ_IDENT(64)
DEFINE_READ_IDENT(32)

static bool is_stale(const Place *place, const struct stat *st)
{
    return place->old.st_ino == st->st_ino && place->old.st_dev == st->st_dev && place->old.st_size == st->st_size &&
           place->old.st_mtim.tv_sec == st->st_mtim.tv_sec && place->old.st_mtim.tv_nsec == st->st_mtim.tv_nsec &&
           place->old.st_ctim.tv_sec == st->st_ctim.tv_sec && place->old.st_ctim.tv_nsec == st->st_ctim.tv_nsec;
}

static void inspect(const Place *place, bool wants_ident, Product *product)
{
    static File file;
    struct stat st;
    *product = (Product){.path = place->path, .bytes = -1};
    file.fd = open(place->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0) {
        if (errno == EACCES && stat(place->path, &st) == 0) /* written, with permissions that shut us out */
            product->bytes = st.st_size;
        return;
    }
    if (fstat(file.fd, &st) == 0 && S_ISREG(st.st_mode) && !is_stale(place, &st)) {
        product->bytes = st.st_size;
        ssize_t got = st.st_size <= HUGE_OUTPUT ? read(file.fd, file.head, wants_ident ? sizeof file.head : 64) : 0;
        file.n = got > 0 ? (size_t)got : 0;
        product->elf = st.st_size > HUGE_OUTPUT || (file.n >= SELFMAG && memcmp(file.head, ELFMAG, SELFMAG) == 0);
        if (product->elf && file.n >= sizeof(Elf32_Ehdr)) {
            Elf32_Half machine; /* at the same place in both classes */
            memcpy(&machine, file.head + offsetof(Elf32_Ehdr, e_machine), sizeof machine);
            product->machine = file.head[EI_DATA] == ELFDATA2LSB ? machine : -1;
            product->bits = 32 * file.head[EI_CLASS];
        }
        bool native = file.n >= sizeof(Elf64_Ehdr) && product->elf && file.head[EI_DATA] == ELFDATA2LSB;
        if (wants_ident && native && file.head[EI_CLASS] == ELFCLASS64)
            read_ident64(&file, product->ident, sizeof product->ident);
        else if (wants_ident && native && file.head[EI_CLASS] == ELFCLASS32)
            read_ident32(&file, product->ident, sizeof product->ident);
        else if (file.n >= 4 && memcmp(file.head, "BC\xc0\xde", 4) == 0)
            strcpy(product->ident, "LLVM bitcode"); /* an object of -flto is not ELF, and right all the same */
    }
    close(file.fd);
}
