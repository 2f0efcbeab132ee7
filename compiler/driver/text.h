/* Growing text and word lists, files, messages: what the rest of the driver is written in. Nothing is ever freed. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_TIMEOUT = 124,     /* as timeout(1) */
    EXIT_BROKEN = 125,      /* the driver's own failure */
    EXIT_NOT_RUNNABLE = 126 /* as a shell */
};
#define SECOND 1000000000LL

typedef struct {
    char *at;
    size_t n, cap;
} Text;

typedef struct {
    char **at; /* always followed by a NULL, as execve wants it */
    size_t n, cap;
} Words;

static void write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EAGAIN) { /* somebody made our stderr non-blocking */
            struct pollfd room = {fd, POLLOUT, 0};
            poll(&room, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return; /* nobody reads it any more: the compiler is still worth finishing */
        } else if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

__attribute__((noreturn)) static void die(const char *what, const char *which, const char *why);

static void *grow(void *old, size_t bytes)
{
    void *fresh = realloc(old, bytes);
    if (!fresh)
        die("out of memory", "", "");
    return fresh;
}

static void put_bytes(Text *text, const char *bytes, size_t n)
{
    if (text->n + n + 1 > text->cap) {
        text->cap = (text->n + n + 1) * 2 + 256;
        text->at = grow(text->at, text->cap);
    }
    memcpy(text->at + text->n, bytes, n);
    text->n += n;
    text->at[text->n] = 0;
}

static void put(Text *text, const char *string)
{
    put_bytes(text, string, strlen(string));
}

static void put_number(Text *text, long long number)
{
    char digits[24], *at = digits + sizeof digits;
    unsigned long long rest = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    put_bytes(text, at, (size_t)(digits + sizeof digits - at));
}

/* Nanoseconds as seconds with six decimals. */
static void put_seconds(Text *text, int64_t ns)
{
    put_number(text, ns / SECOND);
    char decimals[8] = ".000000";
    for (long long micro = ns % SECOND / 1000, i = 6; i > 0; i--, micro /= 10)
        decimals[i] = (char)('0' + micro % 10);
    put_bytes(text, decimals, 7);
}

static void put_hex(Text *text, uint64_t number)
{
    char digits[16];
    int n = 0;
    do
        digits[15 - n++] = "0123456789abcdef"[number & 15];
    while (number >>= 4);
    put_bytes(text, digits + 16 - n, (size_t)n);
}

static char *join(const char *a, const char *b, const char *c)
{
    Text text = {0};
    put(&text, a);
    put(&text, b);
    put(&text, c);
    return text.at;
}

static void add(Words *words, const char *word)
{
    if (words->n + 2 > words->cap) {
        words->cap = words->cap * 2 + 32;
        words->at = grow(words->at, words->cap * sizeof *words->at);
    }
    words->at[words->n++] = (char *)(uintptr_t)word; /* execve's argv is not const; nobody writes to it */
    words->at[words->n] = NULL;
}

static void add_all(Words *words, const Words *more)
{
    for (size_t i = 0; i < more->n; i++)
        add(words, more->at[i]);
}

static bool starts(const char *string, const char *with)
{
    return strncmp(string, with, strlen(with)) == 0;
}

static bool ends(const char *string, const char *with)
{
    size_t n = strlen(string), m = strlen(with);
    return n >= m && strcmp(string + n - m, with) == 0;
}

/* Whether a word is in a list of words between blanks. */
static bool is_one_of(const char *word, const char *list)
{
    size_t n = strlen(word);
    for (; *list; list += strspn(list, " ")) {
        size_t m = strcspn(list, " ");
        if (n == m && memcmp(word, list, n) == 0)
            return true;
        list += m;
    }
    return false;
}

static const char *basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

/* Whether somebody takes what we write, within so many milliseconds; where nobody ever will, a write tells at once. */
static bool has_room(int fd, int milliseconds)
{
    struct pollfd room = {fd, POLLOUT, 0};
    return poll(&room, 1, milliseconds) != 0;
}

static void say(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    Text line = {0};
    put(&line, "ccverify: ");
    put(&line, a);
    put(&line, b);
    put(&line, c);
    put(&line, d);
    put(&line, e);
    put(&line, "\n");
    if (has_room(2, 1000))
        write_all(2, line.at, line.n); /* in one piece, so that parallel jobs do not mix inside the line */
}

static void die(const char *what, const char *which, const char *why)
{
    /* Not through say(): there may be no memory left. */
    const char *parts[] = {"ccverify: ", what, which, *why ? ": " : "", why, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        write_all(2, parts[i], strlen(parts[i]));
    _exit(EXIT_BROKEN);
}

static int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* The whole of an open regular file, or NULL. Closes it. */
static char *slurp(int fd)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) { /* a pipe can be read once only, and is not ours */
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    size_t n = 0, cap = (size_t)(st.st_size > 0 ? st.st_size : 4096) + 2;
    char *text = grow(NULL, cap);
    ssize_t got;
    while ((got = read(fd, text + n, cap - 1 - n)) > 0)
        if ((n += (size_t)got) == cap - 1)
            text = grow(text, cap *= 2);
    close(fd);
    text[n] = 0;
    return text;
}
