/* Runs a compiler: passes its messages on, measures it, and ends it where it breaks a limit. */
#pragma once
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include "conf.h"

enum {
    KEPT = 4096,    /* bytes of messages kept for the log */
    PIECE = 4096,   /* PIPE_BUF: what a pipe with any room takes at once */
    TELLING = 1024, /* and of the one line that tells most, where it comes later */
    GRACE = 2       /* seconds between SIGTERM and SIGKILL */
};

typedef struct {
    int status; /* as wait4 gives it */
    int told;   /* the signal somebody stopped the driver itself with, or 0 */
    bool timeout, ran;
    const char *limit;      /* "", output, file, memory, interrupted */
    int64_t started, ended; /* monotonic */
    double epoch;
    struct rusage usage;
    Text kept; /* the first messages: of stderr, or of stdout where that is all there is */
    char line[TELLING];     /* the line being read */
    size_t line_n, line_at; /* its length, and where in the stream it began */
    char telling[TELLING];  /* the most telling line so far, */
    int level;              /* how telling it is, */
    size_t telling_at;      /* and where it began */
} Outcome;

static int signals = -1;     /* signalfd */
static sigset_t mask_before; /* what the compiler gets back */
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
static __attribute__((noinline)) pid_t launch(const Config *config, char **argv, char **env, int messages,
                                              int prints, volatile int *error)
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
    if (prints >= 0)
        dup2(prints, 1);
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
        {"internal compiler error", "PLEASE submit", "Assertion `", "Segmentation fault", "panicked at",
         "AddressSanitizer", "LLVM ERROR", NULL}};
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

/* A piece of the messages, which begins at `at`. */
static void keep(Outcome *outcome, const char *bytes, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            end_line(outcome);
            outcome->line_at = at + i + 1;
        } else if (outcome->line_n < TELLING - 1)
            outcome->line[outcome->line_n++] = bytes[i] ? bytes[i] : ' ';
    }
}

/* What the compiler writes, and where it goes on to. */
typedef struct {
    int from, to;
    size_t passed; /* bytes so far */
    Text first;    /* the first of them */
} Stream;

static bool has_more(int fd)
{
    struct pollfd more = {fd, POLLIN, 0};
    return poll(&more, 1, 0) > 0 && (more.revents & POLLIN);
}

/* Whether the next piece, or the end, can be passed on at once. */
static bool can_pass(const Stream *stream)
{
    return has_room(stream->to, 0) || !has_more(stream->from);
}

