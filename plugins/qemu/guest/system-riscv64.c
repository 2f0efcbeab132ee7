/* A RISC-V hart in machine, supervisor and user mode, and what of the virt machine it needs. */
#include "guest.h"

void trap(u64 *registers);

void put_char(char c)
{
    volatile u8 *uart = (volatile u8 *)0x10000000;
    while (!(uart[5] & 0x20))
        ;
    uart[0] = (u8)c;
}

void power_off(void)
{
    *(volatile u32 *)0x100000 = 0x5555;
    for (;;)
        __asm__ volatile("wfi");
}

#define READ(name)                                                                                                     \
    ({                                                                                                                 \
        u64 value;                                                                                                     \
        __asm__ volatile("csrr %0, " name : "=r"(value) : : "memory");                                                 \
        value;                                                                                                         \
    })
#define WRITE(name, value) __asm__ volatile("csrw " name ", %0" : : "r"((u64)(value)) : "memory")
#define CLEAR(name, value) __asm__ volatile("csrc " name ", %0" : : "r"((u64)(value)) : "memory")
#define SET(name, value) __asm__ volatile("csrs " name ", %0" : : "r"((u64)(value)) : "memory")

static volatile u64 resume, mode, caught, fault_address, ticks, calls, call_sum;
static volatile u64 *const NOW = (volatile u64 *)0x200bff8, *const ALARM = (volatile u64 *)0x2004000;

void trap(u64 *registers)
{
    u64 cause = READ("mcause"), from = READ("mstatus") >> 11 & 3;
    if (cause >> 63) { /* the timer */
        ticks = ticks + 1;
        *ALARM = *NOW + 1000;
        return;
    }
    if (cause == 8 && registers[11] == 1) { /* a user's call: a4 says which, a0 what */
        call_sum = call_sum + registers[7];
        calls = calls + 1;
        WRITE("mepc", READ("mepc") + 4);
        return;
    }
    if (!resume) {
        put("guest panic: cause ");
        put_hex(cause);
        put(" at ");
        put_hex(READ("mepc"));
        put("\n");
        power_off();
    }
    caught = cause | from << 8;
    fault_address = cause >= 12 || cause == 1 ? READ("mtval") : 0;
    WRITE("mepc", resume);
    CLEAR("mstatus", 3 << 11);
    SET("mstatus", mode << 11);
    resume = 0;
}

/* Does what must trap: the cause, the mode that it was in, and of a page fault the address. */
#define TRAPS(name, code, ...)                                                                                         \
    caught = 99;                                                                                                       \
    fault_address = 0;                                                                                                 \
    __asm__ volatile("mv s2, sp; la t0, 1f; sd t0, %0; " code "; 1: mv sp, s2; sd zero, %0"                            \
                     : "+m"(resume)                                                                                    \
                     : __VA_ARGS__                                                                                     \
                     : "t0", "t1", "t2", "s2", "a4", "a0", "memory");                                                  \
    answer(name, caught << 48 | (fault_address & 0xffffffffffff));

static void exceptions(void)
{
    mode = 3;
    TRAPS("trap-call", "ecall", "r"(0))
    TRAPS("trap-breakpoint", "ebreak", "r"(0))
    TRAPS("trap-undefined", ".word 0xffffffff", "r"(0))
    TRAPS("trap-register", "csrr t0, 0x8ff", "r"(0))
    TRAPS("trap-read-only-register", "csrw mvendorid, t0", "r"(0))
    TRAPS("trap-alignment", "addi t1, sp, 2; lr.d t0, (t1)", "r"(0))
    CLEAR("mstatus", 0x6000);
    TRAPS("trap-no-fpu", "fmv.d.x ft0, zero", "r"(0))
    SET("mstatus", 0x2000);
}

