/* The guard: first process of a sandbox (pid 1 of its namespace), or the reaper of a run without one.
 *
 *   guard -j FILE… -- ARGV          write "0" to each FILE (a cgroup's list of processes), then become ARGV
 *   guard -c FD -r FD -e FD [-u UID] [-d DIR] [-l NAME=VALUE]… [-b LINE] -- ARGV
 *
 * The second form runs ARGV as its child and stays the parent of whatever that leaves behind, so that
 *  - everything is waited for: RUSAGE_CHILDREN is then exact, for killed and orphaned processes too. (Killed
 *    along with its namespace by the kernel, a process is reaped without being counted; bwrap's own
 *    pid 1 ends like that.) It also starts small, so ru_maxrss does not have the Python parent's size in it;
 *  - everything ends when ARGV does, or when the control pipe -c is written to or closed: the parent died;
 *  - the privileges that mounting took are dropped here, just before ARGV, and its environment (read from -e,
 *    NUL-separated) never reaches a privileged program: LD_LIBRARY_PATH may name a folder of the candidate's;
 *  - with -b, the kernel starts another machine's programs by itself, in here and nowhere else: a binfmt_misc of a user
 *    namespace of our own, registered with LINE (Linux 6.7 and later; Documentation/admin-guide/binfmt-misc.rst).
 * Lines to -r: "started"; "failed" when the way to ARGV could not be prepared (the reason is on stderr); at the end
 * "exit|signal N user_us system_us maxrss_kib". N is 127 or 126, as with a shell, when ARGV cannot be run.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const struct { const char *name; int resource; } LIMITS[] = {
    {"core", RLIMIT_CORE}, {"data", RLIMIT_DATA}, {"file", RLIMIT_FSIZE}, {"processes", RLIMIT_NPROC},
};

static int reporting = -1;

/* Also before ARGV in the child, where the report is still open: it cannot be forged by what runs later. */
static void die(const char *what, const char *which)
{
    if (reporting >= 0)
        dprintf(reporting, "failed\n");
    dprintf(2, "ccverify: sandbox: %s %s: %s\n", what, which, strerror(errno));
    _exit(125);
}

static void join(const char *file)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        die("cannot join", file);
    close(fd);
}

/* Lowers soft and hard; a hard limit that is lower already stays, only root may raise it. */
static void limit(const char *word)
{
    const char *equals = strchr(word, '=');
    for (size_t i = 0; equals && i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (strlen(LIMITS[i].name) == (size_t)(equals - word) && !strncmp(word, LIMITS[i].name, equals - word)) {
            struct rlimit now, wanted;
            if (getrlimit(LIMITS[i].resource, &now))
                die("cannot read limit", word);
            wanted.rlim_cur = wanted.rlim_max = strtoull(equals + 1, NULL, 10);
            if (wanted.rlim_max > now.rlim_max)
                wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
            if (setrlimit(LIMITS[i].resource, &wanted))
                die("cannot set limit", word);
            return;
        }
    errno = EINVAL;
    die("unknown limit", word);
}

static char **read_environment(int fd)
{
    size_t room = 65536, length = 0, count = 0;
    char *text = malloc(room);
    for (;;) {
        if (!text)
            die("no memory for", "the environment");
        ssize_t got = read(fd, text + length, room - length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            die("cannot read", "the environment");
        if (got == 0)
            break;
        length += got;
        if (length + 1 == room)
            text = realloc(text, room *= 2);
    }
    text[length] = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == 0;
    char **list = calloc(count + 1, sizeof *list);
    if (!list)
        die("no memory for", "the environment");
    count = 0;
    for (char *p = text; p < text + length; p += strlen(p) + 1)
        list[count++] = p;
    return list;
}

static void drop(long uid)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (uid >= 0) {
        for (int capability = 0; capability < 64; capability++) /* EINVAL past the last one that the kernel knows */
            if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno != EINVAL)
                die("cannot drop", "capabilities");
        if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
            die("cannot become", "the unprivileged user");
        if (setuid(0) == 0) {
            errno = EPERM;
            die("cannot give up", "root");
        }
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none))
        die("cannot drop", "capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        die("cannot set", "no_new_privs");
}

static void put(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die("cannot write", file);
    close(fd);
}

/* Into a new user namespace in which the current user is `uid` (and group `gid`). */
static void become(unsigned uid, unsigned gid, int flags)
{
    char user[64], group[64];
    snprintf(user, sizeof user, "%u %u 1", uid, (unsigned)geteuid());
    snprintf(group, sizeof group, "%u %u 1", gid, (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | flags))
        die("cannot make", "a user namespace");
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", user);
    put("/proc/self/gid_map", group);
}

/* Only root of a namespace may mount and register; what runs later must be who it was (PostgreSQL refuses root), and
 * a namespace inside sees what its parent registered. */
static void emulate(const char *line)
{
    static const char place[] = "/proc/sys/fs/binfmt_misc", file[] = "/proc/sys/fs/binfmt_misc/register";
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    unsigned uid = geteuid(), gid = getegid();
    prctl(PR_SET_DUMPABLE, 1); /* another user since: else /proc/self is root's */
    become(0, 0, CLONE_NEWNS);
    if (mount("binfmt_misc", place, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        die("cannot mount", "binfmt_misc");
    put(file, line);
    become(uid, gid, 0);
    if (syscall(SYS_capset, &header, none))
        die("cannot drop", "capabilities");
}

static void child(char **argv, char **environment, char **limits, long uid, const char *folder, const char *line)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < 65; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1); /* else /proc/self is not ours to write to */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) { /* when memory runs out, let it be in here rather than the framework */
        if (write(fd, "500", 3) < 0) { /* already higher */ }
        close(fd);
    }
    setsid();
    umask(022);
    for (; *limits; limits++)
        limit(*limits);
    drop(uid);
    if (line)
        emulate(line);
    if (chdir(folder)) {
        dprintf(2, "ccverify: cannot enter %s: %s\n", folder, strerror(errno));
        _exit(126);
    }
    environ = environment; /* execvp searches the new PATH */
    execvp(argv[0], argv);
    int why = errno;
    dprintf(2, "ccverify: cannot run %s: %s\n", argv[0], strerror(why));
    _exit(why == ENOENT ? 127 : 126);
}

