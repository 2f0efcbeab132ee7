/* A PC's processor as a kernel sees it, and a few of its devices. */
#include "guest.h"

typedef struct {
    u64 ax, bx, cx, dx, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15, vector, error, ip, cs, flags, sp, ss;
} Frame;

extern u8 gates[];
extern u64 level4[512];
void trap(Frame *frame);
void system_call(void);
void enter_user(u64 ip, u64 sp);
_Noreturn void leave_user(void);
u64 call_sum, call_count;

static void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory"); }
static void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory"); }
static void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory"); }
static u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static u16 in16(u16 port)
{
    u16 value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static u32 in32(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

void put_char(char c)
{
    while (!(in8(0x3fd) & 0x20))
        ;
    out8(0x3f8, (u8)c);
}

static u32 pci_address(u32 device, u32 function, u32 at) { return 0x80000000 | device << 11 | function << 8 | at; }

/* The PIIX4's power management: soft off. */
void power_off(void)
{
    out32(0xcf8, pci_address(1, 3, 0x40));
    out32(0xcfc, 0x601);
    out32(0xcf8, pci_address(1, 3, 0x80));
    out8(0xcfc, 1);
    out16(0x604, 0x2000);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* ---------------------------------------------------------------- traps */

static volatile u64 resume, caught, error_code, fault_address, trap_flags, ticks, steps;

__attribute__((target("general-regs-only"))) void trap(Frame *frame)
{
    if (frame->vector == 32 || frame->vector == 40) { /* timer, clock */
        ticks = ticks + 1;
        if (frame->vector == 40) {
            out8(0x70, 0x0c);
            in8(0x71);
            out8(0xa0, 0x20);
        }
        out8(0x20, 0x20);
        return;
    }
    if (frame->vector == 47) { /* the local APIC's */
        ticks = ticks + 1;
        *(volatile u32 *)0xfee000b0 = 0;
        return;
    }
    if (frame->vector == 48)
        leave_user();
    if (frame->vector == 1 && !resume) {
        steps = steps + 1;
        return;
    }
    if (!resume) {
        put("guest panic: vector ");
        put_hex(frame->vector);
        put(" at ");
        put_hex(frame->ip);
        put("\n");
        power_off();
    }
    caught = frame->vector;
    error_code = frame->error;
    trap_flags = frame->flags;
    __asm__ volatile("movq %%cr2, %0" : "=r"(fault_address));
    frame->ip = resume;
    frame->cs = 0x18;
    frame->ss = 0x10;
    resume = 0;
}

static struct {
    u16 low, selector, kind, middle;
    u32 high, zero;
} __attribute__((packed)) idt[256];

static struct {
    u16 size;
    void *at;
} __attribute__((packed)) pointer;

static u64 descriptors[9];
static u32 task[26];
static u8 trap_stack[8192] __attribute__((aligned(16)));

static void set_up(void)
{
    for (size_t i = 0; i < 49; i++) {
        u64 at = (u64)(gates + 16 * i);
        idt[i].low = (u16)at;
        idt[i].selector = 0x18;
        idt[i].kind = i == 48 || i == 3 ? 0xee00 : 0x8e00;
        idt[i].middle = (u16)(at >> 16);
        idt[i].high = (u32)(at >> 32);
    }
    pointer.size = sizeof idt - 1;
    pointer.at = idt;
    __asm__ volatile("lidt %0" : : "m"(pointer));
    u64 stack = (u64)(trap_stack + sizeof trap_stack), at = (u64)task;
    task[1] = (u32)stack;
    task[2] = (u32)(stack >> 32);
    task[25] = 104 << 16; /* no port is the user's */
    descriptors[1] = 0x00cf9b000000ffff;
    descriptors[2] = 0x00cf93000000ffff;
    descriptors[3] = 0x00af9b000000ffff; /* 0x18; SYSCALL takes 0x18 and 0x20 */
    descriptors[4] = 0x00cf93000000ffff;
    descriptors[5] = 0; /* SYSRET's 0x2b + 8 and + 16 */
    descriptors[6] = 0x00cff3000000ffff;
    descriptors[7] = 0x00affb000000ffff;
    static u64 table[10];
    for (int i = 0; i < 8; i++)
        table[i] = descriptors[i];
    table[8] = 0x0000890000000067 | (at & 0xffffff) << 16 | (at >> 24 & 0xff) << 56;
    table[9] = at >> 32;
    pointer.size = sizeof table - 1;
    pointer.at = table;
    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(pointer), "r"(0x40) : "memory");
}

/* Does what must trap: the vector, the error code and, of a page fault, the address. */
#define TRAPS(code, ...)                                                                                               \
    ({                                                                                                                 \
        caught = 99;                                                                                                   \
        error_code = fault_address = 0;                                                                                \
        __asm__ volatile("movq %%rsp, %%r12; leaq 1f(%%rip), %%rax; movq %%rax, %0; " code                             \
                         "; 1: movq %%r12, %%rsp; movq $0, %0"                                                         \
                         : "+m"(resume)                                                                                \
                         : __VA_ARGS__                                                                                 \
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r12", "memory", "cc");                                  \
        caught << 56 | (error_code & 0xffff) << 40 | (fault_address & 0xffffffffff);                                   \
    })

static void exceptions(void)
{
    u64 zero = 0, outside = 0x8000000000000000, most = 0x8000000000000000;
    answer("trap-divide", TRAPS("xorl %%edx, %%edx; movl $1, %%eax; divq %1", "m"(zero)));
    answer("trap-divide-overflow", TRAPS("movq %1, %%rax; cqto; movq $-1, %%rcx; idivq %%rcx", "m"(most)));
    answer("trap-breakpoint", TRAPS("int3", "m"(zero)));
    answer("trap-undefined", TRAPS("ud2", "m"(zero)));
    answer("trap-not-canonical", TRAPS("movq %1, %%rcx; movq (%%rcx), %%rcx", "m"(outside)));
    answer("trap-selector", TRAPS("movw $0x1238, %%cx; movw %%cx, %%es", "m"(zero)));
    answer("trap-no-fpu", TRAPS("movq %%cr0, %%rcx; orq $8, %%rcx; movq %%rcx, %%cr0; fld1", "m"(zero)));
    __asm__ volatile("clts");
    answer("trap-gate", TRAPS("int $0x60", "m"(zero)));
    steps = 0;
    resume = 0;
    __asm__ volatile(
        "pushfq; orq $0x100, (%%rsp); popfq; nop; addl $1, %%ecx; rep; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop"
        :
        :
        : "rcx", "memory", "cc");
    answer("single-step", steps);
    TRAPS("leaq %1, %%rcx; movq %%rcx, %%dr0; movq $0xd0002, %%rcx; movq %%rcx, %%dr7; movl $7, %1; nop", "m"(zero));
    answer("watchpoint", caught);
    __asm__ volatile("movq %0, %%dr7; movq %0, %%dr6" : : "r"(0ul));
}

/* ---------------------------------------------------------------- paging */

enum { PRESENT = 1, WRITE = 2, USER = 4, ACCESSED = 32, DIRTY = 64 };
#define NO_EXECUTE ((u64)1 << 63)
static u64 upper3[512] __attribute__((aligned(4096))), upper2[512] __attribute__((aligned(4096))),
    upper1[512] __attribute__((aligned(4096)));
static u8 *const WINDOW = (u8 *)0x8000000000; /* the second entry of the highest level */

static void flush(void *at) { __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory"); }

static void map(u64 page, u64 frame)
{
    upper1[page] = (u64)frames[frame] | PRESENT | WRITE;
    flush(WINDOW + page * 4096);
}

static void paging(void)
{
    level4[1] = (u64)upper3 | PRESENT | WRITE | USER;
    upper3[0] = (u64)upper2 | PRESENT | WRITE | USER;
    upper2[0] = (u64)upper1 | PRESENT | WRITE | USER;
    answer("paging", page_aliases(WINDOW, map));
    upper1[0] = (u64)frames[0] | PRESENT;
    upper1[1] = (u64)frames[1] | PRESENT | WRITE | NO_EXECUTE;
    upper1[2] = 0;
    upper1[3] = (u64)frames[3] | PRESENT | WRITE;
    for (u64 page = 0; page < 8; page++)
        flush(WINDOW + page * 4096);
    volatile u64 *entry = &upper1[3];
    answer("page-bits-fresh", *entry & 0xfff);
    (void)*(volatile u8 *)(WINDOW + 3 * 4096);
    answer("page-bits-read", *entry & 0xfff);
    *(volatile u8 *)(WINDOW + 3 * 4096) = 1;
    answer("page-bits-written", *entry & 0xfff);
    answer("fault-read", TRAPS("movb 0x2123(%1), %%cl", "r"(WINDOW)));
    answer("fault-write", TRAPS("movb $1, 0x2123(%1)", "r"(WINDOW)));
    answer("fault-read-only", TRAPS("movb $1, 0x123(%1)", "r"(WINDOW)));
    answer("fault-across", TRAPS("movl $1, 0x1ffe(%1)", "r"(WINDOW)));
    frames[1][0] = 0xc3;
    answer("fault-execute", TRAPS("leaq 0x1000(%1), %%rcx; call *%%rcx", "r"(WINDOW)));
    answer("fault-string",
           TRAPS("cld; leaq 0x1ff0(%1), %%rdi; movl $100, %%ecx; movb $5, %%al; rep stosb; nop", "r"(WINDOW)) +
               frames[1][4095]);
}

/* Code that was just written is what runs. */
static void self_modifying(void)
{
    static u8 code[4096] __attribute__((aligned(4096)));
    u64 hash = 0;
    for (u32 i = 0; i < 50; i++) {
        u8 *at = code + (i % 3) * 100;
        u32 value = i * 0x01010101;
        at[0] = 0xb8; /* mov $value, %eax */
        __builtin_memcpy(at + 1, &value, 4);
        at[5] = i % 2 ? 0x40 : 0x90; /* a REX prefix or a nop */
        at[6] = 0xc3;
        hash = mix(hash, ((u32 (*)(void))(u64)at)());
    }
    answer("self-modifying", hash);
}

static void wrmsr(u32 which, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(which), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
static u64 rdmsr(u32 which)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(which));
    return (u64)high << 32 | low;
}

/* User mode, system calls, and what a user may not do. */
static void user_mode(void)
{
    /* mov $1000, %ebx; 1: mov %rbx, %rdi; syscall; dec %ebx; jne 1b; int $48 */
    static const u8 program[] = {0xbb, 0xe8, 3, 0, 0, 0x48, 0x89, 0xdf, 0x0f, 0x05, 0xff, 0xcb, 0x75, 0xf7, 0xcd, 48};
    wrmsr(0xc0000081, (u64)0x2b << 48 | (u64)0x18 << 32);
    wrmsr(0xc0000082, (u64)system_call);
    wrmsr(0xc0000084, 0);
    upper1[4] = (u64)frames[4] | PRESENT | WRITE | USER;
    upper1[5] = (u64)frames[5] | PRESENT | WRITE | USER;
    flush(WINDOW + 4 * 4096);
    flush(WINDOW + 5 * 4096);
    __builtin_memcpy(frames[4], program, sizeof program);
    enter_user((u64)WINDOW + 4 * 4096, (u64)WINDOW + 6 * 4096);
    answer("system-calls", call_sum * 10000 + call_count);
    static const u8 forbidden[][4] = {
        {0xf4}, {0xfa}, {0x0f, 0x20, 0xd8}, {0xe4, 0x60}, {0x0f, 0x32}, {0x0f, 0x01, 0x38}, {0x8a, 0x04, 0x25}};
    u64 hash = 0;
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        u8 *code = frames[4];
        __builtin_memcpy(code, forbidden[i], 4);
        if (i == 6) { /* mov 0x100000, %al: a kernel's page */
            static const u8 place[] = {0, 0, 0x10, 0};
            __builtin_memcpy(code + 3, place, 4);
        }
        hash = mix(hash, TRAPS("movq %1, %%rdi; movq %2, %%rsi; pushq $0x33; pushq %%rsi; pushq $2; "
                               "pushq $0x3b; pushq %%rdi; iretq",
                               "r"((u64)WINDOW + 4 * 4096), "r"((u64)WINDOW + 6 * 4096)));
        hash = mix(hash, caught);
    }
    answer("user-may-not", hash);
    wrmsr(0xc0000100, (u64)frames[6]);
    wrmsr(0xc0000102, (u64)frames[7]);
    frames[6][40] = 11;
    frames[7][40] = 22;
    u8 fs, gs;
    __asm__ volatile("movb %%fs:40, %0; swapgs; movb %%gs:40, %1; swapgs" : "=r"(fs), "=r"(gs));
    answer("segment-bases", fs * 100u + gs + (rdmsr(0xc0000102) == (u64)frames[7]));
}

/* ---------------------------------------------------------------- devices */

static void wait_for(u64 count)
{
    while (ticks < count)
        __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static void timers(void)
{
    static const u8 init[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28},
                                 {0x21, 4},    {0xa1, 2},    {0x21, 1},    {0xa1, 1}};
    volatile u32 *apic = (volatile u32 *)0xfee00000;
    apic[0xf0 / 4] = 0x1ff;
    apic[0x350 / 4] = 0x700; /* the two 8259 are the first pin's */
    for (size_t i = 0; i < COUNT(init); i++)
        out8(init[i][0], init[i][1]);
    out8(0x21, 0xfe);
    out8(0xa1, 0xff);
    answer("interrupt-masks", in8(0x21) * 256u + in8(0xa1));
    out8(0x43, 0x34);
    out8(0x40, 0xa9);
    out8(0x40, 4); /* 1 kHz */
    ticks = 0;
    u64 before = __builtin_ia32_rdtsc();
    wait_for(20);
    answer("timer-8254", ticks >= 20);
    answer("time-stamps-rise", __builtin_ia32_rdtsc() > before);
    out8(0x43, 0x30);
    out8(0x21, 0xfb); /* the cascade */
    out8(0xa1, 0xfe);
    out8(0x70, 0x0a);
    out8(0x71, 0x26); /* 1,024 Hz */
    out8(0x70, 0x0b);
    out8(0x71, 0x42);
    out8(0x70, 0x0c);
    in8(0x71);
    ticks = 0;
    wait_for(10);
    answer("timer-clock", ticks >= 10);
    out8(0x70, 0x0b);
    out8(0x71, 2);
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    apic[0x3e0 / 4] = 3;
    apic[0x320 / 4] = 0x20000 | 47; /* periodic */
    ticks = 0;
    apic[0x380 / 4] = 100000;
    wait_for(10);
    answer("timer-apic", ticks >= 10);
    apic[0x320 / 4] = 0x10000;
    answer("apic-version", apic[0x30 / 4] & 0xff);
}

static void devices(void)
{
    u64 hash = 0;
    for (u32 device = 0; device < 2; device++)
        for (u32 function = 0; function < 4; function++) {
            out32(0xcf8, pci_address(device, function, 0));
            hash = mix(hash, in32(0xcfc));
            out32(0xcf8, pci_address(device, function, 8));
            hash = mix(hash, in16(0xcfe));
        }
    answer("pci", hash);
    out16(0x510, 0); /* the configuration device's signature */
    hash = 0;
    for (int i = 0; i < 4; i++)
        hash = hash << 8 | in8(0x511);
    answer("firmware-configuration", hash);
    out8(0x70, 0x15);
    hash = in8(0x71);
    out8(0x70, 0x16);
    hash |= (u64)in8(0x71) << 8;
    out8(0x70, 0x35);
    answer("cmos-memory", hash << 8 | in8(0x71));
    out8(0x3ff, 0xa5);
    out8(0x3fb, 0x83);
    hash = in8(0x3f8);
    out8(0x3fb, 3);
    answer("serial", hash << 8 | in8(0x3ff));
}

void system_cases(void)
{
    set_up();
    exceptions();
    paging();
    self_modifying();
    user_mode();
    devices();
    timers();
}