static void timers(void)
{
    ticks = 0;
    u64 before = *NOW;
    *ALARM = *NOW + 1000;
    SET("mie", 0x80);
    SET("mstatus", 8);
    while (ticks < 20)
        __asm__ volatile("wfi" : : : "memory");
    CLEAR("mstatus", 8);
    CLEAR("mie", 0x80);
    answer("timer", ticks >= 20);
    answer("time-rises", *NOW - before >= 20000);
}

enum { VALID = 1, READS = 2, WRITES = 4, EXECUTES = 8, USER = 16, ACCESSED = 64, DIRTY = 128 };
static u64 level1[512] __attribute__((aligned(4096))), level2[512] __attribute__((aligned(4096))),
    level3[512] __attribute__((aligned(4096)));
static u8 *const WINDOW = (u8 *)0x40000000;

static void map_as(u64 page, u64 frame, u64 rights)
{
    level3[page] = (u64)frames[frame] >> 2 | rights;
    __asm__ volatile("sfence.vma %0, zero" : : "r"(WINDOW + page * 4096) : "memory");
}

static void map(u64 page, u64 frame) { map_as(page, frame, VALID | READS | WRITES | ACCESSED | DIRTY); }

static void paging(void)
{
    answer("paging", page_aliases(WINDOW, map));
    map_as(0, 0, VALID | READS | ACCESSED | DIRTY);
    map_as(1, 1, VALID | READS | WRITES | ACCESSED | DIRTY);
    map_as(2, 2, 0);
    map_as(3, 3, VALID | EXECUTES | ACCESSED | DIRTY);
    TRAPS("fault-read", "lb t0, 0x123(%1)", "r"(WINDOW + 0x2000))
    TRAPS("fault-write", "sb t0, 0x123(%1)", "r"(WINDOW + 0x2000))
    TRAPS("fault-read-only", "sh t0, 0x124(%1)", "r"(WINDOW))
    TRAPS("fault-execute", "jr %1", "r"(WINDOW + 0x1000))
    TRAPS("fault-execute-only", "ld t0, 8(%1)", "r"(WINDOW + 0x3000))
    TRAPS("fault-atomic", "amoadd.d t0, t0, (%1)", "r"(WINDOW))
    TRAPS("fault-not-canonical", "ld t0, (%1)", "r"((u64)1 << 45))
}

static void self_modifying(void)
{
    static u32 code[64] __attribute__((aligned(64)));
    u64 hash = 0;
    for (u32 i = 0; i < 50; i++) {
        u32 *at = code + i % 3 * 16;
        at[0] = 0x00000537 | (i * 1237) << 12; /* lui a0, # */
        at[1] = 0x00050513 | (i * 37) << 20;   /* addi a0, a0, # */
        at[2] = 0x00008067;
        __asm__ volatile("fence.i" : : : "memory");
        hash = mix(hash, ((u64 (*)(void))(u64)at)());
    }
    answer("self-modifying", hash);
}

#define TO_USER "li t0, 0x100; csrc sstatus, t0; csrw sepc, %1; sret"

static void user_mode(void)
{
    /* li a0, 1000; li a4, 1; 1: ecall; addi a0, a0, -1; bnez a0, 1b; li a4, 0; ecall */
    static const u32 program[] = {0x3e800513, 0x00100713, 0x00000073, 0xfff50513, 0xfe051ce3, 0x00000713, 0x00000073};
    static const u32 forbidden[] = {0x30002573, 0x10002573, 0x10200073, 0x12000073};
    __builtin_memcpy(frames[4], program, sizeof program);
    map_as(4, 4, VALID | READS | EXECUTES | USER | ACCESSED | DIRTY);
    __asm__ volatile("fence.i" : : : "memory");
    TRAPS("user-end", TO_USER, "r"(WINDOW + 0x4000))
    answer("system-calls", call_sum * 10000 + calls);
    TRAPS("supervisor-reads-user", "ld t0, (%1)", "r"(WINDOW + 0x4000))
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        static const char *const names[] = {"user-reads-mstatus", "user-reads-sstatus", "user-returns", "user-fences"};
        *(volatile u32 *)frames[4] = forbidden[i];
        __asm__ volatile("fence.i" : : : "memory");
        TRAPS(names[i], TO_USER, "r"(WINDOW + 0x4000))
    }
}

