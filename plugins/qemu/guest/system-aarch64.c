/* An Arm processor at EL1 as a kernel sees it, and what of the virt machine it needs. */
#include "guest.h"

void trap(u64 *registers, u64 vector);
extern u64 level2[512];

void put_char(char c)
{
    volatile u32 *uart = (volatile u32 *)0x09000000;
    while (uart[0x18 / 4] & 0x20)
        ;
    uart[0] = (u8)c;
}

void power_off(void)
{
    register u64 call __asm__("x0") = 0x84000008; /* PSCI */
    __asm__ volatile("hvc #0" : : "r"(call));
    for (;;)
        __asm__ volatile("wfi");
}

#define READ(name)                                                                                                     \
    ({                                                                                                                 \
        u64 value;                                                                                                     \
        __asm__ volatile("mrs %0, " name : "=r"(value));                                                               \
        value;                                                                                                         \
    })
#define WRITE(name, value) __asm__ volatile("msr " name ", %0; isb" : : "r"((u64)(value)) : "memory")

static volatile u64 resume, caught, fault_address, ticks, calls, call_sum;
static volatile u32 *const DISTRIBUTOR = (volatile u32 *)0x08000000, *const INTERFACE = (volatile u32 *)0x08010000;

__attribute__((target("general-regs-only"))) void trap(u64 *registers, u64 vector)
{
    u64 syndrome = READ("esr_el1");
    if (vector % 4 == 1) { /* an interrupt */
        u32 which = INTERFACE[3];
        ticks = ticks + 1;
        WRITE("cntv_tval_el0", 20000);
        INTERFACE[4] = which;
        return;
    }
    if (vector == 8 && syndrome >> 26 == 0x15 && (syndrome & 0xffff) == 1) { /* svc #1 of a user */
        call_sum = call_sum + registers[0];
        calls = calls + 1;
        return;
    }
    if (!resume) {
        put("guest panic: vector ");
        put_hex(vector);
        put(" syndrome ");
        put_hex(syndrome);
        put(" at ");
        put_hex(READ("elr_el1"));
        put("\n");
        power_off();
    }
    caught = syndrome | vector << 32;
    fault_address = (syndrome >> 26 & ~5u) == 0x20 ? READ("far_el1") : 0;
    WRITE("elr_el1", resume);
    WRITE("spsr_el1", 0x3c5);
    resume = 0;
}

/* Does what must trap: the vector and the syndrome, and of a page fault the address. */
#define TRAPS(name, code, ...)                                                                                         \
    caught = fault_address = 0;                                                                                        \
    __asm__ volatile("mov x9, sp; adr x8, 1f; str x8, %0; " code "; 1: mov sp, x9; str xzr, %0"                        \
                     : "+m"(resume)                                                                                    \
                     : __VA_ARGS__                                                                                     \
                     : "x8", "x9", "x10", "x11", "memory", "cc");                                                      \
    answer(name, mix(caught, fault_address));

static void exceptions(void)
{
    TRAPS("trap-svc", "svc #77", "r"(0))
    TRAPS("trap-breakpoint", "brk #1234", "r"(0))
    TRAPS("trap-undefined", ".word 0", "r"(0))
    TRAPS("trap-register", "mrs x10, s3_7_c15_c15_7", "r"(0))
    TRAPS("trap-alignment", "mov x10, #0x40000000; add x10, x10, #3; ldaxr x11, [x10]", "r"(0))
    WRITE("cpacr_el1", 0);
    TRAPS("trap-no-fpu", "fmov d0, #1.0", "r"(0))
    WRITE("cpacr_el1", 3 << 20);
}

static u64 level3[512] __attribute__((aligned(4096)));
static u8 *const WINDOW = (u8 *)0x80000000;
#define PAGE(frame, more) ((u64)frames[frame] | 0x707 | (more))
#define READ_ONLY 0x80
#define USER 0x40
#define NO_EXECUTE ((u64)1 << 53)

