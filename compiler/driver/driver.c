/*
 * The driver: what a build sees as its C compiler.
 *
 * It routes each call to the candidate, the oracle or a stored object, supervises the compiler (time, memory, output) and appends one JSON
 * line a call to the log. One binary with many names; who it is follows from where it stands:
 *
 *   <tree>/bin/cc          candidate: the compiler under test
 *   <tree>/bin/host-cc     host: the oracle's compiler for the build machine
 *   <tree>/fallback/NAME   leak: the build went for a compiler of its own; runs the real NAME and says so
 *   anywhere else          engine: bound over a compiler proper (cc1, clang, tcc); logs who ran it, then becomes it
 *
 * <tree>/driver.conf says the rest; compiler/driver/config.py describes and writes it, compiler/driver/log.py reads the log. A build makes
 * tens of thousands of calls, so: static, no stdio, no locale, few system calls, nothing is ever freed.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CONF
#define CONF "/ccverify/driver.conf" /* where an engine, which stands anywhere, finds its configuration */
#endif

enum {
    KEPT = 4096,            /* bytes of messages kept for the log */
    TELLING = 1024,         /* and of the one line that tells most, where it comes later */
    LINE = 64 * 1024,       /* a longer log line has its argv cut ... */
    CUT = 8 * 1024,         /* ... to this */
    GRACE = 2,              /* seconds between SIGTERM and SIGKILL */
    EXIT_TIMEOUT = 124,     /* as timeout(1) */
    EXIT_BROKEN = 125,      /* the driver's own failure */
    EXIT_NOT_RUNNABLE = 126 /* as a shell */
};
#define HUGE_OUTPUT (256LL << 20) /* larger outputs are not looked into */
#define SECOND 1000000000LL

/* ---------------------------------------------------------------- text and words */

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

static bool is_one_of(const char *string, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(string, *names) == 0)
            return true;
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

/* ---------------------------------------------------------------- driver.conf */

typedef struct {
    const char *folder; /* the tree that holds it */
    const char *log, *step, *root, *path, *seed;
    Words candidate, append, oracle, host;
    Words patterns, targets; /* the routes, in order */
    bool has_mix, default_oracle;
    double percent;
    int64_t time; /* limits: nanoseconds, bytes; 0 is none */
    unsigned long long memory, output, file;
} Config;

static void read_limit(Config *config, const Words *words)
{
    if (words->n != 3)
        die("malformed driver.conf at ", words->at[0], "limit wants a name and a number");
    const char *name = words->at[1], *value = words->at[2];
    if (strcmp(name, "seconds") == 0)
        config->time = (int64_t)(strtod(value, NULL) * 1e9);
    else if (strcmp(name, "memory") == 0)
        config->memory = strtoull(value, NULL, 10);
    else if (strcmp(name, "output") == 0)
        config->output = strtoull(value, NULL, 10);
    else if (strcmp(name, "file") == 0)
        config->file = strtoull(value, NULL, 10);
    else
        die("unknown limit in driver.conf: ", name, "");
}

static void read_key(Config *config, const Words *words)
{
    const char *key = words->at[0], *value = words->n > 1 ? words->at[1] : "";
    Words rest = {words->at + 1, words->n - 1, words->n - 1};
    if (strcmp(key, "log") == 0)
        config->log = value;
    else if (strcmp(key, "step") == 0)
        config->step = value;
    else if (strcmp(key, "root") == 0)
        config->root = value;
    else if (strcmp(key, "path") == 0)
        config->path = value;
    else if (strcmp(key, "candidate") == 0)
        config->candidate = rest;
    else if (strcmp(key, "append") == 0)
        add_all(&config->append, &rest);
    else if (strcmp(key, "oracle") == 0)
        config->oracle = rest;
    else if (strcmp(key, "host") == 0)
        config->host = rest;
    else if (strcmp(key, "limit") == 0)
        read_limit(config, words);
    else if (strcmp(key, "default") == 0)
        config->default_oracle = strcmp(value, "oracle") == 0;
    else if (strcmp(key, "mix") == 0 && words->n == 3) {
        config->has_mix = true;
        config->percent = strtod(value, NULL);
        config->seed = words->at[2];
    } else if (strcmp(key, "route") == 0 && words->n == 3) {
        add(&config->patterns, value);
        add(&config->targets, words->at[2]);
    } else
        die("malformed line in driver.conf: ", key, "");
}

/* Lines of words between TABs; the text is cut up in place. */
static void read_config(Config *config, char *text)
{
    char *line_end, *word_end;
    for (char *line = text; *line; line = line_end) {
        line_end = line + strcspn(line, "\n");
        if (*line_end)
            *line_end++ = 0;
        if (*line == '#' || *line == 0)
            continue;
        Words words = {0};
        for (char *word = line;; word = word_end + 1) {
            word_end = word + strcspn(word, "\t");
            bool last = *word_end == 0;
            *word_end = 0;
            add(&words, word);
            if (last)
                break;
        }
        read_key(config, &words);
    }
    if (!config->log || !config->candidate.n || !config->oracle.n)
        die("incomplete ", config->folder, "/driver.conf (log, candidate and oracle are needed)");
    if (!config->step)
        config->step = "";
    if (!config->root)
        config->root = "";
    if (!config->path)
        config->path = "/usr/local/bin:/usr/bin:/bin";
    if (!config->host.n)
        config->host = config->oracle;
}

/* ---------------------------------------------------------------- command lines */

typedef enum { INFO, PREPROCESS, PROBE, COMPILE, ASSEMBLE, LINK } Kind;
static const char *const kind_names[] = {"info", "preprocess", "probe", "compile", "assemble", "link"};

typedef enum { OPTION, MODE, OUTPUT, LANGUAGE, LINKING, SOURCE, ASSEMBLY, OBJECT } What;

/* A compiler's command line, understood. The arrays of args, what and language run in step. */
typedef struct {
    Words args; /* response files expanded, without argv[0] */
    What *what;
    const char **language; /* what -x said of that input, or NULL */
    const char *output;    /* -o, or NULL */
    const char *mode;      /* -c, -S or NULL */
    bool preprocesses, asks, verbose, only_checks, not_elf, has_deps, has_deps_file;
    size_t sources, assemblies, objects;
    Kind kind;
    bool links;
    const char *makes; /* object, program, assembly or "" */
    const char *unit;
    Words inputs;  /* names of the inputs, below the root */
    Words outputs; /* paths of what it writes, as the compiler will see them; none for probes and the like */
} Command;