/* Without a namespace: signals all descendants, who are found through /proc; true when some were new. */
static int signal_descendants(int number)
{
    static struct { pid_t pid, parent; int mine; } list[65536];
    static pid_t seen[65536];
    static size_t n_seen;
    size_t count = 0, found = 0;
    pid_t self = getpid();
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (struct dirent *entry; (entry = readdir(proc)) && count < 65536;) {
        char path[300], text[512], state;
        if (!isdigit((unsigned char)*entry->d_name))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC), parent;
        ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        if (got <= 0)
            continue;
        text[got] = 0;
        char *after = strrchr(text, ')'); /* the name in brackets may hold anything */
        if (after && sscanf(after + 1, " %c %d", &state, &parent) == 2 && state != 'Z' && state != 'X') {
            list[count].pid = atoi(entry->d_name);
            list[count].parent = parent;
            list[count++].mine = 0;
        }
    }
    closedir(proc);
    for (int again = 1; again;) {
        again = 0;
        for (size_t i = 0; i < count; i++) {
            int mine = list[i].mine || list[i].parent == self;
            for (size_t j = 0; !mine && j < count; j++)
                mine = list[j].mine && list[j].pid == list[i].parent;
            again |= mine && !list[i].mine;
            list[i].mine = mine;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].mine) {
            size_t j = 0;
            while (j < n_seen && seen[j] != list[i].pid)
                j++;
            if (j == n_seen && n_seen < 65536) {
                seen[n_seen++] = list[i].pid;
                found++;
            }
            kill(list[i].pid, number);
        }
    return found != 0;
}

static void end_all(void)
{
    if (getpid() == 1) {
        kill(-1, SIGKILL); /* atomic over the namespace: no fork slips through */
        return;
    }
    for (int round = 0; round < 50 && signal_descendants(SIGSTOP); round++) /* stopped, a fork bomb cannot outrun the next line */
        ;
    signal_descendants(SIGKILL);
}

static void report(int status)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    dprintf(reporting, "%s %d %lld %lld %ld\n", WIFSIGNALED(status) ? "signal" : "exit",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
            used.ru_utime.tv_sec * 1000000LL + used.ru_utime.tv_usec,
            used.ru_stime.tv_sec * 1000000LL + used.ru_stime.tv_usec, used.ru_maxrss);
}

static void watch(int control, int signals, pid_t first)
{
    struct pollfd fds[2] = {{signals, POLLIN, 0}, {control, POLLIN, 0}};
    int status = 0, ending = 0;
    for (;;) {
        int state;
        pid_t gone = waitpid(-1, &state, WNOHANG);
        if (gone > 0) {
            if (gone == first) {
                status = state;
                ending = 1;
            }
            continue;
        }
        if (gone < 0 && errno == ECHILD)
            break;
        if (ending)
            end_all();
        struct signalfd_siginfo ignored;
        if (poll(fds, ending ? 1 : 2, ending ? 20 : -1) > 0) {
            if (fds[0].revents && read(signals, &ignored, sizeof ignored) > 0)
                ending |= ignored.ssi_signo != SIGCHLD;
            if (!ending && fds[1].revents)
                ending = 1;
        }
    }
    report(status);
}

int main(int argc, char **argv)
{
    int control = -1, environment = -1, joined = 0, option;
    long uid = -1;
    const char *folder = "/", *line = NULL;
    char **limits = calloc(argc + 1, sizeof *limits), **next = limits;
    while ((option = getopt(argc, argv, "+j:c:r:e:u:d:l:b:")) != -1)
        switch (option) {
        case 'j': join(optarg); joined = 1; break;
        case 'c': control = atoi(optarg); break;
        case 'r': reporting = atoi(optarg); break;
        case 'e': environment = atoi(optarg); break;
        case 'u': uid = atol(optarg); break;
        case 'd': folder = optarg; break;
        case 'l': *next++ = optarg; break;
        case 'b': line = optarg; break;
        default: _exit(125);
        }
    argv += optind;
    if (!*argv)
        _exit(125);
    if (joined) {
        execv(argv[0], argv);
        die("cannot run", argv[0]);
    }
    fcntl(control, F_SETFD, FD_CLOEXEC);
    fcntl(reporting, F_SETFD, FD_CLOEXEC);
    fcntl(environment, F_SETFD, FD_CLOEXEC);
    char **list = read_environment(environment);
    prctl(PR_SET_DUMPABLE, 0); /* the same user's programs must not trace us */
    if (getpid() != 1)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL); /* were it ignored, children would go uncounted */
    signal(SIGPIPE, SIG_IGN); /* our reader may be gone; what we hold must end all the same */
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        die("cannot make", "a signalfd");
    dprintf(reporting, "started\n");
    pid_t first = fork();
    if (first < 0)
        die("cannot start", argv[0]);
    if (first == 0)
        child(argv, list, limits, uid, folder, line);
    close(0);
    close(1);
    close(2);
    watch(control, signals, first);
    return 0;
}