static void map_as(u64 page, u64 entry)
{
    level3[page] = entry;
    __asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" : : "r"((u64)(WINDOW + page * 4096) >> 12) : "memory");
}

static void map(u64 page, u64 frame) { map_as(page, PAGE(frame, 0)); }

static void paging(void)
{
    level2[0] = (u64)level3 | 3;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" : : : "memory");
    answer("paging", page_aliases(WINDOW, map));
    map_as(0, PAGE(0, READ_ONLY));
    map_as(1, PAGE(1, NO_EXECUTE));
    map_as(2, 0);
    TRAPS("fault-read", "ldrb w10, [%1, #0x123]", "r"(WINDOW + 0x2000))
    TRAPS("fault-write", "strb w10, [%1, #0x123]", "r"(WINDOW + 0x2000))
    TRAPS("fault-read-only", "strh w10, [%1, #0x124]", "r"(WINDOW))
    TRAPS("fault-across", "stur x10, [%1, #-4]", "r"(WINDOW + 0x2000))
    TRAPS("fault-execute", "br %1", "r"(WINDOW + 0x1000))
    TRAPS("fault-pair", "ldp x10, x11, [%1, #-8]", "r"(WINDOW + 0x2000))
}

static void self_modifying(void)
{
    static u32 code[64] __attribute__((aligned(64)));
    u64 hash = 0;
    for (u32 i = 0; i < 50; i++) {
        u32 *at = code + i % 3 * 16;
        at[0] = 0xd2800000 | (i * 1237 & 0xffff) << 5; /* movz x0, # */
        at[1] = 0xf2a00000 | (i * 77) << 5;            /* movk x0, #, lsl 16 */
        at[2] = 0xd65f03c0;
        __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" : : "r"(at) : "memory");
        hash = mix(hash, ((u64 (*)(void))(u64)at)());
    }
    answer("self-modifying", hash);
}

/* mov x0, #1000; 1: svc #1; subs x0, x0, #1; b.ne 1b; then what traps */
static void user_mode(void)
{
    static const u32 program[] = {0xd2807d00, 0xd4000021, 0xf1000400, 0x54ffffc1, 0xd4000041};
    static const u32 forbidden[] = {0xd5381000, 0xd50342df, 0xd4000002, 0x00000000};
    __builtin_memcpy(frames[4], program, sizeof program);
    map_as(4, PAGE(4, USER | READ_ONLY));
    __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" : : "r"(frames[4]) : "memory");
    TRAPS("user-end", "mov x10, #0x3c0; msr spsr_el1, x10; msr elr_el1, %1; eret", "r"(WINDOW + 0x4000))
    answer("system-calls", call_sum * 10000 + calls);
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        *(volatile u32 *)frames[4] = forbidden[i];
        __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" : : "r"(frames[4]) : "memory");
        static const char *const names[] = {"user-reads-sctlr", "user-masks", "user-hvc", "user-undefined"};
        TRAPS(names[i], "mov x10, #0x3c0; msr spsr_el1, x10; msr elr_el1, %1; eret", "r"(WINDOW + 0x4000))
    }
}

static void timers(void)
{
    DISTRIBUTOR[0] = 1;
    DISTRIBUTOR[0x100 / 4] = 1u << 27; /* the virtual timer's */
    INTERFACE[1] = 0xff;
    INTERFACE[0] = 1;
    ticks = 0;
    u64 before = READ("cntvct_el0");
    WRITE("cntv_tval_el0", 20000);
    WRITE("cntv_ctl_el0", 1);
    __asm__ volatile("msr daifclr, #2");
    while (ticks < 20)
        __asm__ volatile("wfi" : : : "memory");
    __asm__ volatile("msr daifset, #2");
    WRITE("cntv_ctl_el0", 0);
    answer("timer", ticks >= 20);
    answer("time-rises", READ("cntvct_el0") - before >= 400000);
}