/* Options whose argument is the next word (GCC's and clang's manuals, cc1's own). */
static const char *const takes_word[] = {
    "-I", "-D", "-U", "-A", "-B", "-b", "-F", "-G", "-include", "-imacros", "-isystem", "-idirafter", "-iquote", "-iprefix",
    "-iwithprefix", "-iwithprefixbefore", "-isysroot", "-imultilib", "-imultiarch", "-MF", "-MT", "-MQ", "-Xassembler",
    "-Xpreprocessor", "-Xclang", "-Xarch_host", "-arch", "-target", "--target", "-aux-info", "-auxbase", "-auxbase-strip", "-dumpbase",
    "-dumpbase-ext", "-dumpdir", "--param", "--sysroot", "-mllvm", "-wrapper", "-main-file-name", "-triple", "-target-cpu",
    "-target-feature", "-resource-dir", "-internal-isystem", "-internal-externc-isystem", "-mrelocation-model", "-pic-level",
    "-stack-protector", "-fdebug-compilation-dir", "-ferror-limit", "-isystem-after", "-ivfsoverlay", "-cxx-isystem", "-working-directory", NULL};
/* The same, for options that only a linker needs. */
static const char *const takes_linking_word[] = {"-L", "-l", "-T", "-u", "-z", "-e", "-h", "-R", "-Xlinker", "-Ttext", "-Tdata", "-Tbss",
                                                 "-framework", "-soname", "-rpath", "-install_name", NULL};
static const char *const asks_something[] = {"--version", "-V", "-qversion", "-dumpversion", "-dumpfullversion", "-dumpmachine", "-dumpspecs",
                                             "--target-help", "-###", "-vv", "-ar", "-impdef", NULL};

static const char *const c_suffixes[] = {".c", ".i", ".h", ".cc", ".cpp", ".cxx", ".C", ".c++", ".ii", ".m", ".hh", ".hpp", ".ll", ".bc", NULL};
static const char *const assembly_suffixes[] = {".s", ".S", ".sx", ".asm", NULL};

static bool has_suffix(const char *path, const char *const *suffixes)
{
    const char *dot = strrchr(basename_of(path), '.');
    return dot && is_one_of(dot, suffixes);
}

static void add_response(Words *args, const char *word, int depth);

/* Words of a response file, by GCC's rules: blanks separate, quotes and backslashes protect. */
static void split_response(Words *args, const char *text, int depth)
{
    for (;;) {
        text += strspn(text, " \t\r\n\f\v");
        if (!*text)
            return;
        Text word = {0};
        put(&word, "");
        for (char quote = 0; *text && (quote || !strchr(" \t\r\n\f\v", *text)); text++) {
            if (*text == '\\' && text[1])
                put_bytes(&word, ++text, 1);
            else if (quote ? *text == quote : *text == '\'' || *text == '"')
                quote = quote ? 0 : *text;
            else
                put_bytes(&word, text, 1);
        }
        add_response(args, word.at, depth);
    }
}

static void add_response(Words *args, const char *word, int depth)
{
    char *text = *word == '@' && depth < 16 ? slurp(open(word + 1, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) : NULL;
    if (text)
        split_response(args, text, depth + 1);
    else
        add(args, word); /* as GCC: what cannot be read is a name like any other */
}

static What input_of(Command *command, const char *arg, const char *language)
{
    bool assembly = language ? starts(language, "assembler") : has_suffix(arg, assembly_suffixes);
    if (assembly) {
        command->assemblies++;
        return ASSEMBLY;
    }
    if (language || strcmp(arg, "-") == 0 || has_suffix(arg, c_suffixes)) {
        command->sources++;
        return SOURCE;
    }
    command->objects++;
    return OBJECT;
}

/* One option; returns what it is, and through `next` what its argument in the next word is for, if it has one there. */
static What option_of(Command *command, const char *arg, const char **language, What *next)
{
    const char *after = strchr(arg, '=');
    *next = SOURCE; /* "no argument": an argument is never a source */
    if (arg[1] == 'o' && arg[2] == 0) {
        *next = OUTPUT;
        return OUTPUT;
    }
    if (strcmp(arg, "--output") == 0) {
        *next = OUTPUT;
        return OUTPUT;
    }
    if (starts(arg, "--output=") || (arg[1] == 'o' && !starts(arg, "-objc"))) {
        command->output = arg[1] == 'o' ? arg + 2 : after + 1;
        return OUTPUT;
    }
    if (arg[1] == 'x') {
        if (!arg[2])
            *next = LANGUAGE;
        else
            *language = strcmp(arg + 2, "none") ? arg + 2 : NULL;
        return LANGUAGE;
    }
    if (strcmp(arg, "-c") == 0 || strcmp(arg, "-S") == 0 || strcmp(arg, "--compile") == 0 || strcmp(arg, "--assemble") == 0) {
        bool to_assembly = arg[1] == 'S' || arg[2] == 'a';
        if (!command->mode || to_assembly) /* -S wins over -c, whichever comes first */
            command->mode = to_assembly ? "-S" : "-c";
        return MODE;
    }
    if (is_one_of(arg, takes_word)) {
        command->has_deps_file |= strcmp(arg, "-MF") == 0;
        *next = OPTION;
        return OPTION;
    }
    if (is_one_of(arg, takes_linking_word)) {
        *next = LINKING;
        return LINKING;
    }
    command->has_deps_file |= starts(arg, "-MF");
    if (strcmp(arg, "-E") == 0 || strcmp(arg, "-M") == 0 || strcmp(arg, "-MM") == 0 || strcmp(arg, "--preprocess") == 0)
        command->preprocesses = true;
    else if (strcmp(arg, "-MD") == 0 || strcmp(arg, "-MMD") == 0 || starts(arg, "-Wp,-M"))
        command->has_deps = true;
    else if (strcmp(arg, "-fsyntax-only") == 0 || starts(arg, "-run")) /* tcc -run writes no file either */
        command->only_checks = true;
    else if (strcmp(arg, "-v") == 0 || strcmp(arg, "--verbose") == 0)
        command->verbose = true;
    else if (is_one_of(arg, asks_something) || starts(arg, "-print-") || starts(arg, "--print-") || starts(arg, "--help"))
        command->asks = true;
    else if (strcmp(arg, "-emit-llvm") == 0 || strstr(arg, "oformat"))
        command->not_elf = true;
    bool linking = starts(arg, "-l") || starts(arg, "-L") || starts(arg, "-Wl,") || strcmp(arg, "-static") == 0 || strcmp(arg, "-shared") == 0 ||
                   strcmp(arg, "-rdynamic") == 0 || strcmp(arg, "-static-libgcc") == 0 || strcmp(arg, "-s") == 0;
    return linking ? LINKING : OPTION;
}

static void parse_args(Command *command, char **argv)
{
    for (; *argv; argv++)
        add_response(&command->args, *argv, 0);
    size_t n = command->args.n;
    command->what = grow(NULL, (n + 1) * sizeof *command->what);
    command->language = grow(NULL, (n + 1) * sizeof *command->language);
    const char *language = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *arg = command->args.at[i];
        command->language[i] = language;
        if (arg[0] != '-' || arg[1] == 0) {
            command->what[i] = input_of(command, arg, language);
            continue;
        }
        What next;
        command->what[i] = option_of(command, arg, &language, &next);
        if (next == SOURCE || i + 1 == n)
            continue;
        command->what[++i] = next;
        command->language[i] = NULL;
        if (next == OUTPUT)
            command->output = command->args.at[i];
        else if (next == LANGUAGE)
            language = strcmp(command->args.at[i], "none") ? command->args.at[i] : NULL;
    }
}

