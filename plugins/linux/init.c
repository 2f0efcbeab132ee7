/*
 * The first program of a kernel under test: checks what a kernel does and says so, a line a check, then restarts the
 * machine, which ends the emulator. It is built by the oracle and linked statically, so that what fails is the kernel.
 *
 *   ccverify-init: ok NAME
 *   ccverify-init: not ok NAME: what was wrong
 *   ccverify-init: end N          after N checks
 *
 * Each check runs in a process of its own: what kills it, or never ends, costs that check alone. Which of the checks
 * that need more than the tiny configuration are run is told by their names among the arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define PATIENCE 60000 /* milliseconds for one check: a hundred times what the slowest needs under emulation */

static int report = -1; /* where a check says what was wrong */

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    if (write(report, text, (size_t)(n < (int)sizeof text ? n : (int)sizeof text - 1)) < 0)
        _exit(3);
    _exit(1);
}

#define NEED(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what))                                                                                                   \
            wrong("line %d: %s (%s)", __LINE__, #what, strerror(errno));                                               \
    } while (0)

/* A pattern that no shifted, zeroed or repeated page has. */
static uint32_t pattern(uint32_t seed, uint32_t i)
{
    uint32_t x = (seed + i) * 2654435761u;
    return x ^ (x >> 15);
}

static void fill(uint32_t *at, uint32_t n, uint32_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        at[i] = pattern(seed, i);
}

static bool holds(const uint32_t *at, uint32_t n, uint32_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        if (at[i] != pattern(seed, i))
            return false;
    return true;
}

static double now(void)
{
    struct timespec t;
    NEED(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_all(int fd, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, (char *)to + done, n - done);
        NEED(got > 0);
        done += (size_t)got;
    }
}

static void write_all(int fd, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, (const char *)from + done, n - done);
        NEED(put > 0);
        done += (size_t)put;
    }
}

/* A child that has to end well. */
static void reap(pid_t child)
{
    int status;
    NEED(child > 0);
    NEED(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        wrong("a child ended with status %#x", status);
}

/* ---------------------------------------------------------------- files */

/* Writes, reads and truncates a file of `n` words below `folder`. */
static void use_files(const char *folder, uint32_t n)
{
    char name[64], other[64];
    snprintf(name, sizeof name, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    uint32_t *words = malloc(n * 4), *back = malloc(n * 4), one;
    NEED(words && back);
    fill(words, n, 1);
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);
    NEED(fd >= 0);
    NEED(open(name, O_RDWR | O_CREAT | O_EXCL, 0640) < 0 && errno == EEXIST);
    write_all(fd, words, n * 4);
    NEED(lseek(fd, 0, SEEK_SET) == 0);
    read_all(fd, back, n * 4);
    NEED(holds(back, n, 1));
    NEED(pread(fd, &one, 4, 4 * 777) == 4 && one == pattern(1, 777));
    NEED(pwrite(fd, "abcd", 4, 4093) == 4); /* across a page's end */
    NEED(pread(fd, back, 8, 4092) == 8 && memcmp((char *)back + 1, "abcd", 4) == 0);
    struct stat st;
    NEED(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640 && st.st_size == (off_t)n * 4);
    NEED(ftruncate(fd, 10) == 0 && ftruncate(fd, 5000) == 0);
    NEED(pread(fd, back, 5000, 0) == 5000);
    for (int i = 10; i < 5000; i++)
        NEED(((char *)back)[i] == 0);
    struct iovec parts[] = {{"left ", 5}, {"right", 5}};
    NEED(lseek(fd, 100000, SEEK_SET) == 100000 && writev(fd, parts, 2) == 10);
    NEED(pread(fd, back, 20, 99990) == 20 && memcmp((char *)back + 10, "left right", 10) == 0 && !*(char *)back);
    NEED(rename(name, other) == 0 && access(name, F_OK) < 0 && errno == ENOENT);
    NEED(unlink(other) == 0 && stat(other, &st) < 0);
    NEED(fstat(fd, &st) == 0 && st.st_nlink == 0 && pread(fd, back, 4, 100000) == 4); /* open files live on */
    NEED(close(fd) == 0 && close(fd) < 0 && errno == EBADF);
}

static void check_files(void)
{
    use_files("/", MIB / 4);
}

static void check_folders(void)
{
    char name[32];
    bool seen[100] = {false};
    struct stat st;
    NEED(mkdir("/d", 0755) == 0 && mkdir("/d", 0755) < 0 && errno == EEXIST);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/d/entry%02d", i);
        NEED(i % 3 ? mkdir(name, 0700) == 0 : symlink("/d/entry01", name) == 0);
    }
    NEED(rmdir("/d") < 0 && errno == ENOTEMPTY);
    NEED(lstat("/d/entry03", &st) == 0 && S_ISLNK(st.st_mode) && stat("/d/entry03", &st) == 0 && S_ISDIR(st.st_mode));
    DIR *folder = opendir("/d");
    NEED(folder);
    int count = 0;
    for (struct dirent *each; (each = readdir(folder));)
        if (strncmp(each->d_name, "entry", 5) == 0) {
            int i = atoi(each->d_name + 5);
            NEED(i >= 0 && i < 100 && !seen[i]);
            seen[i] = true;
            count++;
        }
    NEED(count == 100 && closedir(folder) == 0);
    NEED(chdir("/d/entry01") == 0 && getcwd(name, sizeof name) && strcmp(name, "/d/entry01") == 0);
    NEED(chdir("..") == 0 && rename("entry01", "entry00x") == 0 && stat("/d/entry03", &st) < 0 && errno == ENOENT);
}