#define CRYPTO(name, code)                                                                                             \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i + 1 < COUNT(VALUES); i++) {                                                               \
            typedef u64 Half __attribute__((vector_size(16)));                                                         \
            Half a = {VALUES[i], VALUES[23 - i]},                                                                      \
                 b = {VALUES[(i * 5) % 24] ^ 0x0123456789abcdef, VALUES[(i * 7) % 24]}, c = a + b;                     \
            __asm__(code : "+w"(a), "+w"(c) : "w"(b));                                                                 \
            hash = mix_bytes(mix_bytes(hash, &a, 16), &c, 16);                                                         \
        }                                                                                                              \
        answer(name, hash);                                                                                            \
    }

void instruction_cases(void)
{
    CRYPTO("aese", "aese %0.16b, %2.16b; aesmc %1.16b, %0.16b")
    CRYPTO("aesd", "aesd %0.16b, %2.16b; aesimc %1.16b, %0.16b")
    CRYPTO("sha1-instructions",
           "sha1c %q0, %s1, %2.4s; sha1m %q1, %s0, %2.4s; sha1su0 %0.4s, %1.4s, %2.4s; sha1h %s1, %s0")
    CRYPTO("sha256-instructions",
           "sha256h %q0, %q1, %2.4s; sha256h2 %q1, %q0, %2.4s; sha256su0 %0.4s, %2.4s; sha256su1 %1.4s, %0.4s, %2.4s")
    CRYPTO("pmull", "pmull %0.1q, %1.1d, %2.1d; pmull2 %1.8h, %0.16b, %2.16b")
    CRYPTO("saturate",
           "sqadd %0.8h, %0.8h, %2.8h; uqsub %1.16b, %1.16b, %2.16b; sqrdmulh %0.8h, %0.8h, %1.8h; sqxtn %1.8b, %0.8h")
    CRYPTO("table", "tbl %0.16b, {%1.16b}, %2.16b; zip1 %1.8h, %0.8h, %2.8h; uzp2 %0.4s, %1.4s, %2.4s; ext %1.16b, "
                    "%0.16b, %2.16b, #5")
    CRYPTO("lanes", "addv %b0, %1.16b; saddlv %d1, %2.4s; umaxv %h0, %2.8h; cnt %1.16b, %1.16b; rbit %0.16b, %0.16b")
    CRYPTO("shifts", "sshl %0.4s, %0.4s, %2.4s; srshl %1.8h, %1.8h, %2.8h; sqshlu %0.16b, %0.16b, #3; usra %1.2d, "
                     "%2.2d, #11; shrn %0.4h, %1.4s, #7")
    u64 hash = 0;
    for (size_t i = 0; i < COUNT(VALUES); i++)
        for (size_t j = 0; j < COUNT(VALUES); j++) {
            u64 a = VALUES[i], b = VALUES[j], c, d;
            __asm__ volatile("crc32x %w0, %w2, %3; crc32cb %w0, %w0, %w3; adds %1, %2, %3; adcs %0, %0, %2; sbcs %1, "
                             "%1, %3; cset x10, vs; cset x11, hi; "
                             "bfi %0, x10, #5, #9; ubfx x10, %2, #7, #20; eor %1, %1, x10, ror #13; extr %0, %0, x11, "
                             "#3; rbit x10, %3; csinv %1, %1, x10, lt; "
                             "ccmp %2, %3, #5, ne; csneg %0, %0, x10, pl; smulh x11, %2, %3; madd %1, x11, %2, %1; cls "
                             "x10, %3; add %0, %0, x10, lsl #4"
                             : "=&r"(c), "=&r"(d)
                             : "r"(a), "r"(b)
                             : "x10", "x11", "cc");
            hash = mix(mix(hash, c), d);
        }
    answer("integer-instructions", hash);
}

void system_cases(void)
{
    exceptions();
    paging();
    self_modifying();
    user_mode();
    timers();
}
