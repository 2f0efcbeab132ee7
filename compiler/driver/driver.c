/*
 * The driver: what a build sees as its C compiler.
 *
 * It routes each call to the candidate, the oracle or a stored object, supervises the compiler (time, memory, output)
 * and appends one JSON line a call to the log. One binary with many names; who it is follows from where it stands:
 *
 *   <tree>/bin/cc          candidate: the compiler under test
 *   <tree>/bin/host-cc     host: the oracle's compiler for the build machine
 *   <tree>/bin/oracle-cc   host: the oracle's compiler for the target, for programs of the tests' own
 *   <tree>/bin/oracle-cc-ARCH  host: the same for another arch, whose machine the tested program emulates
 *   <tree>/fallback/NAME   leak: the build went for a compiler of its own; runs the real NAME and says so
 *   anywhere else          engine: bound over a compiler proper (cc1, clang, tcc); logs who ran it, then becomes it
 *
 * <tree>/driver.conf says the rest; compiler/driver/config.py describes and writes it, compiler/driver/log.py reads the
 * log. A build makes tens of thousands of calls, so: static, no stdio, no locale, few system calls, nothing is ever
 * freed.
 */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <sys/auxv.h>

#include "log.h"

#ifndef CONF
#define CONF "/ccverify/driver.conf" /* where an engine, which stands anywhere, finds its configuration */
#endif

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

/* The environment, with word of whose call this is: an engine under the oracle is no news, under the candidate it is.
 */
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
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_ino == self.st_ino && st.st_dev == self.st_dev) &&
            access(file, X_OK) == 0)
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
        add_all(&words, candidate                       ? &config->candidate
                        : strcmp(compiler, "host") == 0 ? &config->host
                                                        : &config->oracle);
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

/* Runs one call with one compiler and logs it. Returns its exit status; `told` is set where somebody stops the driver.
 */
static int one_call(const Driver *driver, const Command *command, char **argv, const char *compiler, const char *parent,
                    int *told)
{
    const char *id = make_id();
    bool candidate_role = strcmp(driver->role, "candidate") == 0, under_test = strcmp(compiler, "candidate") == 0;
    Words words = command_for(driver, compiler, command->kind, argv + 1);
    Place *places = grow(NULL, (command->outputs.n + 1) * sizeof *places);
    for (size_t i = 0; candidate_role && i < command->outputs.n; i++)
        places[i] = clear_place(command, driver->cwd, command->outputs.at[i]);
    const char *file = *command->unit ? command->unit : command->inputs.n ? command->inputs.at[0] : "its command line";
    /* Its product goes where its messages would. */
    bool to_stdout = command->output && is_one_of(command->output, "- /dev/stdout /dev/fd/1 /proc/self/fd/1");
    bool listens = command->kind != INFO && !command->preprocesses && !command->only_checks && !to_stdout;
    Outcome outcome = run(driver->config, words.at, environment(under_test ? id : NULL), file, listens);
    Product product = {0};
    bool wants_ident = strcmp(command->makes, "object") == 0 && command->kind == COMPILE;
    bool torn = outcome.timeout || *outcome.limit || WIFSIGNALED(outcome.status);
    for (size_t i = 0; candidate_role && i < command->outputs.n; i++) {
        struct stat st;
        if (torn && places[i].watched && lstat(places[i].path, &st) == 0 && S_ISREG(st.st_mode) &&
            !is_an_input(command, driver->cwd, places[i].path))
            unlink(places[i].path); /* half-written, and make would take it for made */
        if (outcome.status != 0 || !places[i].watched)
            continue;
        Product one;
        inspect(&places[i], wants_ident, &one);
        if (!product.path || (product.bytes > 0 && one.bytes <= 0)) /* of several, the one that went wrong */
            product = one;
    }
    Entry entry = {id,           parent,      driver->role, compiler, "",       driver->outer,
                   driver->name, driver->cwd, command,      argv,     &outcome, &product};
    write_log(driver->config, &entry);
    if (outcome.told)
        *told = outcome.told;
    return exit_of(&outcome);
}

/* ---------------------------------------------------------------- routing */

/* A unit's place in [0, 100), the same for a seed in every run: FNV-1a and a finaliser (MurmurHash3's), as FNV alone
 * leaves near names near. */
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
    int in = open(from, O_RDONLY | O_CLOEXEC),
        out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t n = -1;
    while (out >= 0 && (n = read(in, piece, sizeof piece)) > 0)
        for (ssize_t done = 0, m; done < n; done += m)
            if ((m = write(out, piece + done, (size_t)(n - done))) < 0)
                return false;
    if (in >= 0)
        close(in);
    return out >= 0 && close(out) == 0 && n == 0;
}

/* A unit whose object lies ready. Where dependencies are asked for too, the oracle writes them (and an object, which is
 * replaced). */