static void supervisor(void)
{
    mode = 1;
    paging();
    self_modifying();
    user_mode();
    finish();
}

/* Instructions that C does not lead to. */
void instruction_cases(void)
{
    u64 whole = 0, floats = 0, atomic = 0;
    for (size_t i = 0; i < COUNT(VALUES); i++)
        for (size_t j = 0; j < COUNT(VALUES); j++) {
            u64 a = VALUES[i], b = VALUES[j], c, d, place = b;
            __asm__("mulhsu %0, %2, %3; div %1, %2, %3; xor %0, %0, %1; rem %1, %2, %3; add %0, %0, %1; divu %1, %3, "
                    "%2; sub %0, %0, %1; "
                    "remw %1, %3, %2; add %0, %0, %1; divuw %1, %2, %3; xor %0, %0, %1; sraw %1, %0, %2; addw %1, %1, "
                    "%3; sltu %1, %1, %0"
                    : "=&r"(c), "=&r"(d)
                    : "r"(a), "r"(b)); /* also by zero, which is defined here */
            whole = mix(mix(whole, c), d);
            __asm__("fmv.d.x ft0, %2; fmv.d.x ft1, %3; fmin.d ft2, ft0, ft1; fmax.d ft3, ft0, ft1; fsgnjx.d ft2, ft2, "
                    "ft1; fclass.d %1, ft0; "
                    "fcvt.l.d %0, ft0, rtz; xor %0, %0, %1; fcvt.wu.d %1, ft1, rup; add %0, %0, %1; fcvt.lu.d %1, ft3, "
                    "rdn; add %0, %0, %1; "
                    "fcvt.d.l ft4, %2, rmm; fmv.x.d %1, ft4; fmv.x.d t0, ft2; xor %1, %1, t0; fnmadd.d ft5, ft4, ft1, "
                    "ft3; fmv.x.d t0, ft5; add %1, %1, t0; "
                    "csrrw t0, fflags, zero; add %0, %0, t0"
                    : "=&r"(c), "=&r"(d)
                    : "r"(a), "r"(b)
                    : "t0", "ft0", "ft1", "ft2", "ft3", "ft4", "ft5");
            floats = mix(mix(floats, c), d);
            __asm__ volatile("amomin.d %0, %3, (%2); amomaxu.d t0, %0, (%2); add %0, %0, t0; amoand.w t0, %3, (%2); "
                             "add %0, %0, t0; amoswap.w t0, %0, (%2); "
                             "xor %0, %0, t0; amomaxu.w t0, %3, (%2); add %0, %0, t0; lr.d t0, (%2); add t0, t0, %3; "
                             "sc.d t1, t0, (%2); add %0, %0, t1; "
                             "sc.d t1, t0, (%2); add %0, %0, t1; ld %1, (%2)"
                             : "=&r"(c), "=&r"(d)
                             : "r"(&place), "r"(a)
                             : "t0", "t1", "memory");
            atomic = mix(mix(atomic, c), d);
        }
    answer("integer-instructions", whole);
    answer("float-instructions", floats);
    answer("atomic-instructions", atomic);
}

void system_cases(void)
{
    exceptions();
    timers();
    level1[0] = VALID | READS | WRITES | ACCESSED | DIRTY;
    level1[1] = (u64)level2 >> 2 | VALID;
    level1[2] = 0x80000000 >> 2 | VALID | READS | WRITES | EXECUTES | ACCESSED | DIRTY;
    level2[0] = (u64)level3 >> 2 | VALID;
    WRITE("satp", (u64)8 << 60 | (u64)level1 >> 12);
    __asm__ volatile("sfence.vma" : : : "memory");
    CLEAR("mstatus", 3 << 11);
    SET("mstatus", 1 << 11);
    WRITE("mepc", (u64)supervisor);
    __asm__ volatile("mret");
}
