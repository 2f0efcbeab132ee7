/* What a hostile or broken compiler may do, each a subcommand; run inside the sandbox by test_sandbox.py and test_process.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double cpu(void) { struct timespec t; clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void burn(double seconds) { double end = cpu() + seconds; while (cpu() < end) ; }
static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static int to(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &a.sin_addr);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return connect(s, (void *)&a, sizeof a) ? errno : 0;
}

int main(int argc, char **argv)
{
    const char *what = argv[1], *arg = argc > 2 ? argv[2] : "";
    if (is(what, "hold")) { for (;;) pause(); }
    if (is(what, "ignore-term")) { for (int i = 1; i < 65; i++) signal(i, SIG_IGN); puts("ready"); fflush(stdout); for (;;) pause(); }
    if (is(what, "daemon")) { /* double fork, own session, closed descriptors */
        if (fork() == 0) { setsid(); if (fork() == 0) { setsid(); for (int i = 0; i < 64; i++) close(i); for (int i = 1; i < 65; i++) signal(i, SIG_IGN); for (;;) pause(); } _exit(0); }
        wait(NULL); usleep(50000); return 0;
    }
    if (is(what, "orphan-burn")) { /* an orphan burns CPU and is killed, never waited for by its parent */
        if (fork() == 0) { if (fork() == 0) { setsid(); burn(atof(arg)); for (;;) pause(); } _exit(0); }
        wait(NULL); usleep(atof(arg) * 2e7); return 0;
    }
    if (is(what, "unwaited-burn")) { signal(SIGCHLD, SIG_IGN); if (fork() == 0) { burn(atof(arg)); _exit(0); } wait(NULL); return 0; }
    if (is(what, "burn-for-ever")) burn(1e9);
    if (is(what, "fork-bomb")) { for (;;) if (fork() < 0) { if (errno != EAGAIN && errno != ENOMEM) return 3; usleep(1000); } }
    if (is(what, "fork-count")) { int n = 0; while (n < 5000) { pid_t p = fork(); if (p == 0) for (;;) pause(); if (p < 0) break; n++; } printf("%d\n", n); return 0; }
    if (is(what, "eat")) { size_t n = (size_t)atoi(arg) << 20; char *p = malloc(n); if (!p) { puts("refused"); return 4; } for (size_t i = 0; i < n; i += 4096) p[i] = 1; puts("ate"); return 0; }
    if (is(what, "eat-in-children")) { for (int i = 0; i < atoi(arg); i++) if (fork() == 0) { char *p = malloc(32 << 20); memset(p, 1, 32 << 20); usleep(500000); _exit(0); } while (wait(NULL) > 0) ; return 0; }
    if (is(what, "print-for-ever")) { char line[65536]; memset(line, 'x', sizeof line); signal(SIGPIPE, SIG_IGN); for (;;) if (write(1, line, sizeof line) < 0 && errno == EPIPE) usleep(1000); }
    if (is(what, "file-for-ever")) { static char block[1 << 20]; memset(block, 'x', sizeof block); int fd = open(arg, O_WRONLY | O_CREAT, 0644); for (;;) if (write(fd, block, sizeof block) < 0) { perror("write"); return 5; } else if (argc > 3) usleep(atoi(argv[3])); }
    if (is(what, "chmod")) return chmod(arg, 0755) ? errno : 0;
    if (is(what, "unlink")) return unlink(arg) ? errno : 0;
    if (is(what, "rename")) return rename(arg, argv[3]) ? errno : 0;
    if (is(what, "replace")) { unlink(arg); int fd = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0755); return fd < 0 ? errno : 0; }
    if (is(what, "mknod")) return mknod(arg, S_IFCHR | 0666, 0x103) ? errno : 0;
    if (is(what, "create")) return open(arg, O_WRONLY | O_CREAT, 0644) < 0 ? errno : 0;
    if (is(what, "read")) return open(arg, O_RDONLY) < 0 ? errno : 0;
    if (is(what, "setuid")) return setuid(0) || seteuid(0) ? errno : 0;
    if (is(what, "kill")) return kill(atoi(arg), SIGKILL) ? errno : 0;
    if (is(what, "ptrace")) return ptrace(PTRACE_SEIZE, atoi(arg), 0, 0) ? errno : 0;
    if (is(what, "connect")) return to(arg, atoi(argv[3]));
    if (is(what, "abstract")) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        strcpy(a.sun_path + 1, arg);
        return connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(arg)) ? errno : 0;
    }
    if (is(what, "loopback")) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        int s = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(s, (void *)&a, n) || listen(s, 1) || getsockname(s, (void *)&a, &n)) return errno;
        return to("127.0.0.1", ntohs(a.sin_port));
    }
    if (is(what, "signal")) { signal(atoi(arg), SIG_DFL); raise(atoi(arg)); }
    if (is(what, "exit")) return atoi(arg);
    return 99;
}
