/* A compiler's command line, understood: what it is for, what goes in and what comes out. */
#pragma once
#include "conf.h"

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
    bool preprocesses, asks, only_checks, not_elf, has_deps, has_deps_file;
    size_t sources, assemblies, objects;
    Kind kind;
    bool links;
    const char *makes; /* object, program, assembly or "" */
    const char *unit;
    Words inputs;  /* names of the inputs, below the root */
    Words outputs; /* paths of what it writes, as the compiler will see them; none for probes and the like */
} Command;

/* Lists are words between blanks. Options whose argument is the next word (GCC's and clang's manuals, cc1's own). */
static const char takes_word[] =
    "-I -D -U -A -B -b -F -G -include -imacros -isystem -idirafter -iquote -iprefix -iwithprefix -iwithprefixbefore "
    "-isysroot -imultilib -imultiarch -MF -MT -MQ -Xassembler -Xpreprocessor -Xclang -Xarch_host -arch -target "
    "--target -aux-info -auxbase -auxbase-strip -dumpbase -dumpbase-ext -dumpdir --param --sysroot -mllvm -wrapper "
    "-main-file-name -triple -target-cpu -target-feature -resource-dir -internal-isystem "
    "-internal-externc-isystem -mrelocation-model -pic-level -stack-protector -fdebug-compilation-dir "
    "-ferror-limit -ivfsoverlay -cxx-isystem -working-directory";
/* The same, for options that only a linker needs. */
static const char takes_linking_word[] =
    "-L -l -T -u -z -e -h -R -Xlinker -Ttext -Tdata -Tbss -framework -soname -rpath -install_name";
static const char only_links[] = "-static -shared -rdynamic -static-libgcc -s";
static const char asks_something[] = "--version -V -qversion -dumpversion -dumpfullversion -dumpmachine -dumpspecs "
                                     "--target-help -### -vv -ar -impdef";
static const char compiles_only[] = "-c -S --compile --assemble";
static const char preprocesses_only[] = "-E -M -MM --preprocess";

static const char c_suffixes[] = ".c .i .h .cc .cpp .cxx .C .c++ .ii .m .hh .hpp .ll .bc";
static const char assembly_suffixes[] = ".s .S .sx .asm";

static bool has_suffix(const char *path, const char *suffixes)
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
    if (is_one_of(arg, "-o --output")) {
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
    if (is_one_of(arg, compiles_only)) {
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
    if (is_one_of(arg, preprocesses_only))
        command->preprocesses = true;
    else if (is_one_of(arg, "-MD -MMD") || starts(arg, "-Wp,-M"))
        command->has_deps = true;
    else if (strcmp(arg, "-fsyntax-only") == 0 || starts(arg, "-run")) /* tcc -run writes no file either */
        command->only_checks = true;
    else if (is_one_of(arg, asks_something) || starts(arg, "-print-") || starts(arg, "--print-") ||
             starts(arg, "--help"))
        command->asks = true;
    else if (strcmp(arg, "-emit-llvm") == 0 || strstr(arg, "oformat"))
        command->not_elf = true;
    bool linking = starts(arg, "-l") || starts(arg, "-L") || starts(arg, "-Wl,") || is_one_of(arg, only_links);
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
    return is_one_of(path, "- /dev/null /dev/stdin") || starts(basename_of(path), "conftest") ||
           strstr(path, "CMakeTmp/") || strstr(path, "CMakeScratch/") || strstr(path, "meson-private/") ||
           /* kbuild asks in .tmp_<pid>/tmp; its .tmp_vmlinux.kallsyms1.S is real: only a folder counts */
           (starts(path, ".tmp_") && strchr(path, '/')) ||
           (strstr(path, "/.tmp_") && strchr(strstr(path, "/.tmp_") + 1, '/'));
}

static bool is_probe(const Command *command, const char *step)
{
    if (strcmp(step, "configure") == 0)
        return true;
    for (size_t i = 0; i < command->args.n; i++)
        if (is_input(command, i) && is_probe_path(command->args.at[i]))
            return true;
    return command->output && is_probe_path(command->output) && strcmp(command->output, "/dev/null") &&
           strcmp(command->output, "-");
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
        if (command->what[i] == SOURCE &&
            (command->language[i] ? strstr(command->language[i], "header") != NULL : ends(command->args.at[i], ".h")))
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
    command->links =
        command->kind != INFO && !command->mode && !command->preprocesses && !command->only_checks && !header;
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