/* Passes one piece on. Returns whether more may come. */
static bool forward(const Config *config, Stream *stream, Outcome *outcome)
{
    char piece[PIECE];
    ssize_t n = read(stream->from, piece, sizeof piece);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    size_t allowed = (size_t)n;
    if (config->output && stream->passed + allowed > config->output) {
        allowed = config->output - stream->passed;
        outcome->limit = "output";
    }
    write_all(stream->to, piece, allowed);
    if (stream->first.n < KEPT)
        put_bytes(&stream->first, piece, allowed < KEPT - stream->first.n ? allowed : KEPT - stream->first.n);
    if (stream->to == 2)
        keep(outcome, piece, allowed, stream->passed);
    stream->passed += allowed;
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

/* Waits for the compiler, passing on what it writes and ending it where it breaks a limit. `prints` may be -1. */
static void supervise(const Config *config, pid_t pid, int messages, int prints, const char *file, Outcome *outcome)
{
    enum { RUNNING, ASKED, KILLED } stage = RUNNING;
    int64_t deadline = config->time ? outcome->started + config->time : INT64_MAX;
    struct pollfd wait[3] = {{signals, POLLIN, 0}};
    Stream streams[2] = {{.from = messages, .to = 2}, {.from = prints, .to = 1}};
    for (bool ended = false;;) {
        bool blocked = false;
        for (size_t i = 0; i < 2; i++) { /* where nobody reads, we do not either, but hear signals and know the time */
            const Stream *stream = &streams[i];
            bool full = stream->from >= 0 && !can_pass(stream);
            wait[1 + i] = (struct pollfd){full ? stream->to : stream->from, full ? POLLOUT : POLLIN, 0};
            blocked = blocked || full;
        }
        int64_t left = deadline == INT64_MAX ? -1 : deadline - now(CLOCK_MONOTONIC);
        /* Of one that has ended, only what is in the pipes now: a process it left behind may hold them for ever. */
        int milliseconds = ended && !blocked           ? 0
                           : deadline == INT64_MAX     ? -1
                           : left <= 0                 ? 0
                           : left / 1000000 >= 3600000 ? 3600000
                                                       : (int)(left / 1000000) + 1;
        wait[0].revents = 0;
        poll(wait, 3, milliseconds);
        bool late = deadline != INT64_MAX && now(CLOCK_MONOTONIC) >= deadline;
        int ask = 0;
        bool any = false;
        for (size_t i = 0; i < 2; i++) {
            if (!wait[1 + i].revents)
                continue;
            any = true;
            if (wait[1 + i].events == POLLIN && can_pass(&streams[i]) && !forward(config, &streams[i], outcome)) {
                streams[i].from = -1;
                ask = *outcome->limit ? SIGTERM : ask;
            }
        }
        if (ended && (blocked ? late || outcome->told : !any))
            break;
        for (struct signalfd_siginfo got; wait[0].revents && read(signals, &got, sizeof got) == sizeof got;) {
            if (got.ssi_signo != SIGCHLD) {
                ask = outcome->told = (int)got.ssi_signo;
            } else if (!ended && reap(pid, outcome)) {
                ended = true;
                outcome->ended = now(CLOCK_MONOTONIC);
                if (stage != RUNNING) {
                    kill_all(pid);
                    deadline = outcome->ended + GRACE * SECOND; /* for who reads its messages */
                }
            }
        }
        if (ended)
            continue;
        if (stage != KILLED && late) {
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
    outcome->kept = streams[streams[0].first.n ? 0 : 1].first;
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
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS"};
    bool known = number > 0 && (size_t)number < sizeof names / sizeof *names && names[number];
    return known ? names[number] : "a signal";
}

/* Whether a compiler says one of these. Not in a line of source that it quotes: programs have such texts too. */
static bool says(const char *messages, const char *const *texts)
{
    for (const char *line = messages; *line; line += strspn(line, "\n")) {
        size_t n = strcspn(line, "\n");
        char *copy = strndup(line, n);
        for (const char *const *text = texts; copy && *copy != ' ' && !strchr(copy, '"') && *text; text++)
            if (strstr(copy, *text) && !strstr(copy, "(vstack)")) /* tcc's, a table of its own */
                return true;
        line += n;
    }
    return false;
}

/* Which limit a failed compiler ran into, as far as its end tells. */
static const char *limit_met(const Config *config, const Outcome *outcome)
{
    static const char *const memory_words[] = {"out of memory",
                                               "memory full",
                                               "memory exhausted",
                                               "Cannot allocate memory",
                                               "bad_alloc",
                                               "Killed signal terminated",
                                               NULL};
    static const char *const file_words[] = {"File size limit exceeded", "File too large", NULL};
    const char *texts[] = {outcome->kept.n ? outcome->kept.at : "", outcome->telling};
    if (outcome->status == 0 || outcome->timeout)
        return "";
    if (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGXFSZ)
        return "file";
    for (size_t i = 0; i < 2; i++) {
        if (config->file && says(texts[i], file_words))
            return "file";
        if (says(texts[i], memory_words))
            return "memory";
    }
    /* The kernel's out-of-memory killer; nobody else sends it. Or a failed allocation that was then used. */
    bool killed = WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGKILL;
    bool near =
        config->memory && (unsigned long long)outcome->usage.ru_maxrss * 1024 >= config->memory - config->memory / 8;
    return killed || near ? "memory" : "";
}

/* `listens`: what it prints on stdout are messages, too. */
static Outcome run(const Config *config, char **argv, char **env, const char *file, bool listens)
{
    Outcome outcome = {.limit = ""};
    int messages[2], prints[2] = {-1, -1};
    volatile int error = 0;
    if (pipe2(messages, O_CLOEXEC) < 0 || (listens && pipe2(prints, O_CLOEXEC) < 0))
        die("pipe", "", strerror(errno));
    outcome.epoch = (double)now(CLOCK_REALTIME) / 1e9;
    outcome.started = now(CLOCK_MONOTONIC);
    pid_t pid = launch(config, argv, env, messages[1], prints[1], &error);
    if (pid < 0)
        die("cannot start a process", "", strerror(errno));
    close(messages[1]);
    close(prints[1]);
    supervise(config, pid, messages[0], prints[0], file, &outcome);
    close(messages[0]);
    close(prints[0]);
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