static int stored_call(const Driver *driver, const Command *command, char **argv, const char *object,
                       const char *parent, int *told)
{
    Outcome outcome = {
        .limit = "", .ran = true, .epoch = (double)now(CLOCK_REALTIME) / 1e9, .started = now(CLOCK_MONOTONIC)};
    const char *output = command->outputs.at[0],
               *from = *object == '/' ? object : join(driver->config->root, "/", object);
    Place place = clear_place(command, driver->cwd, output);
    if (command->has_deps) {
        Words words = command_for(driver, "oracle", command->kind, argv + 1);
        outcome = run(driver->config, words.at, environment(NULL), command->unit, false);
    }
    Product product = {0};
    if (outcome.status == 0) {
        if (!copy_file(from, output))
            die("cannot copy the stored object ", from, strerror(errno));
        inspect(&place, true, &product);
    }
    outcome.ended = now(CLOCK_MONOTONIC);
    Entry entry = {make_id(),    parent,      driver->role, "stored", "",       driver->outer,
                   driver->name, driver->cwd, command,      argv,     &outcome, &product};
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
        add(&words, join(whole->output ? whole->output : "a.out", "-", default_output(whole->args.at[i], ".d")));
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

/* A call with several sources, or one that compiles and links, where units go different ways: each apart, then the
 * oracle links. */
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
    bool mixing = config->has_mix || config->patterns.n || config->default_oracle || config->oracle_links;
    if (!mixing || command.kind < COMPILE) {
        /* what a mix is configured for is the compiler of the rest: it makes most of it, and links it */
        const char *asked = config->has_mix || config->default_oracle ? "oracle" : "candidate";
        if (strcmp(asked, "candidate") == 0 && config->oracle_links && command.kind == PROBE && command.links)
            return split_call(driver, &command, told);
        return one_call(driver, &command, driver->argv, asked, "", told);
    }
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

/* What a call does, where it matters that it is done and not whether it looks like a question. */
static Kind deed(const Command *command)
{
    if (command->kind != PROBE)
        return command->kind;
    return command->preprocesses ? PREPROCESS : command->sources ? COMPILE : command->assemblies ? ASSEMBLE : LINK;
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
    command.kind = deed(&command); /* "step" says when */
    Entry entry = {make_id(),   "",         "engine", "other", exe,  driver.outer,
                   driver.name, driver.cwd, &command, argv,    NULL, NULL};
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
    const char *place = strstr(exe, "/bin/oracle-cc-"), *other = place ? place + strlen("/bin/oracle-cc-") : NULL;
    bool aside = other || ends(exe, "/bin/oracle-cc"), host = aside || ends(exe, "/bin/host-cc");
    Config config = {.folder = folder_of(folder_of(exe)), .other = other};
    int conf = host || ends(exe, "/bin/cc") ? open(join(config.folder, "/driver.conf", ""), O_RDONLY | O_CLOEXEC) : -1;
    if (conf < 0)
        engine(exe, argv);
    for (int null = conf;
         null >= 0 &&
         null < 3;) { /* started with stdin, stdout or stderr closed: keep their numbers free of our files */
        conf = dup(conf);
        null = conf;
    }
    read_config(&config, slurp(conf));
    const char *invoked =
        (const char *)getauxval(AT_EXECFN); /* what was executed, where argv[0] is only what was said */
    bool leak = !host && is_fallback(invoked ? invoked : argv[0]);
    char *cwd = getcwd(NULL, 0);
    const char *outer = getenv("CCVERIFY_CALL");
    Driver driver = {&config,
                     host   ? "host"
                     : leak ? "leak"
                            : "candidate",
                     basename_of(invoked ? invoked : argv[0]),
                     cwd ? cwd : "",
                     outer ? outer : "",
                     argv,
                     NULL};
    if (leak) {
        driver.real = find_program(config.path, driver.name);
        if (getenv("CCVERIFY_ORACLE")) { /* the oracle's own tools look for each other on PATH */
            Words words = command_for(&driver, driver.real ? "other" : "oracle", INFO, argv + 1);
            become(words.at[0], words.at, environ);
        }
    }
    open_log(&config);
    take_signals();
    int told = 0, status;
    if (host || leak) {
        Command command = parse(&driver, argv + 1);
        bool keeps = !command.only_checks && !(command.output && strcmp(command.output, "/dev/null") == 0);
        if (leak && *driver.outer && keeps) /* a candidate has no questions: it pipes a unit to gcc -x c - */
            command.kind = deed(&command);
        const char *compiler = aside ? "oracle" : host ? "host" : driver.real ? "other" : "oracle";
        status = one_call(&driver, &command, argv, compiler, "", &told);
    } else
        status = candidate_call(&driver, &told);
    if (told) { /* end as the sender expects it */
        signal(told, SIG_DFL);
        sigprocmask(SIG_SETMASK, &mask_before, NULL);
        raise(told);
    }
    _exit(status);
}