static bool is_input(const Command *command, size_t i)
{
    return command->what[i] >= SOURCE;
}

/* Whether a path looks like a question to the compiler rather than a part of the project. */
static bool is_probe_path(const char *path)
{
    static const char *const exact[] = {"-", "/dev/null", "/dev/stdin", NULL};
    return is_one_of(path, exact) || starts(basename_of(path), "conftest") || strstr(path, "CMakeTmp/") || strstr(path, "CMakeScratch/") ||
           strstr(path, "meson-private/") ||
           /* kbuild asks in .tmp_<pid>/tmp; its .tmp_vmlinux.kallsyms1.S is real: only a folder counts */
           (starts(path, ".tmp_") && strchr(path, '/')) || (strstr(path, "/.tmp_") && strchr(strstr(path, "/.tmp_") + 1, '/'));
}

static bool is_probe(const Command *command, const char *step)
{
    if (strcmp(step, "configure") == 0)
        return true;
    for (size_t i = 0; i < command->args.n; i++)
        if (is_input(command, i) && is_probe_path(command->args.at[i]))
            return true;
    return command->output && is_probe_path(command->output) && strcmp(command->output, "/dev/null") && strcmp(command->output, "-");
}

static Kind kind_of(const Command *command, const char *step)
{
    if (command->asks || command->sources + command->assemblies + command->objects == 0)
        return INFO;
    if (is_probe(command, step))
        return PROBE;
    if (command->preprocesses)
        return PREPROCESS;
    return command->sources ? COMPILE : command->assemblies ? ASSEMBLE : LINK;
}

/* Absolute and without ".", ".." and doubled slashes, by the text alone. */
static char *normalise(const char *cwd, const char *path)
{
    char *whole = *path == '/' ? strdup(path) : join(cwd, "/", path);
    char *out = grow(NULL, strlen(whole) + 2), *end = out;
    for (const char *part = whole; *part;) {
        part += strspn(part, "/");
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.') {
            while (end > out && *--end != '/')
                ;
        } else if (n > 0 && !(n == 1 && part[0] == '.')) {
            *end++ = '/';
            memcpy(end, part, n);
            end += n;
        }
        part += n;
    }
    if (end == out)
        *end++ = '/';
    *end = 0;
    return out;
}

/* The name a path has in the log and in routes: the same in every run, so without the work folder. */
static const char *name_of(const Config *config, const char *cwd, const char *path)
{
    if (strcmp(path, "-") == 0)
        return path;
    const char *whole = normalise(cwd, path);
    size_t n = strlen(config->root);
    while (n > 0 && config->root[n - 1] == '/')
        n--;
    return n > 0 && strncmp(whole, config->root, n) == 0 && whole[n] == '/' ? whole + n + 1 : whole;
}

/* Where a source's object goes when no -o says so: its base name with another suffix, in the current folder. */
static char *default_output(const char *source, const char *suffix)
{
    const char *base = basename_of(source), *dot = strrchr(base, '.');
    char *stem = dot && dot != base ? strndup(base, (size_t)(dot - base)) : strdup(base);
    return join(stem, suffix, "");
}

static void find_outputs(Command *command)
{
    if (command->links || command->output) {
        add(&command->outputs, command->output ? command->output : "a.out");
        return;
    }
    for (size_t i = 0; i < command->args.n; i++)
        if (command->what[i] == SOURCE || command->what[i] == ASSEMBLY)
            add(&command->outputs, default_output(command->args.at[i], command->mode[1] == 'S' ? ".s" : ".o"));
}

static bool makes_header(const Command *command)
{
    for (size_t i = 0; i < command->args.n; i++)
        if (command->what[i] == SOURCE && (command->language[i] ? strstr(command->language[i], "header") != NULL : ends(command->args.at[i], ".h")))
            return true;
    return false;
}

static void understand(Command *command, const Config *config, const char *cwd)
{
    command->kind = kind_of(command, config->step);
    for (size_t i = 0; i < command->args.n; i++)
        if (is_input(command, i))
            add(&command->inputs, name_of(config, cwd, command->args.at[i]));
    bool real = command->kind >= COMPILE;
    bool header = real && makes_header(command);
    command->links = command->kind != INFO && !command->mode && !command->preprocesses && !command->only_checks && !header;
    command->makes = "";
    if (real && !command->only_checks && !header && (command->links || command->mode)) {
        find_outputs(command);
        bool text = command->mode && command->mode[1] == 'S';
        command->makes = command->not_elf ? "" : text ? "assembly" : command->links ? "program" : "object";
    }
    command->unit = "";
    for (size_t i = 0; i < command->args.n; i++)
        if (command->what[i] == SOURCE || (command->what[i] == ASSEMBLY && !command->sources)) {
            command->unit = name_of(config, cwd, command->args.at[i]);
            break;
        }
    if (!*command->unit && command->kind == LINK)
        command->unit = name_of(config, cwd, command->outputs.at[0]);
}

/* ---------------------------------------------------------------- outputs */