static void check_descriptors(void)
{
    int fd = open("/log", O_WRONLY | O_CREAT | O_APPEND, 0600), twin = dup2(fd, 77);
    NEED(fd >= 0 && twin == 77);
    NEED(write(fd, "one ", 4) == 4 && lseek(fd, 0, SEEK_SET) == 0 && write(twin, "two", 3) == 3);
    char text[8] = "";
    int again = open("/log", O_RDONLY | O_CLOEXEC);
    NEED(again >= 0 && read(again, text, 8) == 7 && memcmp(text, "one two", 7) == 0);
    NEED(write(again, "x", 1) < 0 && errno == EBADF);
    NEED(fcntl(again, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY));
    int hundreds[200];
    for (int i = 0; i < 200; i++)
        NEED((hundreds[i] = fcntl(fd, F_DUPFD, 100)) >= 100);
    for (int i = 0; i < 200; i++)
        NEED(close(hundreds[i]) == 0);
}

static void check_proc(void)
{
    char text[512] = "", release[600];
    struct utsname names;
    mkdir("/proc", 0555);
    NEED(mount("proc", "/proc", "proc", 0, NULL) == 0);
    int fd = open("/proc/version", O_RDONLY);
    NEED(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && uname(&names) == 0);
    snprintf(release, sizeof release, "Linux version %s ", names.release);
    NEED(strncmp(text, release, strlen(release)) == 0);
    NEED(strstr(text, names.version) && close(fd) == 0);
    ssize_t n = readlink("/proc/self/exe", text, sizeof text);
    NEED(n == 5 && memcmp(text, "/init", 5) == 0);
    fd = open("/proc/self/stat", O_RDONLY);
    NEED(fd >= 0 && (n = read(fd, text, sizeof text - 1)) > 0);
    text[n] = 0;
    NEED(strstr(text, ") R ") && atoi(text) == getpid() && atoi(strstr(text, ") R ") + 4) == getppid());
    NEED(close(fd) == 0 && umount("/proc") == 0);
}

/* ---------------------------------------------------------------- memory */