typedef struct {
    const char *path; /* NULL: none was due */
    long long bytes;  /* -1: it is missing, or older than the call */
    char ident[256];  /* the first string in an object's .comment */
    bool elf;
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
#define DEFINE_READ_IDENT(BITS)                                                                                                    \
    static void read_ident##BITS(const File *file, char *ident, size_t room)                                                       \
    {                                                                                                                              \
        Elf##BITS##_Ehdr header;                                                                                                   \
        memcpy(&header, file->head, sizeof header);                                                                                \
        if (header.e_type != ET_REL || header.e_shentsize != sizeof(Elf##BITS##_Shdr) || header.e_shstrndx >= header.e_shnum)      \
            return;                                                                                                                \
        const char *table = bytes_at(file, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf##BITS##_Shdr));                   \
        if (!table)                                                                                                                \
            return;                                                                                                                \
        Elf##BITS##_Shdr names, section;                                                                                           \
        memcpy(&names, table + header.e_shstrndx * sizeof names, sizeof names);                                                    \
        const char *text = bytes_at(file, names.sh_offset, names.sh_size);                                                         \
        for (size_t i = 0; text && i < header.e_shnum; i++) {                                                                      \
            memcpy(&section, table + i * sizeof section, sizeof section);                                                          \
            if (section.sh_name + sizeof ".comment" <= names.sh_size && !memcmp(text + section.sh_name, ".comment", 9)) {          \
                keep_comment(file, section.sh_offset, section.sh_size, ident, room);                                               \
                return;                                                                                                            \
            }                                                                                                                      \
        }                                                                                                                          \
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

/* ---------------------------------------------------------------- running */

typedef struct {
    int status;             /* as wait4 gives it */
    int told;               /* the signal somebody stopped the driver itself with, or 0 */
    bool timeout, ran;
    const char *limit;      /* "", output, file, memory, interrupted */
    int64_t started, ended; /* monotonic */
    double epoch;
    struct rusage usage;
    Text kept;              /* the first messages */
    size_t forwarded;
    char line[TELLING];     /* the line being read */
    size_t line_n, line_at; /* its length, and where in the stream it began */
    char telling[TELLING];  /* the most telling line so far, */
    int level;              /* how telling it is, */
    size_t telling_at;      /* and where it began */
} Outcome;

static int signals = -1;       /* signalfd */
static sigset_t mask_before;   /* what the compiler gets back */
static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void take_signals(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        sigaddset(&ours, stops[i]);
    sigaddset(&ours, SIGCHLD);
    signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    sigaddset(&ours, SIGPIPE); /* who reads our stderr may go; the call is to be logged all the same */
    sigprocmask(SIG_BLOCK, &ours, &mask_before);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignores it would have our child reaped without a status */
    /* What leaves the process group (setsid) and loses its parent comes to us, so that we can end it. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (signals < 0)
        die("signalfd", "", strerror(errno));
}

static void limit_resource(int which, unsigned long long bytes)
{
    struct rlimit now_is, wanted = {bytes, bytes};
    if (bytes == 0)
        return;
    if (getrlimit(which, &now_is) == 0 && now_is.rlim_max < bytes)
        wanted.rlim_cur = wanted.rlim_max = now_is.rlim_max;
    setrlimit(which, &wanted);
}

/* vfork: the parent is held until the exec, and *error, written by the child, is the parent's. */
static __attribute__((noinline)) pid_t launch(const Config *config, char **argv, char **env, int messages, volatile int *error)
{
    const pid_t driver = getpid();
    char *shell[] = {(char[]){"/bin/sh"}, NULL, NULL};
    Words script = {0};
    add(&script, shell[0]);
    for (char **arg = argv; *arg; arg++)
        add(&script, *arg);
    pid_t pid = vfork();
    if (pid != 0)
        return pid;
    setpgid(0, 0); /* a group of its own, which can be killed whole */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != driver)
        _exit(EXIT_BROKEN);
    dup2(messages, 2);
    limit_resource(RLIMIT_DATA, config->memory);
    limit_resource(RLIMIT_FSIZE, config->file);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    execve(argv[0], argv, env);
    if (errno == ENOEXEC) /* a script without #!, which a shell would run */
        execve(script.at[0], script.at, env);
    *error = errno;
    _exit(EXIT_NOT_RUNNABLE + (*error == ENOENT));
}

/* How telling a line of messages is: 3 a crash, 2 an error for certain, 1 perhaps one. */
static int level_of(const char *line)
{
    static const char *const words[3][12] = {
        {"error", "fatal", "ld: ", "Error", "cannot", NULL},
        {"error: ", "Error: ", "undefined reference", "undefined symbol", "fatal error", "ERROR:", NULL},
        {"internal compiler error", "PLEASE submit", "Assertion `", "Segmentation fault", "panicked at", "AddressSanitizer", "LLVM ERROR", NULL}};
    for (int level = 3; level > 0; level--)
        for (const char *const *word = words[level - 1]; *word; word++)
            if (strstr(line, *word))
                return level;
    return 0;
}

static void end_line(Outcome *outcome)
{
    outcome->line[outcome->line_n] = 0;
    int level = outcome->level < 3 ? level_of(outcome->line) : 0;
    if (level > outcome->level) {
        outcome->level = level;
        memcpy(outcome->telling, outcome->line, outcome->line_n + 1);
        outcome->telling_at = outcome->line_at;
    }
    outcome->line_n = 0;
}

static void keep(Outcome *outcome, const char *bytes, size_t n)
{
    if (outcome->kept.n < KEPT)
        put_bytes(&outcome->kept, bytes, n < KEPT - outcome->kept.n ? n : KEPT - outcome->kept.n);
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            end_line(outcome);
            outcome->line_at = outcome->forwarded + i + 1;
        } else if (outcome->line_n < TELLING - 1)
            outcome->line[outcome->line_n++] = bytes[i] ? bytes[i] : ' ';
    }
    outcome->forwarded += n;
}

/* Passes one piece of the compiler's messages on. Returns whether more may come. */
static bool forward(const Config *config, int pipe_end, Outcome *outcome)
{
    static char piece[64 * 1024];
    ssize_t n = read(pipe_end, piece, sizeof piece);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    size_t allowed = (size_t)n;
    if (config->output && outcome->forwarded + allowed > config->output) {
        allowed = config->output - outcome->forwarded;
        outcome->limit = "output";
    }
    write_all(2, piece, allowed);
    keep(outcome, piece, allowed);
    return !*outcome->limit;
}

/* SIGKILL for the group, and for what left it and has become our child. */
static void kill_all(pid_t group)
{
    kill(-group, SIGKILL);
    Text name = {0};
    put(&name, "/proc/self/task/");
    put_number(&name, getpid());
    put(&name, "/children");
    for (int round = 0; round < 100; round++) {
        char *children = slurp(open(name.at, O_RDONLY | O_CLOEXEC)), *at = children;
        bool any = false;
        for (long pid; at && (pid = strtol(at, &at, 10)) > 0;)
            if (pid != group) {
                any = true;
                kill((pid_t)pid, SIGKILL);
                waitpid((pid_t)pid, NULL, 0); /* its own children come to us next */
            }
        if (!any)
            return;
    }
}

static bool reap(pid_t pid, Outcome *outcome)
{
    struct rusage usage;
    int status;
    for (pid_t got; (got = wait4(-1, &status, WNOHANG, &usage)) > 0;)
        if (got == pid) {
            outcome->status = status;
            outcome->usage = usage;
            return true;
        }
    return false;
}

/* Waits for the compiler, passing its messages on and ending it where it breaks a limit. */
static void supervise(const Config *config, pid_t pid, int messages, const char *file, Outcome *outcome)
{
    enum { RUNNING, ASKED, KILLED } stage = RUNNING;
    int64_t deadline = config->time ? outcome->started + config->time : INT64_MAX;
    struct pollfd wait[2] = {{signals, POLLIN, 0}, {messages, POLLIN, 0}};
    for (bool ended = false; !ended;) {
        int64_t left = deadline == INT64_MAX ? -1 : deadline - now(CLOCK_MONOTONIC);
        int milliseconds = deadline == INT64_MAX ? -1 : left <= 0 ? 0 : left / 1000000 >= 3600000 ? 3600000 : (int)(left / 1000000) + 1;
        wait[0].revents = wait[1].revents = 0;
        poll(wait, 2, milliseconds);
        int ask = 0;
        if (wait[1].revents && !forward(config, messages, outcome)) {
            wait[1].fd = -1;
            ask = *outcome->limit ? SIGTERM : 0;
        }
        for (struct signalfd_siginfo got; wait[0].revents && read(signals, &got, sizeof got) == sizeof got;) {
            if (got.ssi_signo == SIGCHLD)
                ended = reap(pid, outcome) || ended;
            else
                ask = outcome->told = (int)got.ssi_signo;
        }
        if (ended)
            break;
        if (stage != KILLED && deadline != INT64_MAX && now(CLOCK_MONOTONIC) >= deadline) {
            if (stage == ASKED) {
                kill_all(pid);
                stage = KILLED;
                deadline = INT64_MAX;
            } else {
                outcome->timeout = true;
                ask = SIGTERM;
            }
        }
        if (ask && stage == RUNNING) {
            kill(-pid, ask);
            kill(-pid, SIGCONT); /* a stopped one could not hear it */
            stage = ASKED;
            deadline = now(CLOCK_MONOTONIC) + GRACE * SECOND;
        }
    }
    outcome->ended = now(CLOCK_MONOTONIC);
    if (stage != RUNNING)
        kill_all(pid);
    /* What is in the pipe now is the compiler's; a process it left behind may hold the pipe open for ever. */
    while (wait[1].fd >= 0 && poll(&wait[1], 1, 0) > 0 && forward(config, messages, outcome))
        ;
    end_line(outcome);
    if (outcome->timeout) {
        Text seconds = {0};
        put_number(&seconds, config->time / SECOND);
        say("the compiler took over ", seconds.at, " s on ", file, "; killed");
    } else if (strcmp(outcome->limit, "output") == 0)
        say("the compiler wrote messages without end on ", file, "; killed", "", "");
}

static const char *signal_name(int number)
{
    static const char *const names[] = {[SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
                                        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
                                        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
                                        [SIGTERM] = "SIGTERM", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS"};
    bool known = number > 0 && (size_t)number < sizeof names / sizeof *names && names[number];
    return known ? names[number] : "a signal";
}

/* Which limit a failed compiler ran into, as far as its end tells. */
static const char *limit_met(const Config *config, const Outcome *outcome)
{
    static const char *const memory_words[] = {"out of memory", "memory full", "memory exhausted", "Cannot allocate memory", "bad_alloc",
                                               "Killed signal terminated", NULL};
    static const char *const file_words[] = {"File size limit exceeded", "File too large", NULL};
    const char *texts[] = {outcome->kept.n ? outcome->kept.at : "", outcome->telling};
    if (outcome->status == 0 || outcome->timeout)
        return "";
    if (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGXFSZ)
        return "file";
    for (size_t i = 0; i < 2; i++) {
        for (const char *const *word = file_words; config->file && *word; word++)
            if (strstr(texts[i], *word))
                return "file";
        for (const char *const *word = memory_words; *word; word++)
            if (strstr(texts[i], *word))
                return "memory";
    }
    /* The kernel's out-of-memory killer; nobody else sends it. Or a failed allocation that was then used. */
    bool killed = WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGKILL;
    bool near = config->memory && (unsigned long long)outcome->usage.ru_maxrss * 1024 >= config->memory - config->memory / 8;
    return killed || near ? "memory" : "";
}

static Outcome run(const Config *config, char **argv, char **env, const char *file)
{
    Outcome outcome = {.limit = ""};
    int messages[2];
    volatile int error = 0;
    if (pipe2(messages, O_CLOEXEC) < 0)
        die("pipe", "", strerror(errno));
    outcome.epoch = (double)now(CLOCK_REALTIME) / 1e9;
    outcome.started = now(CLOCK_MONOTONIC);
    pid_t pid = launch(config, argv, env, messages[1], &error);
    if (pid < 0)
        die("cannot start a process", "", strerror(errno));
    close(messages[1]);
    supervise(config, pid, messages[0], file, &outcome);
    close(messages[0]);
    outcome.ran = error == 0;
    if (error) {
        const char *why = strerror(error);
        say("cannot run ", argv[0], ": ", why, "");
        put(&outcome.kept, join("cannot run ", argv[0], ": "));
        put(&outcome.kept, why);
    }
    if (outcome.told)
        outcome.limit = "interrupted";
    else if (!*outcome.limit)
        outcome.limit = limit_met(config, &outcome);
    if (WIFSIGNALED(outcome.status) && !outcome.timeout && !outcome.told && strcmp(outcome.limit, "output") != 0)
        say("the compiler died of ", signal_name(WTERMSIG(outcome.status)), " on ", file, "");
    return outcome;
}

static int exit_of(const Outcome *outcome)
{
    if (outcome->timeout || strcmp(outcome->limit, "output") == 0)
        return EXIT_TIMEOUT;
    return WIFSIGNALED(outcome->status) ? 128 + WTERMSIG(outcome->status) : WEXITSTATUS(outcome->status);
}

/* ---------------------------------------------------------------- the log */

/* Length of the valid UTF-8 sequence at `s`, or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
    return overlong || outside ? 0 : length;
}

/* A JSON string. Bytes that are not UTF-8 appear as the four characters \xNN. */
static void put_json(Text *text, const char *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    put_bytes(text, "\"", 1);
    for (size_t i = 0, length; i < n; i += length ? length : 1) {
        const unsigned char *s = (const unsigned char *)bytes + i;
        length = utf8_length(s, n - i);
        if (length == 0)
            put_bytes(text, (char[]){'\\', '\\', 'x', hex[*s >> 4], hex[*s & 15]}, 5);
        else if (*s == '"' || *s == '\\')
            put_bytes(text, (char[]){'\\', (char)*s}, 2);
        else if (*s == '\n')
            put_bytes(text, "\\n", 2);
        else if (*s < 0x20 || *s == 0x7f)
            put_bytes(text, (char[]){'\\', 'u', '0', '0', hex[*s >> 4], hex[*s & 15]}, 6);
        else
            put_bytes(text, bytes + i, length);
    }
    put_bytes(text, "\"", 1);
}

static void put_field(Text *text, const char *key, const char *value)
{
    put(text, ",\"");
    put(text, key);
    put(text, "\":");
    put_json(text, value, strlen(value));
}

static void put_flag(Text *text, const char *key, bool value)
{
    put(text, ",\"");
    put(text, key);
    put(text, value ? "\":true" : "\":false");
}

static void put_integer(Text *text, const char *key, long long value)
{
    put(text, ",\"");
    put(text, key);
    put(text, "\":");
    put_number(text, value);
}

/* An array of strings, no longer than `room` bytes; returns whether some had to be left out. */
static bool put_array(Text *text, const char *key, char *const *words, size_t room)
{
    size_t start = text->n;
    put(text, ",\"");
    put(text, key);
    put(text, "\":[");
    char *const *word = words;
    for (; *word && text->n - start < room; word++) {
        if (word != words)
            put(text, ",");
        put_json(text, *word, strlen(*word));
    }
    put(text, "]");
    return *word != NULL;
}

/* One line of the log. */
typedef struct {
    const char *id, *parent, *role, *compiler, *engine, *call, *name, *cwd;
    const Command *command;
    char *const *argv;
    const Outcome *outcome; /* NULL for an engine, which is logged as it starts */
    const Product *product;
} Entry;

static void put_outcome(Text *text, const Outcome *outcome)
{
    const struct rusage *usage = &outcome->usage;
    put(text, ",\"seconds\":");
    put_seconds(text, outcome->ended - outcome->started);
    put(text, ",\"cpu\":");
    put_seconds(text, (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * SECOND + (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000);
    put_integer(text, "peak_kib", usage->ru_maxrss);
    bool signalled = WIFSIGNALED(outcome->status);
    if (signalled)
        put(text, ",\"exit\":null");
    else
        put_integer(text, "exit", WEXITSTATUS(outcome->status));
    if (signalled)
        put_integer(text, "signal", WTERMSIG(outcome->status));
    else
        put(text, ",\"signal\":null");
    put_flag(text, "timeout", outcome->timeout);
    put_field(text, "limit", outcome->limit);
    Text messages = {0};
    put_bytes(&messages, outcome->kept.n ? outcome->kept.at : "", outcome->kept.n);
    /* The telling line where the kept part does not hold all of it. */
    if (outcome->level && outcome->telling_at + strlen(outcome->telling) > KEPT) {
        put(&messages, "\n[...]\n");
        put(&messages, outcome->telling);
    }
    put(text, ",\"stderr\":");
    put_json(text, messages.at, messages.n);
}

static Text line_of(const Config *config, const Entry *entry, size_t room)
{
    Text line = {0};
    const Command *command = entry->command;
    put(&line, "{\"v\":1");
    put_field(&line, "id", entry->id);
    put_field(&line, "parent", entry->parent);
    put(&line, ",\"t\":");
    put_seconds(&line, entry->outcome ? (int64_t)(entry->outcome->epoch * 1e9) : now(CLOCK_REALTIME));
    put_field(&line, "step", config->step);
    put_field(&line, "name", entry->name);
    put_field(&line, "role", entry->role);
    put_field(&line, "kind", kind_names[command->kind]);
    put_flag(&line, "links", command->links);
    put_field(&line, "makes", command->makes);
    put_field(&line, "compiler", entry->compiler);
    put_field(&line, "unit", command->unit);
    bool cut = put_array(&line, "inputs", command->inputs.n ? command->inputs.at : (char *[]){NULL}, room);
    const Product *product = entry->product;
    if (product && product->path) {
        put(&line, ",\"output\":{\"path\":");
        put_json(&line, product->path, strlen(product->path));
        put_integer(&line, "bytes", product->bytes);
        put_field(&line, "ident", product->ident);
        put_flag(&line, "elf", product->elf);
        put(&line, "}");
    } else
        put(&line, ",\"output\":null");
    cut = put_array(&line, "argv", entry->argv, room) || cut;
    put_flag(&line, "argv_cut", cut);
    put_field(&line, "cwd", entry->cwd);
    if (entry->outcome)
        put_outcome(&line, entry->outcome);
    put_field(&line, "engine", entry->engine);
    put_field(&line, "call", entry->call);
    put(&line, "}\n");
    return line;
}

static int log_file = -1;

/* Before anything runs: a call that cannot be logged must not happen, for its object would have no provenance. */
static void open_log(const Config *config)
{
    log_file = open(config->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (log_file < 0)
        die("cannot write the log ", config->log, strerror(errno));
}

/* Appends a line with one write, so that parallel calls do not mix. */
static void write_log(const Config *config, const Entry *entry)
{
    Text line = line_of(config, entry, SIZE_MAX);
    if (line.n > LINE)
        line = line_of(config, entry, CUT);
    ssize_t done;
    while ((done = write(log_file, line.at, line.n)) < 0 && errno == EINTR)
        ;
    if (done != (ssize_t)line.n)
        die("cannot write the log ", config->log, strerror(done < 0 ? errno : ENOSPC));
}

/* ---------------------------------------------------------------- calls */

typedef struct {
    const Config *config;
    const char *role, *name, *cwd, *outer; /* outer: the candidate's call this one happened in */
    char **argv;                           /* as the build gave it */
    const char *real;                      /* for a leak: the compiler that NAME would have been */
} Driver;

static const char *make_id(void)
{
    Text id = {0};
    put_number(&id, getpid());
    put(&id, "-");
    put_hex(&id, (uint64_t)now(CLOCK_MONOTONIC));
    return id.at;
}

/* The environment, with word of whose call this is: an engine under the oracle is no news, under the candidate it is. */
static char **environment(const char *id)
{
    Words env = {0};
    for (char **at = environ; *at; at++)
        if (!starts(*at, "CCVERIFY_CALL=") && !starts(*at, "CCVERIFY_ORACLE="))
            add(&env, *at);
    add(&env, id ? join("CCVERIFY_CALL=", id, "") : "CCVERIFY_ORACLE=1");
    return env.at;
}

/* NAME on a search path, never the driver itself. NULL where there is none. */
static const char *find_program(const char *path, const char *name)
{
    struct stat self, st;
    if (stat("/proc/self/exe", &self) < 0)
        self.st_ino = 0;
    for (const char *part = path;; part += strcspn(part, ":") + 1) {
        size_t n = strcspn(part, ":");
        char *file = join(n ? strndup(part, n) : ".", "/", name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_ino == self.st_ino && st.st_dev == self.st_dev) && access(file, X_OK) == 0)
            return file;
        if (!part[n])
            return NULL;
    }
}

/* The command a call comes to: the compiler's own words, then the accommodation, then the build's arguments. */
static Words command_for(const Driver *driver, const char *compiler, Kind kind, char *const *args)
{
    const Config *config = driver->config;
    Words words = {0};
    if (strcmp(compiler, "other") == 0)
        add(&words, driver->real);
    else {
        bool candidate = strcmp(compiler, "candidate") == 0;
        add_all(&words, candidate ? &config->candidate : strcmp(compiler, "host") == 0 ? &config->host : &config->oracle);
        if (candidate && kind != INFO)
            add_all(&words, &config->append);
    }
    if (!strchr(words.at[0], '/')) {
        const char *found = find_program(config->path, words.at[0]);
        if (found)
            words.at[0] = (char *)(uintptr_t)found;
    }
    for (; *args; args++)
        add(&words, *args);
    return words;
}

/* Runs one call with one compiler and logs it. Returns its exit status; `told` is set where somebody stops the driver. */
static int one_call(const Driver *driver, const Command *command, char **argv, const char *compiler, const char *parent, int *told)
{
    const char *id = make_id();
    bool candidate_role = strcmp(driver->role, "candidate") == 0, under_test = strcmp(compiler, "candidate") == 0;
    Words words = command_for(driver, compiler, command->kind, argv + 1);
    Place *places = grow(NULL, (command->outputs.n + 1) * sizeof *places);
    for (size_t i = 0; candidate_role && i < command->outputs.n; i++)
        places[i] = clear_place(command, driver->cwd, command->outputs.at[i]);
    const char *file = *command->unit ? command->unit : command->inputs.n ? command->inputs.at[0] : "its command line";
    Outcome outcome = run(driver->config, words.at, environment(under_test ? id : NULL), file);
    Product product = {0};
    bool wants_ident = strcmp(command->makes, "object") == 0 && command->kind == COMPILE;
    bool torn = outcome.timeout || *outcome.limit || WIFSIGNALED(outcome.status);
    for (size_t i = 0; candidate_role && i < command->outputs.n; i++) {
        struct stat st;
        if (torn && places[i].watched && lstat(places[i].path, &st) == 0 && S_ISREG(st.st_mode) && !is_an_input(command, driver->cwd, places[i].path))
            unlink(places[i].path); /* half-written, and make would take it for made */
        if (outcome.status != 0 || !places[i].watched)
            continue;
        Product one;
        inspect(&places[i], wants_ident, &one);
        if (!product.path || (product.bytes > 0 && one.bytes <= 0)) /* of several, the one that went wrong */
            product = one;
    }
    Entry entry = {id, parent, driver->role, compiler, "", driver->outer, driver->name, driver->cwd, command, argv, &outcome, &product};
    write_log(driver->config, &entry);
    if (outcome.told)
        *told = outcome.told;
    return exit_of(&outcome);
}

/* ---------------------------------------------------------------- routing */

/* A unit's place in [0, 100), the same for a seed in every run: FNV-1a and a finaliser (MurmurHash3's), as FNV alone leaves near names near. */
static double share_of(const char *seed, const char *unit)
{
    uint64_t hash = 0xcbf29ce484222325;
    const char *parts[] = {seed, ":", unit};
    for (size_t i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
    hash ^= hash >> 33;
    return (double)(hash >> 11) * (100.0 / 9007199254740992.0);
}

/* candidate, oracle or stored:<path> */
static const char *route_of(const Config *config, const char *unit)
{
    for (size_t i = 0; i < config->patterns.n; i++)
        if (fnmatch(config->patterns.at[i], unit, FNM_NOESCAPE) == 0)
            return config->targets.at[i];
    bool oracle = config->has_mix ? share_of(config->seed, unit) >= config->percent : config->default_oracle;
    return oracle ? "oracle" : "candidate";
}

static bool copy_file(const char *from, const char *to)
{
    static char piece[64 * 1024];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t n = -1;
    while (out >= 0 && (n = read(in, piece, sizeof piece)) > 0)
        for (ssize_t done = 0, m; done < n; done += m)
            if ((m = write(out, piece + done, (size_t)(n - done))) < 0)
                return false;
    if (in >= 0)
        close(in);
    return out >= 0 && close(out) == 0 && n == 0;
}

/* A unit whose object lies ready. Where dependencies are asked for too, the oracle writes them (and an object, which is replaced). */
static int stored_call(const Driver *driver, const Command *command, char **argv, const char *object, const char *parent, int *told)
{
    Outcome outcome = {.limit = "", .ran = true, .epoch = (double)now(CLOCK_REALTIME) / 1e9, .started = now(CLOCK_MONOTONIC)};
    const char *output = command->outputs.at[0], *from = *object == '/' ? object : join(driver->config->root, "/", object);
    Place place = clear_place(command, driver->cwd, output);
    if (command->has_deps) {
        Words words = command_for(driver, "oracle", command->kind, argv + 1);
        outcome = run(driver->config, words.at, environment(NULL), command->unit);
    }
    Product product = {0};
    if (outcome.status == 0) {
        if (!copy_file(from, output))
            die("cannot copy the stored object ", from, strerror(errno));
        inspect(&place, true, &product);
    }
    outcome.ended = now(CLOCK_MONOTONIC);
    Entry entry = {make_id(), parent, driver->role, "stored", "", driver->outer, driver->name, driver->cwd, command, argv, &outcome, &product};
    write_log(driver->config, &entry);
    if (outcome.told)
        *told = outcome.told;
    return exit_of(&outcome);
}

static int routed_call(const Driver *driver, const Command *command, char **argv, const char *parent, int *told)
{
    const char *route = route_of(driver->config, command->unit);
    if (!starts(route, "stored:"))
        return one_call(driver, command, argv, route, parent, told);
    if (strcmp(command->makes, "object") != 0 || command->outputs.n != 1)
        return one_call(driver, command, argv, "oracle", parent, told);
    return stored_call(driver, command, argv, route + strlen("stored:"), parent, told);
}

static Command parse(const Driver *driver, char **args)
{
    Command command = {0};
    parse_args(&command, args);
    understand(&command, driver->config, driver->cwd);
    return command;
}

/* The command that compiles input `i` of a call apart. */
static Words part_of(const Driver *driver, const Command *whole, size_t i, const char *output)
{
    Words words = {0};
    add(&words, driver->argv[0]);
    for (size_t j = 0; j < whole->args.n; j++)
        if (whole->what[j] == OPTION)
            add(&words, whole->args.at[j]);
    if (whole->links && whole->has_deps && !whole->has_deps_file) { /* not beside the temporary object */
        add(&words, "-MF");
        add(&words, join(whole->outputs.at[0], "-", default_output(whole->args.at[i], ".d")));
    }
    add(&words, whole->mode ? whole->mode : "-c");
    if (whole->language[i]) {
        add(&words, "-x");
        add(&words, whole->language[i]);
    }
    add(&words, whole->args.at[i]);
    add(&words, "-o");
    add(&words, output);
    return words;
}

static const char *temporary_object(void)
{
    const char *folder = getenv("TMPDIR");
    char *name = join(folder && *folder ? folder : "/tmp", "/ccverify-XXXXXX.o", "");
    int fd = mkostemps(name, 2, O_CLOEXEC);
    if (fd < 0)
        die("cannot make a temporary file ", name, strerror(errno));
    close(fd);
    return name;
}

/* A call with several sources, or one that compiles and links, where units go different ways: each apart, then the oracle links. */
static int split_call(const Driver *driver, const Command *whole, int *told)
{
    const char *parent = make_id();
    Words link = {0}, temporaries = {0};
    int worst = 0;
    add(&link, driver->argv[0]);
    for (size_t i = 0, place = 0; i < whole->args.n && !*told; i++) {
        if (whole->what[i] != SOURCE && whole->what[i] != ASSEMBLY) {
            if (whole->what[i] != LANGUAGE) /* the sources' language, not their objects' */
                add(&link, whole->args.at[i]);
            continue;
        }
        const char *output = whole->links ? temporary_object() : whole->outputs.at[place++];
        if (whole->links)
            add(&temporaries, output);
        Words words = part_of(driver, whole, i, output);
        Command part = parse(driver, words.at + 1);
        int status = routed_call(driver, &part, words.at, parent, told);
        worst = worst ? worst : status;
        add(&link, output);
    }
    if (whole->links && worst == 0 && !*told) {
        Command last = parse(driver, link.at + 1);
        worst = one_call(driver, &last, link.at, "oracle", parent, told);
    }
    for (size_t i = 0; i < temporaries.n; i++)
        unlink(temporaries.at[i]);
    return worst;
}

static int candidate_call(const Driver *driver, int *told)
{
    const Config *config = driver->config;
    Command command = parse(driver, driver->argv + 1);
    bool mixing = config->has_mix || config->patterns.n || config->default_oracle;
    if (!mixing || command.kind < COMPILE)
        return one_call(driver, &command, driver->argv, "candidate", "", told);
    if (command.kind == LINK)
        return one_call(driver, &command, driver->argv, "oracle", "", told);
    bool several = command.sources + command.assemblies > 1 && !(command.output && !command.links);
    if ((command.links || several) && !command.only_checks)
        return split_call(driver, &command, told);
    return routed_call(driver, &command, driver->argv, "", told);
}

/* ---------------------------------------------------------------- who am I */

/* Becomes another program, with word that this is no candidate's doing. */
__attribute__((noreturn)) static void become(const char *program, char **argv, char **env)
{
    execve(program, argv, env);
    die("cannot run ", program, strerror(errno));
}

/* Bound over a compiler proper: says whose call it ran in, then is it. */
__attribute__((noreturn)) static void engine(const char *exe, char **argv)
{
    char *folder = folder_of(CONF);
    const char *real = join(folder, "/real", exe), *call = getenv("CCVERIFY_CALL");
    if (getenv("CCVERIFY_ORACLE"))
        become(real, argv, environ);
    Config config = {.folder = folder};
    char *text = slurp(open(CONF, O_RDONLY | O_CLOEXEC));
    if (!text)
        die("no driver.conf for ", exe, "neither beside it nor at " CONF);
    read_config(&config, text);
    open_log(&config);
    char *cwd = getcwd(NULL, 0);
    Driver driver = {&config, "engine", basename_of(argv[0]), cwd ? cwd : "", call ? call : "", argv, NULL};
    Command command = parse(&driver, argv + 1);
    command.links = false;
    command.makes = "";
    if (command.kind == PROBE) /* what it did matters here, and "step" says when */
        command.kind = command.preprocesses ? PREPROCESS : command.sources ? COMPILE : command.assemblies ? ASSEMBLE : LINK;
    Entry entry = {make_id(), "", "engine", "other", exe, driver.outer, driver.name, driver.cwd, &command, argv, NULL, NULL};
    write_log(&config, &entry);
    become(real, argv, environ);
}

/* Whether the name we were started by leads through the fallback folder, perhaps by way of other links. */
static bool is_fallback(const char *invoked)
{
    char target[4096];
    for (int hops = 0; hops < 16; hops++) {
        char *folder = folder_of(invoked);
        if (strcmp(basename_of(folder), "fallback") == 0)
            return true;
        ssize_t n = readlink(invoked, target, sizeof target - 1);
        if (n < 0)
            return false;
        target[n] = 0;
        invoked = *target == '/' ? strdup(target) : join(folder, "/", target);
    }
    return false;
}

int main(int argc, char **argv)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0 || argc < 1)
        die("/proc/self/exe", "", strerror(errno));
    exe[n] = 0;
    bool host = ends(exe, "/bin/host-cc");
    Config config = {.folder = folder_of(folder_of(exe))};
    int conf = host || ends(exe, "/bin/cc") ? open(join(config.folder, "/driver.conf", ""), O_RDONLY | O_CLOEXEC) : -1;
    if (conf < 0)
        engine(exe, argv);
    for (int null = conf; null >= 0 && null < 3;) { /* started with stdin, stdout or stderr closed: keep their numbers free of our files */
        conf = dup(conf);
        null = conf;
    }
    read_config(&config, slurp(conf));
    const char *invoked = (const char *)getauxval(AT_EXECFN); /* what was executed, where argv[0] is only what was said */
    bool leak = !host && is_fallback(invoked ? invoked : argv[0]);
    char *cwd = getcwd(NULL, 0);
    const char *outer = getenv("CCVERIFY_CALL");
    Driver driver = {&config, host ? "host" : leak ? "leak" : "candidate", basename_of(invoked ? invoked : argv[0]), cwd ? cwd : "", outer ? outer : "", argv, NULL};
    if (leak) {
        driver.real = find_program(config.path, driver.name);
        if (getenv("CCVERIFY_ORACLE")) /* the oracle's own tools look for each other on PATH */
            become(driver.real ? driver.real : config.oracle.at[0], argv, environ);
    }
    open_log(&config);
    take_signals();
    int told = 0, status;
    if (host || leak) {
        Command command = parse(&driver, argv + 1);
        status = one_call(&driver, &command, argv, host ? "host" : driver.real ? "other" : "oracle", "", &told);
    } else
        status = candidate_call(&driver, &told);
    if (told) { /* end as the sender expects it */
        signal(told, SIG_DFL);
        sigprocmask(SIG_SETMASK, &mask_before, NULL);
        raise(told);
    }
    _exit(status);
}