static void check_mmap(void)
{
    uint32_t n = 2 * MIB;
    uint32_t *at = mmap(NULL, n * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(at != MAP_FAILED);
    for (uint32_t i = 0; i < n; i += 512)
        NEED(at[i] == 0);
    fill(at, n, 2);
    NEED(holds(at, n, 2));
    NEED(munmap(at + n / 4, n) == 0); /* a hole in the middle */
    NEED(holds(at, n / 4, 2) && at[n / 2] == pattern(2, n / 2));
    at = mremap(at, n, 2 * n, MREMAP_MAYMOVE);
    NEED(at != MAP_FAILED && holds(at, n / 4, 2) && at[n / 4] == 0);
}

static void check_mapped_file(void)
{
    enum { N = 20000 };
    uint32_t *words = malloc(N * 4), word;
    int fd = open("/mapped", O_RDWR | O_CREAT, 0600);
    fill(words, N, 3);
    NEED(fd >= 0 && write(fd, words, N * 4) == N * 4);
    uint32_t *mine = mmap(NULL, N * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    uint32_t *ours = mmap(NULL, N * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(mine != MAP_FAILED && ours != MAP_FAILED && holds(mine, N, 3) && holds(ours, N, 3));
    mine[5000] = 1;
    NEED(ours[5000] == pattern(3, 5000));
    ours[7000] = 7;
    NEED(pread(fd, &word, 4, 4 * 7000) == 4 && word == 7 && mine[7000] == 7);
    NEED(msync(ours, N * 4, MS_SYNC) == 0 && munmap(ours, N * 4) == 0 && mine[5000] == 1);
    NEED(pread(fd, &word, 4, 4 * 5000) == 4 && word == pattern(3, 5000));
}

static void check_copy_on_write(void)
{
    enum { N = MIB };
    int ready[2], go[2];
    char byte;
    uint32_t *at = mmap(NULL, N * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(at != MAP_FAILED && pipe(ready) == 0 && pipe(go) == 0);
    fill(at, N, 4);
    pid_t child = fork();
    if (child == 0) {
        NEED(holds(at, N, 4));
        fill(at, N / 2, 5);
        write_all(ready[1], "x", 1);
        read_all(go[0], &byte, 1); /* the parent has written all of its own by now */
        NEED(holds(at, N / 2, 5) && at[N / 2] == pattern(4, N / 2) && at[N - 1] == pattern(4, N - 1));
        _exit(0);
    }
    read_all(ready[0], &byte, 1);
    NEED(holds(at, N, 4));
    fill(at, N, 6);
    write_all(go[1], "x", 1);
    reap(child);
    NEED(holds(at, N, 6));
}

static void check_heap_and_stack(void)
{
    char *before = sbrk(0);
    NEED(before != (void *)-1 && sbrk(3 * MIB) == before);
    memset(before, 0x5a, 3 * MIB);
    NEED(before[3 * MIB - 1] == 0x5a && sbrk(-3 * MIB) == before + 3 * MIB);
    volatile char deep[4 * MIB]; /* the stack's pages come as they are touched */
    for (int i = 4 * MIB - 1; i > 0; i -= 4096)
        deep[i] = (char)(i >> 12);
    for (int i = 4 * MIB - 1; i > 0; i -= 4096)
        NEED(deep[i] == (char)(i >> 12));
}

/* ---------------------------------------------------------------- processes */

static void check_fork(void)
{
    pid_t children[40];
    int status;
    for (int i = 0; i < 40; i++) {
        children[i] = fork();
        NEED(children[i] >= 0);
        if (children[i] == 0)
            _exit(getppid() > 1 ? i : 99);
    }
    for (int i = 39; i >= 0; i--)
        NEED(waitpid(children[i], &status, 0) == children[i] && WIFEXITED(status) && WEXITSTATUS(status) == i);
    NEED(wait(NULL) < 0 && errno == ECHILD);
}

static void check_exec(void)
{
    char *words[] = {"/init", "child", "an argument", "", NULL}, *settings[] = {"ONE=1", "TWO=", NULL};
    int ends[2], kept;
    NEED(pipe2(ends, O_CLOEXEC) == 0 && (kept = dup(ends[1])) >= 0);
    NEED(execve("/nothing", words, settings) < 0 && errno == ENOENT);
    pid_t child = fork();
    if (child == 0) {
        NEED(dup2(kept, 50) == 50);
        execve("/init", words, settings);
        _exit(4);
    }
    close(ends[1]), close(kept);
    char text[64] = "";
    read_all(ends[0], text, 30);
    NEED(strcmp(text, "4 an argument \"\" ONE=1 TWO= 1\n") == 0);
    reap(child);
}

/* What check_exec starts: says what it was given, and whether a descriptor that was to be closed is. */
static int exec_child(int argc, char **argv)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %s \"%s\" %s %s %d\n", argc, argv[2], argv[3], environ[0], environ[1],
                     fcntl(3, F_GETFD) < 0);
    return write(50, text, (size_t)n) != n;
}

static void check_pipes(void)
{
    enum { N = 300000 };
    int ends[2];
    uint32_t *words = malloc(N * 4);
    NEED(words && pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        fill(words, N, 7);
        write_all(ends[1], words, N * 4);
        _exit(0);
    }
    close(ends[1]);
    read_all(ends[0], words, N * 4);
    char byte;
    NEED(holds(words, N, 7) && read(ends[0], &byte, 1) == 0);
    reap(child);
    signal(SIGPIPE, SIG_IGN);
    NEED(pipe(ends) == 0 && close(ends[0]) == 0 && write(ends[1], "x", 1) < 0 && errno == EPIPE);
    int back[2], there[2];
    NEED(pipe(there) == 0 && pipe(back) == 0);
    child = fork();
    for (int i = 0; i < 500; i++) { /* as many switches between two processes */
        int number = i;
        if (child == 0) {
            read_all(there[0], &number, sizeof number);
            number = ~number;
            write_all(back[1], &number, sizeof number);
        } else {
            write_all(there[1], &number, sizeof number);
            read_all(back[0], &number, sizeof number);
            NEED(number == ~i);
        }
    }
    if (child == 0)
        _exit(0);
    reap(child);
}

static void check_poll(void)
{
    int ends[2];
    NEED(pipe(ends) == 0);
    struct pollfd both[] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    double start = now();
    NEED(poll(both, 1, 30) == 0 && now() - start >= 0.029);
    NEED(poll(both, 2, -1) == 1 && both[1].revents == POLLOUT);
    NEED(write(ends[1], "x", 1) == 1 && poll(both, 2, -1) == 2 && both[0].revents == POLLIN);
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(ends[0], &readable);
    struct timeval none = {0, 0};
    NEED(select(ends[0] + 1, &readable, NULL, NULL, &none) == 1 && FD_ISSET(ends[0], &readable));
    close(ends[1]);
    char byte;
    NEED(read(ends[0], &byte, 1) == 1 && poll(both, 1, -1) == 1 && both[0].revents == POLLHUP);
}

/* ---------------------------------------------------------------- signals */

static volatile sig_atomic_t caught, last_value;
static volatile pid_t sender;
static sigjmp_buf back;
static void *volatile fault_address, *volatile nowhere = (void *)16;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    caught++;
    sender = info->si_pid;
    last_value = info->si_value.sival_int;
    if (number == SIGUSR2 && caught == 1)
        raise(SIGUSR1); /* one inside another */
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    caught = number;
    fault_address = info->si_addr;
    siglongjmp(back, 1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    NEED(sigaction(number, &action, NULL) == 0);
}

static void check_signals(void)
{
    sigset_t set, pending;
    handle(SIGUSR1, on_signal), handle(SIGUSR2, on_signal);
    NEED(raise(SIGUSR2) == 0 && caught == 2 && sender == getpid());
    NEED(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(sigqueue(getppid(), SIGUSR1, (union sigval){.sival_int = 4711}) != 0);
    reap(child);
    NEED(caught == 2 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && caught == 3 && sender == child && last_value == 4711);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    int status;
    NEED(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child);
    NEED(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void check_segfault(void)
{
    volatile int *nothing = nowhere;
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(page != MAP_FAILED);
    for (int i = 0; i < 20; i++) { /* caught, again and again */
        handle(SIGSEGV, on_fault);
        caught = 0;
        if (sigsetjmp(back, 1) == 0)
            *(i % 2 ? (volatile int *)page : nothing) = 1;
        NEED(caught == SIGSEGV && fault_address == (i % 2 ? (void *)page : (void *)nothing));
    }
    NEED(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
    *page = 1;
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *nothing = 1;
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    NEED(write(report, nowhere, 4) < 0 && errno == EFAULT); /* and in the kernel itself */
    NEED(read(open("/init", O_RDONLY), nowhere, 4) < 0 && errno == EFAULT);
}

static void check_trap(void)
{
    handle(SIGILL, on_fault), handle(SIGTRAP, on_fault);
    if (sigsetjmp(back, 1) == 0)
        __builtin_trap();
    NEED(caught == SIGILL || caught == SIGTRAP);
}

/* ---------------------------------------------------------------- time and floating point */

static void check_sleeping(void)
{
    for (int i = 1; i <= 5; i++) {
        struct timespec t = {0, i * 10000000};
        double start = now();
        NEED(nanosleep(&t, NULL) == 0);
        double slept = now() - start;
        if (slept < i * 0.01 || slept > 20)
            wrong("%d ms took %d us", i * 10, (int)(slept * 1e6));
    }
    struct timespec bad = {0, 1000000000};
    NEED(nanosleep(&bad, NULL) < 0 && errno == EINVAL);
}

static void check_clocks(void)
{
    double before = now();
    struct timespec real;
    for (int i = 0; i < 20000; i++) {
        double after = now();
        NEED(after >= before);
        before = after;
    }
    NEED(clock_gettime(CLOCK_REALTIME, &real) == 0 && real.tv_nsec >= 0 && real.tv_nsec < 1000000000);
    NEED(labs((long)(time(NULL) - real.tv_sec)) <= 1);
}

/* A chaotic sequence: one wrong bit in any register, once, and the end is another. */
static double chaos(double x, long steps)
{
    double y = 1 - x, z = x / 2;
    for (long i = 0; i < steps; i++) {
        x = 3.99 * x * (1 - x);
        y = 3.97 * y * (1 - y);
        z = 3.95 * z * (1 - z);
    }
    volatile double sum = x + y + z; /* the x87 keeps more bits in its registers than a double in memory has */
    return sum;
}

static void check_floating_point(void)
{
    enum { CHILDREN = 4 };
    const long steps = 400000; /* some time slices */
    double expected[CHILDREN];
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        NEED(children[i] >= 0);
        if (children[i] == 0) {
            double once = chaos(0.1 + 0.2 * i, steps), twice = chaos(0.1 + 0.2 * i, steps);
            _exit(once != twice);
        }
    }
    for (int i = 0; i < CHILDREN; i++)
        expected[i] = chaos(0.1 + 0.2 * i, 1000);
    for (int i = 0; i < CHILDREN; i++) {
        reap(children[i]);
        NEED(expected[i] == chaos(0.1 + 0.2 * i, 1000));
    }
}

static void on_float(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    caught += chaos(0.3, 50) > 0;
}

static void check_floating_point_and_signals(void)
{
    double expected = chaos(0.6, 100000);
    handle(SIGUSR1, on_float);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        struct timespec t = {0, 1000000};
        for (int i = 0; i < 50; i++) {
            kill(parent, SIGUSR1);
            nanosleep(&t, NULL);
        }
        _exit(0);
    }
    int rounds = 0, status;
    do
        NEED(chaos(0.6, 100000) == expected);
    while (++rounds < 3 || waitpid(child, &status, WNOHANG) == 0);
    NEED(caught > 0);
}

/* ---------------------------------------------------------------- what the tiny configuration has not */

static void check_futex(void)
{
    int *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(at != MAP_FAILED);
    NEED(syscall(SYS_futex, at, FUTEX_WAIT, 1, NULL, NULL, 0) < 0 && errno == EAGAIN);
    pid_t child = fork();
    for (int i = child == 0; i < 400; i += 2) { /* in turn */
        for (int seen; (seen = __atomic_load_n(at, __ATOMIC_SEQ_CST)) != i;)
            syscall(SYS_futex, at, FUTEX_WAIT, seen, NULL, NULL, 0);
        __atomic_store_n(at, i + 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    if (child == 0)
        _exit(0);
    reap(child);
    NEED(*at == 400);
}

/* Sends numbers one way and their complements back. */
static void talk(int server, int client)
{
    enum { N = 30000 };
    uint32_t *words = malloc(N * 4);
    pid_t child = fork();
    if (child == 0) {
        read_all(server, words, N * 4);
        for (int i = 0; i < N; i++)
            words[i] = ~words[i];
        write_all(server, words, N * 4);
        _exit(0);
    }
    fill(words, N, 8);
    write_all(client, words, N * 4);
    read_all(client, words, N * 4);
    for (uint32_t i = 0; i < N; i++)
        NEED(words[i] == ~pattern(8, i));
    reap(child);
}

static void check_unix_sockets(void)
{
    int ends[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    talk(ends[0], ends[1]);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/socket"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    NEED(server >= 0 && client >= 0 && bind(server, (void *)&name, sizeof name) == 0 && listen(server, 1) == 0);
    NEED(connect(client, (void *)&name, sizeof name) == 0);
    talk(accept(server, NULL, NULL), client);
}

static void check_inet_sockets(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    NEED(udp >= 0 && ioctl(udp, SIOCSIFFLAGS, &loopback) == 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(4711), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    NEED(bind(udp, (void *)&name, sizeof name) == 0);
    char text[16] = "";
    NEED(sendto(udp, "datagram", 8, 0, (void *)&name, sizeof name) == 8 && recv(udp, text, 16, 0) == 8);
    NEED(memcmp(text, "datagram", 8) == 0);
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    NEED(connect(client, (void *)&name, sizeof name) < 0 && errno == ECONNREFUSED);
    NEED(bind(server, (void *)&name, sizeof name) == 0 && listen(server, 1) == 0);
    NEED(connect(client, (void *)&name, sizeof name) == 0);
    talk(accept(server, NULL, NULL), client);
}

static void check_tmpfs(void)
{
    mkdir("/tmp", 0777);
    NEED(mount("tmpfs", "/tmp", "tmpfs", 0, "size=2m") == 0);
    use_files("/tmp", MIB / 4);
    int fd = open("/tmp/full", O_WRONLY | O_CREAT, 0600);
    char *zeros = calloc(1, MIB);
    NEED(fd >= 0 && zeros);
    write_all(fd, zeros, MIB);
    while (write(fd, zeros, 65536) > 0)
        ;
    NEED(errno == ENOSPC && close(fd) == 0 && umount("/tmp") == 0);
}

/* /ext4.img, made by mke2fs, goes to a RAM disk. What is written there must be there after the next mount. */
static void check_ext4(void)
{
    enum { N = 100000 };
    char *piece = malloc(MIB);
    int from = open("/ext4.img", O_RDONLY);
    NEED(mknod("/ram0", S_IFBLK | 0600, makedev(1, 0)) == 0);
    int disk = open("/ram0", O_WRONLY);
    NEED(from >= 0 && disk >= 0);
    for (ssize_t n; (n = read(from, piece, MIB)) > 0;)
        write_all(disk, piece, (size_t)n);
    NEED(fsync(disk) == 0 && close(disk) == 0);
    mkdir("/mnt", 0755);
    NEED(mount("/ram0", "/mnt", "ext4", 0, NULL) == 0);
    use_files("/mnt", MIB / 8);
    uint32_t *words = malloc(N * 4);
    fill(words, N, 9);
    NEED(mkdir("/mnt/folder", 0700) == 0);
    int fd = open("/mnt/folder/kept", O_WRONLY | O_CREAT, 0600);
    write_all(fd, words, N * 4);
    NEED(fsync(fd) == 0 && close(fd) == 0 && umount("/mnt") == 0);
    NEED(mount("/ram0", "/mnt", "ext4", MS_RDONLY, NULL) == 0);
    fd = open("/mnt/folder/kept", O_RDONLY);
    memset(words, 0, N * 4);
    NEED(fd >= 0);
    read_all(fd, words, N * 4);
    NEED(holds(words, N, 9) && open("/mnt/new", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
    NEED(close(fd) == 0 && umount("/mnt") == 0);
}

static void check_module(void)
{
    int fd = open("/test_module.ko", O_RDONLY);
    NEED(fd >= 0);
    NEED(syscall(SYS_finit_module, fd, "", 0) == 0);
    NEED(syscall(SYS_finit_module, fd, "", 0) < 0 && errno == EEXIST);
    NEED(syscall(SYS_delete_module, "test_module", O_NONBLOCK) == 0);
    NEED(syscall(SYS_delete_module, "test_module", O_NONBLOCK) < 0 && errno == ENOENT);
}

static const struct {
    const char *name;
    void (*check)(void);
    bool always;
} checks[] = {
    {"files", check_files, true},
    {"folders", check_folders, true},
    {"descriptors", check_descriptors, true},
    {"proc", check_proc, true},
    {"mmap", check_mmap, true},
    {"mapped-file", check_mapped_file, true},
    {"copy-on-write", check_copy_on_write, true},
    {"heap-and-stack", check_heap_and_stack, true},
    {"fork", check_fork, true},
    {"exec", check_exec, true},
    {"pipes", check_pipes, true},
    {"poll", check_poll, true},
    {"signals", check_signals, true},
    {"segfault", check_segfault, true},
    {"trap", check_trap, true},
    {"sleeping", check_sleeping, true},
    {"clocks", check_clocks, true},
    {"floating-point", check_floating_point, true},
    {"floating-point-and-signals", check_floating_point_and_signals, true},
    {"futex", check_futex, false},
    {"unix-sockets", check_unix_sockets, false},
    {"inet-sockets", check_inet_sockets, false},
    {"tmpfs", check_tmpfs, false},
    {"ext4", check_ext4, false},
    {"module", check_module, false},
};

/* Runs one check in a process of its own and says how it went. */
static void run(const char *name, void (*check)(void))
{
    char what[256] = "", line[320];
    int ends[2], status = 0;
    ssize_t n = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        ends[0] = ends[1] = -1;
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        report = ends[1];
        check();
        _exit(0);
    }
    close(ends[1]);
    struct pollfd end = {ends[0], POLLIN, 0};
    int ready = poll(&end, 1, PATIENCE);
    if (ready == 0)
        kill(-child, SIGKILL);
    else if (ready > 0)
        n = read(ends[0], what, sizeof what - 1);
    what[n > 0 ? n : 0] = 0;
    close(ends[0]);
    if (child < 0 || ready < 0)
        snprintf(what, sizeof what, "%s", child < 0 ? "no process" : "no poll");
    else if (waitpid(child, &status, 0) != child)
        snprintf(what, sizeof what, "its end was not seen");
    else if (ready == 0)
        snprintf(what, sizeof what, "no end after %d s", PATIENCE / 1000);
    else if (WIFSIGNALED(status))
        snprintf(what, sizeof what, "died of signal %d", WTERMSIG(status));
    else if (status && !*what)
        snprintf(what, sizeof what, "exit status %d", WEXITSTATUS(status));
    n = snprintf(line, sizeof line, "ccverify-init: %s %s%s%s\n", *what ? "not ok" : "ok", name, *what ? ": " : "", what);
    if (write(1, line, (size_t)n) != n)
        _exit(5);
    tcdrain(1); /* so that no line of the kernel comes in its middle */
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return exec_child(argc, argv);
    if (getpid() != 1) {
        fputs("to be a kernel's first program\n", stderr);
        return 2;
    }
    int count = 0;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        bool asked = checks[i].always;
        for (int word = 1; word < argc; word++)
            asked |= strcmp(argv[word], checks[i].name) == 0;
        if (asked) {
            run(checks[i].name, checks[i].check);
            count++;
        }
    }
    char line[64];
    int n = snprintf(line, sizeof line, "ccverify-init: end %d\n", count);
    if (write(1, line, (size_t)n) == n)
        tcdrain(1);
    sync();
    reboot(RB_AUTOBOOT);
    return 0;
}
