/* Instructions of x86-64 that C does not lead to, with every flag that is defined. */
#include "guest.h"

enum { CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, OF = 2048, ALL = CF | PF | AF | ZF | SF | OF };

#define BINARY(op, type, defined)                                                                                      \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (size_t j = 0; j < COUNT(VALUES); j++)                                                                 \
                for (u64 carry = 0; carry < 2; carry++) {                                                              \
                    type a = (type)VALUES[i], b = (type)VALUES[j];                                                     \
                    u64 flags;                                                                                         \
                    __asm__ volatile("pushq %3; popfq; " op " %2, %0; pushfq; popq %1"                                 \
                                     : "+q"(a), "=r"(flags), "+q"(b)                                                   \
                                     : "r"(carry | 2)                                                                  \
                                     : "cc", "memory");                                                                \
                    hash = mix(mix(mix(hash, (u64)a), (u64)b), flags & (defined));                                     \
                }                                                                                                      \
        answer(op "-" #type, hash);                                                                                    \
    }
#define UNARY(op, type, defined)                                                                                       \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (u64 carry = 0; carry < 2; carry++) {                                                                  \
                type a = (type)VALUES[i];                                                                              \
                u64 flags;                                                                                             \
                __asm__ volatile("pushq %2; popfq; " op " %0; pushfq; popq %1"                                         \
                                 : "+q"(a), "=r"(flags)                                                                \
                                 : "r"(carry | 2)                                                                      \
                                 : "cc", "memory");                                                                    \
                hash = mix(mix(hash, (u64)a), flags & (defined));                                                      \
            }                                                                                                          \
        answer(op "-" #type, hash);                                                                                    \
    }
/* By cl: what is defined depends on how far. */
#define SHIFT(op, type, bits, near, one)                                                                               \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (u8 by = 0; by < bits; by++)                                                                           \
                for (u64 carry = 0; carry < 2; carry++) {                                                              \
                    type a = (type)VALUES[i];                                                                          \
                    u64 flags;                                                                                         \
                    __asm__ volatile("pushq %2; popfq; " op " %%cl, %0; pushfq; popq %1"                               \
                                     : "+q"(a), "=r"(flags)                                                            \
                                     : "r"(carry | 2), "c"(by)                                                         \
                                     : "cc", "memory");                                                                \
                    hash = mix(mix(hash, (u64)a), flags & (by == 0 ? ALL : by == 1 ? (near) | (one) : (near)));        \
                }                                                                                                      \
        answer(op "-" #type, hash);                                                                                    \
    }
#define DOUBLE_SHIFT(op, type, bits)                                                                                   \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (size_t j = 0; j < COUNT(VALUES); j++)                                                                 \
                for (u8 by = 0; by < bits; by = (u8)(by * 2 + 1)) {                                                    \
                    type a = (type)VALUES[i], b = (type)VALUES[j];                                                     \
                    u64 flags;                                                                                         \
                    __asm__ volatile(op " %%cl, %2, %0; pushfq; popq %1"                                               \
                                     : "+r"(a), "=r"(flags)                                                            \
                                     : "r"(b), "c"(by)                                                                 \
                                     : "cc", "memory");                                                                \
                    hash = mix(mix(hash, (u64)a), by ? flags & (CF | PF | ZF | SF) : 0);                               \
                }                                                                                                      \
        answer(op "-" #type, hash);                                                                                    \
    }
#define WIDTHS(kind, op, ...)                                                                                          \
    kind(op "b", u8, __VA_ARGS__) kind(op "w", u16, __VA_ARGS__) kind(op "l", u32, __VA_ARGS__)                        \
        kind(op "q", u64, __VA_ARGS__)
#define SHIFTS(op, near, one)                                                                                          \
    SHIFT(op "b", u8, 8, near, one)                                                                                    \
    SHIFT(op "w", u16, 16, near, one) SHIFT(op "l", u32, 32, near, one) SHIFT(op "q", u64, 64, near, one)

static void arithmetic(void)
{
    WIDTHS(BINARY, "add", ALL)
    WIDTHS(BINARY, "sub", ALL)
    WIDTHS(BINARY, "adc", ALL)
    WIDTHS(BINARY, "sbb", ALL)
    WIDTHS(BINARY, "cmp", ALL)
    WIDTHS(BINARY, "and", ALL & ~AF)
    WIDTHS(BINARY, "or", ALL & ~AF)
    WIDTHS(BINARY, "xor", ALL & ~AF)
    WIDTHS(BINARY, "test", ALL & ~AF)
    WIDTHS(BINARY, "xadd", ALL)
    WIDTHS(UNARY, "inc", ALL)
    WIDTHS(UNARY, "dec", ALL)
    WIDTHS(UNARY, "neg", ALL)
    WIDTHS(UNARY, "not", ALL)
    SHIFTS("shl", CF | PF | ZF | SF, OF)
    SHIFTS("shr", CF | PF | ZF | SF, OF)
    SHIFTS("sar", CF | PF | ZF | SF, OF)
    SHIFTS("rol", CF | PF | ZF | SF | AF, OF)
    SHIFTS("ror", CF | PF | ZF | SF | AF, OF)
    SHIFTS("rcl", CF | PF | ZF | SF | AF, OF)
    SHIFTS("rcr", CF | PF | ZF | SF | AF, OF)
    DOUBLE_SHIFT("shldl", u32, 32)
    DOUBLE_SHIFT("shldq", u64, 64)
    DOUBLE_SHIFT("shrdl", u32, 32)
    DOUBLE_SHIFT("shrdq", u64, 64)
    BINARY("imulw", u16, CF | OF)
    BINARY("imull", u32, CF | OF)
    BINARY("imulq", u64, CF | OF)
    BINARY("btl", u32, CF)
    BINARY("btsq", u64, CF)
    BINARY("btrq", u64, CF)
    BINARY("btcw", u16, CF)
    BINARY("popcntq", u64, ALL)
    BINARY("lzcntl", u32, CF | ZF)
    BINARY("tzcntq", u64, CF | ZF)
}

/* The two-register forms. */
static void wide(void)
{
    u64 multiplied = 0, divided = 0, exchanged = 0, signs = 0;
    for (size_t i = 0; i < COUNT(VALUES); i++)
        for (size_t j = 0; j < COUNT(VALUES); j++) {
            u64 a = VALUES[i], b = VALUES[j], low = a, high, flags;
            __asm__ volatile("mulq %3; pushfq; popq %2" : "+a"(low), "=d"(high), "=r"(flags) : "r"(b) : "cc", "memory");
            multiplied = mix(mix(mix(multiplied, low), high), flags & (CF | OF));
            low = a;
            __asm__ volatile("imull %k3; pushfq; popq %2"
                             : "+a"(low), "=d"(high), "=r"(flags)
                             : "r"(b)
                             : "cc", "memory");
            multiplied = mix(mix(mix(multiplied, low), (u32)high), flags & (CF | OF));
            low = a;
            __asm__ volatile("mulb %b2; pushfq; popq %1" : "+a"(low), "=r"(flags) : "q"(b) : "cc", "memory");
            multiplied = mix(mix(multiplied, low), flags & (CF | OF));
            u64 by = b | 1 | (u64)1 << 40, top = a % by;
            low = b;
            __asm__ volatile("divq %2" : "+a"(low), "+d"(top) : "r"(by) : "cc");
            divided = mix(mix(divided, low), top);
            low = a;
            top = (u64)((i64)a >> 63);
            __asm__ volatile("idivq %2" : "+a"(low), "+d"(top) : "r"((b & 0xffffff) | 2) : "cc");
            divided = mix(mix(divided, low), top);
            u16 narrow = (u16)(a & 0x7fff);
            __asm__ volatile("divb %1" : "+a"(narrow) : "q"((u8)(b | 0x80)) : "cc");
            divided = mix(divided, narrow);
            u64 place = b;
            low = i % 2 ? b : a;
            __asm__ volatile("cmpxchgq %3, %1; pushfq; popq %2"
                             : "+a"(low), "+m"(place), "=r"(flags)
                             : "r"(a ^ b)
                             : "cc", "memory");
            exchanged = mix(mix(mix(exchanged, low), place), flags & ALL);
            u32 small = (u32)b;
            low = j % 2 ? b : a;
            __asm__ volatile("lock; cmpxchgl %3, %1; pushfq; popq %2"
                             : "+a"(low), "+m"(small), "=r"(flags)
                             : "r"((u32)(a + b))
                             : "cc", "memory");
            exchanged = mix(mix(mix(exchanged, low), small), flags & ALL);
            low = a;
            __asm__ volatile(
                "cbtw; cwtl; cltq; cqto; xorq %%rdx, %%rax; bswapq %%rax; movsbw %%al, %%dx; addq %%rdx, %%rax"
                : "+a"(low)
                :
                : "rdx", "cc");
            signs = mix(signs, low);
        }
    answer("mul", multiplied);
    answer("div", divided);
    answer("cmpxchg", exchanged);
    answer("sign-extension", signs);
    unsigned __int128 place __attribute__((aligned(16))) = 5, *at = &place;
    u64 low = 5, high = 0, hash = 0;
    for (int i = 0; i < 4; i++) {
        u8 same;
        __asm__ volatile("lock; cmpxchg16b %0; sete %1"
                         : "+m"(*at), "=q"(same), "+a"(low), "+d"(high)
                         : "b"(low + 7), "c"(high + 9)
                         : "cc");
        hash = mix(mix(mix(hash, same), low), high);
        if (i == 1)
            low++;
    }
    answer("cmpxchg16b", mix(hash, (u64)place));
}

#define CONDITION(cc)                                                                                                  \
    __asm__ volatile("pushq %3; popfq; set" cc " %b0; cmov" cc " %4, %1; j" cc " 1f; addq $3, %2; 1:"                  \
                     : "+q"(set), "+r"(moved), "+r"(jumped)                                                            \
                     : "r"(flags), "r"(flags)                                                                          \
                     : "cc", "memory");                                                                                \
    hash = mix(hash, set ^ moved << 8 ^ jumped << 24);

/* clang-format off */
static void conditions(void)
{
    u64 hash = 0;
    for (u64 bits = 0; bits < 64; bits++) {
        u64 flags = 2 | (bits & 1 ? CF : 0) | (bits & 2 ? PF : 0) | (bits & 4 ? AF : 0) | (bits & 8 ? ZF : 0) |
                    (bits & 16 ? SF : 0) | (bits & 32 ? OF : 0);
        u64 set = 0, moved = 1, jumped = 0;
        CONDITION("o") CONDITION("no") CONDITION("b") CONDITION("ae") CONDITION("e") CONDITION("ne") CONDITION("be")
        CONDITION("a") CONDITION("s") CONDITION("ns") CONDITION("p") CONDITION("np") CONDITION("l") CONDITION("ge")
        CONDITION("le") CONDITION("g")
    }
    answer("conditions", hash);
}
/* clang-format on */

#define STRING(op, direction)                                                                                          \
    __asm__ volatile(direction "; " op "; cld; pushfq; popq %4"                                                        \
                     : "+S"(from), "+D"(to), "+c"(n), "+a"(value), "=r"(flags)                                         \
                     :                                                                                                 \
                     : "cc", "memory");                                                                                \
    hash = mix(mix(mix(mix(hash, (u64)(from - source)), (u64)(to - target)), n), flags & (compares ? ALL : 0));        \
    hash = mix_bytes(mix(hash, value), target, sizeof target);

/* clang-format off */
static void strings(void)
{
    static u8 source[512], target[512];
    static const char *const names[] = {"movs", "stos", "scas", "cmps", "lods"};
    for (int which = 0; which < 5; which++) {
        u64 hash = 0;
        bool compares = which == 2 || which == 3;
        for (u64 count = 0; count < 20; count += 3) {
            for (size_t i = 0; i < sizeof source; i++) {
                source[i] = (u8)(i * 7 + 3);
                target[i] = (u8)(i % 50 < 40 ? i * 7 + 3 : i);
            }
            const u8 *from = source + 203;
            u8 *to = target + 203;
            u64 n = count, value = 0x4142434445464748u, flags;
            switch (which) {
            case 0:
                STRING("rep movsb", "cld") n = count; STRING("rep movsw", "cld") n = count; STRING("rep movsl", "std") n = count;
                STRING("rep movsq", "cld") n = count; STRING("rep movsb", "std") STRING("movsq", "std")
                break;
            case 1:
                STRING("rep stosb", "cld") n = count; STRING("rep stosw", "std") n = count; STRING("rep stosl", "cld") n = count;
                STRING("rep stosq", "std") STRING("stosb", "cld")
                break;
            case 2:
                value = source[210]; STRING("repne scasb", "cld") n = count; STRING("repe scasb", "std") n = count;
                STRING("repne scasl", "cld") n = count; STRING("repne scasq", "std") STRING("scasw", "cld")
                break;
            case 3:
                STRING("repe cmpsb", "cld") n = count; STRING("repe cmpsw", "cld") n = count; STRING("repne cmpsl", "std") n = count;
                STRING("repe cmpsq", "std") STRING("cmpsb", "cld")
                break;
            default:
                STRING("lodsb", "cld") STRING("lodsw", "std") STRING("lodsl", "cld") STRING("lodsq", "std") STRING("rep lodsb", "cld")
                break;
            }
        }
        answer(names[which], hash);
    }
}
/* clang-format on */

#define BMI(op, type)                                                                                                  \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (size_t j = 0; j < COUNT(VALUES); j++) {                                                               \
                type a = (type)VALUES[i], b = (type)(VALUES[j] & 0x3f3f3f3f3f3f3f3f), c;                               \
                __asm__ volatile(op " %2, %1, %0" : "=r"(c) : "r"(a), "r"(b) : "cc");                                  \
                hash = mix(hash, (u64)c);                                                                              \
            }                                                                                                          \
        answer(op, hash);                                                                                              \
    }
#define BMI1(op, type)                                                                                                 \
    {                                                                                                                  \
        u64 hash = 0, flags;                                                                                           \
        for (size_t i = 0; i < COUNT(VALUES); i++) {                                                                   \
            type a = (type)VALUES[i], c;                                                                               \
            __asm__ volatile(op " %2, %0; pushfq; popq %1" : "=r"(c), "=r"(flags) : "r"(a) : "cc", "memory");          \
            hash = mix(mix(hash, (u64)c), flags & (ZF | SF | OF)); /* QEMU 7.2 has no CF */                            \
        }                                                                                                              \
        answer(op, hash);                                                                                              \
    }

static void bits(void)
{
    /* clang-format off */
    BMI("andn", u64) BMI("pdep", u64) BMI("pext", u64) BMI("pextl", u32)
    BMI1("blsi", u64) BMI1("blsr", u32) BMI1("blsmsk", u64)
        /* clang-format on */
        u64 hash = 0,
            crc = 0, chains = 0;
    for (size_t i = 0; i < COUNT(VALUES); i++)
        for (size_t j = 0; j < COUNT(VALUES); j++) {
            u64 a = VALUES[i], b = VALUES[j], c, d;
            __asm__("bextrq %2, %1, %0" : "=r"(c) : "r"(a), "r"(b & 0x3f3f) : "cc");
            hash = mix(hash, c);
            __asm__("bzhiq %2, %1, %0" : "=r"(c) : "r"(a), "r"(b & 63) : "cc");
            hash = mix(hash, c);
            __asm__("mulxq %3, %0, %1" : "=r"(c), "=r"(d) : "d"(a), "r"(b));
            hash = mix(mix(hash, c), d);
            __asm__("rorxq $13, %1, %0" : "=r"(c) : "r"(a));
            hash = mix(hash, c);
            __asm__("sarxq %2, %1, %0" : "=r"(c) : "r"(a), "r"(b));
            hash = mix(hash, c);
            __asm__("shlxl %k2, %k1, %k0" : "=r"(c) : "r"(a), "r"(b));
            hash = mix(hash, c);
            __asm__("shrxq %2, %1, %0" : "=r"(c) : "r"(a), "r"(b));
            hash = mix(hash, c);
            c = crc;
            __asm__("crc32q %1, %0; crc32b %b1, %k0; crc32w %w1, %k0" : "+r"(c) : "q"(b));
            crc = mix(crc, c);
            c = a;
            d = b;
            __asm__("addq %2, %0; adcxq %3, %0; adoxq %2, %1; adcxq %0, %1" : "+r"(c), "+r"(d) : "r"(b), "r"(a) : "cc");
            chains = mix(mix(chains, c), d);
        }
    answer("bmi-others", hash);
    answer("crc32-instruction", crc);
    answer("adx", chains);
}

/* The x87 unit, at its 80 bits. */
#define X87(name, op)                                                                                                  \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(NUMBERS); i++)                                                                    \
            for (size_t j = 0; j < COUNT(NUMBERS); j++) {                                                              \
                u8 out[10];                                                                                            \
                u16 status;                                                                                            \
                __asm__ volatile("fninit; fldt %2; fldt %3; " op "; fnstsw %1; fstpt %0"                               \
                                 : "=m"(out), "=m"(status)                                                             \
                                 : "m"(NUMBERS[i]), "m"(NUMBERS[j])                                                    \
                                 : "memory");                                                                          \
                hash = mix(mix_bytes(hash, out, 10), status & 0x001d);                                                 \
            }                                                                                                          \
        answer("x87-" name, hash);                                                                                     \
    }

static void x87(void)
{
    static const long double NUMBERS[] = {
        0.0L,         -0.0L,         1.0L,    -1.5L,           3.0L, 0.1L,          1e10L,     -7e-5L, 1e300L,
        0x1.8p-1000L, 123456789.75L, 0x1p63L, -0x1.fffffep31L, 0.5L, 0x1.8p-16380L, 0x1p16000L};
    X87("fadd", "faddp")
    X87("fsub", "fsubp")
    X87("fsubr", "fsubrp")
    X87("fmul", "fmulp")
    X87("fdiv", "fdivp")
    X87("fdivr", "fdivrp")
    X87("fsqrt", "fabs; fsqrt")
    X87("frndint", "frndint")
    X87("fscale", "fxch; fld1; fxch; fscale")
    X87("fxtract", "fxtract; faddp")
    X87("fchs", "fchs")
    X87("fprem", "fprem")
    X87("fprem1", "fprem1")
    X87("fxch", "fxch %%st(1)")
    X87("fild", "fildq %2; faddp")
    u64 hash = 0, compared = 0;
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        for (size_t j = 0; j < COUNT(NUMBERS); j++) {
            u64 flags;
            u16 status;
            __asm__ volatile("fninit; fldt %2; fldt %3; fcomi; fcompp; fnstsw %1; pushfq; popq %0"
                             : "=r"(flags), "=m"(status)
                             : "m"(NUMBERS[i]), "m"(NUMBERS[j])
                             : "cc", "memory");
            compared = mix(mix(compared, flags & (CF | PF | ZF)), status & 0x4500);
        }
    answer("x87-fcom", compared);
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        for (u16 control = 0x037f; control < 0x1000; control = (u16)(control + 0x0400)) {
            i16 a;
            i32 b;
            i64 c, d;
            u8 decimal[10];
            double e;
            float f;
            __asm__ volatile("fninit; fldcw %7; fldt %6; fistps %0; fldt %6; fistpl %1; fldt %6; fistpll %2; fldt %6; "
                             "fisttpll %3; fldt %6; fstpl %4; fldt %6; fstps %5; fldt %6; fbstp %8; fninit"
                             : "=m"(a), "=m"(b), "=m"(c), "=m"(d), "=m"(e), "=m"(f)
                             : "m"(NUMBERS[i]), "m"(control), "m"(decimal)
                             : "memory");
            hash = mix(mix(mix(mix(hash, (u64)(i64)a), (u64)(i64)b), (u64)c), (u64)d);
            hash = mix_bytes(mix_bytes(mix_bytes(hash, &e, 8), &f, 4), decimal, 10);
        }
    answer("x87-stores", hash);
}

/* SSE to SSE4.2, AES and PCLMUL as they are, then AVX and AVX2 with the same operands at 256 bits. */
typedef u64 Wide __attribute__((vector_size(32)));
typedef u64 Half __attribute__((vector_size(16)));

static Wide operand(int seed, bool number)
{
    union {
        Wide all;
        u64 at[4];
        float f[8];
        double d[4];
    } v;
    for (int i = 0; i < 4; i++)
        v.at[i] = VALUES[(seed * 5 + i * 3) % 24] * (u64)(seed | 1) ^ VALUES[(seed + i) % 24] << 7;
    if (number == 1)
        for (int i = 0; i < 8; i++)
            v.f[i] = (float)((i64)v.at[i / 2] >> (i * 5 + 3)) / 7;
    return v.all;
}

#define SSE(op, number)                                                                                                \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (int i = 0; i < 24; i++) {                                                                                 \
            Wide x = operand(i, number), y = operand(i * 7 + 1, number);                                               \
            Half a = {x[0], x[1]}, b = {y[0], y[1]};                                                                   \
            __asm__ volatile(op " %1, %0" : "+x"(a) : "x"(b));                                                         \
            hash = mix_bytes(hash, &a, 16);                                                                            \
        }                                                                                                              \
        answer(op, hash);                                                                                              \
    }
#define AVX(op, number)                                                                                                \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (int i = 0; i < 24; i++) {                                                                                 \
            Wide x = operand(i, number), y = operand(i * 7 + 1, number);                                               \
            __asm__ volatile("v" op " %t1, %t0, %t0" : "+x"(x) : "x"(y));                                              \
            hash = mix_bytes(hash, &x, 32);                                                                            \
        }                                                                                                              \
        answer("v" op, hash);                                                                                          \
    }
#define AVX_ONE(op, number)                                                                                            \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (int i = 0; i < 24; i++) {                                                                                 \
            Wide x = operand(i, number);                                                                               \
            __asm__ volatile("v" op " %t0, %t0" : "+x"(x));                                                            \
            hash = mix_bytes(hash, &x, 32);                                                                            \
        }                                                                                                              \
        answer("v" op, hash);                                                                                          \
    }
#define AVX_HALF(op)                                                                                                   \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (int i = 0; i < 24; i++) {                                                                                 \
            Wide x = operand(i, 0);                                                                                    \
            __asm__ volatile("v" op " %x0, %t0" : "+x"(x));                                                            \
            hash = mix_bytes(hash, &x, 32);                                                                            \
        }                                                                                                              \
        answer("v" op, hash);                                                                                          \
    }
#define IMMEDIATE(op, wide, imm, number)                                                                               \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (int i = 0; i < 24; i++) {                                                                                 \
            Wide x = operand(i, number), y = operand(i * 7 + 1, number);                                               \
            Half a = {x[0], x[1]}, b = {y[0], y[1]};                                                                   \
            __asm__ volatile(op " $" #imm ", %1, %0" : "+x"(a) : "x"(b));                                              \
            __asm__ volatile("v" op " $" #imm ", " wide : "+x"(x) : "x"(y));                                           \
            hash = mix_bytes(mix_bytes(hash, &a, 16), &x, 32);                                                         \
        }                                                                                                              \
        answer(op "-" #imm, hash);                                                                                     \
    }
#define BOTH(op) SSE(op, 0) AVX(op, 0)
#define FLOATS(op) SSE(op, 1) AVX(op, 1)
#define ONE(op, number) SSE(op, number) AVX_ONE(op, number)
#define WIDER(op) SSE(op, 0) AVX_HALF(op)
#define TWO "%t1, %t0"
#define THREE "%t1, %t0, %t0"

static void simd(void)
{
    /* clang-format off */
    BOTH("paddb") BOTH("paddw") BOTH("paddd") BOTH("paddq") BOTH("paddsb") BOTH("paddsw") BOTH("paddusb") BOTH("paddusw")
    BOTH("psubb") BOTH("psubw") BOTH("psubd") BOTH("psubq") BOTH("psubsb") BOTH("psubsw") BOTH("psubusb") BOTH("psubusw")
    BOTH("pmullw") BOTH("pmulhw") BOTH("pmulhuw") BOTH("pmuludq") BOTH("pmuldq") BOTH("pmulld") BOTH("pmulhrsw")
    BOTH("pmaddwd") BOTH("pmaddubsw") BOTH("psadbw") BOTH("pavgb") BOTH("pavgw") BOTH("pand") BOTH("pandn") BOTH("por")
    BOTH("pxor") BOTH("pcmpeqb") BOTH("pcmpeqw") BOTH("pcmpeqd") BOTH("pcmpeqq") BOTH("pcmpgtb") BOTH("pcmpgtw")
    BOTH("pcmpgtd") BOTH("pcmpgtq") BOTH("pminub") BOTH("pminuw") BOTH("pminud") BOTH("pminsb") BOTH("pminsw")
    BOTH("pminsd") BOTH("pmaxub") BOTH("pmaxuw") BOTH("pmaxud") BOTH("pmaxsb") BOTH("pmaxsw") BOTH("pmaxsd")
    BOTH("packsswb") BOTH("packssdw") BOTH("packuswb") BOTH("packusdw") BOTH("punpcklbw") BOTH("punpcklwd")
    BOTH("punpckldq") BOTH("punpcklqdq") BOTH("punpckhbw") BOTH("punpckhwd") BOTH("punpckhdq") BOTH("punpckhqdq")
    BOTH("pshufb") BOTH("phaddw") BOTH("phaddd") BOTH("phaddsw") BOTH("phsubw") BOTH("phsubd") BOTH("phsubsw")
    BOTH("psignb") BOTH("psignw") BOTH("psignd") BOTH("unpcklps") BOTH("unpckhps") BOTH("unpcklpd") BOTH("unpckhpd")
    BOTH("andps") BOTH("andnpd") BOTH("orps") BOTH("xorpd")
    SSE("psllw", 0) SSE("pslld", 0) SSE("psllq", 0) SSE("psrlw", 0) SSE("psrld", 0) SSE("psrlq", 0) SSE("psraw", 0)
    SSE("psrad", 0)
    ONE("pabsb", 0) ONE("pabsw", 0) ONE("pabsd", 0)
    WIDER("pmovsxbw") WIDER("pmovsxbd") WIDER("pmovsxbq") WIDER("pmovsxwd") WIDER("pmovsxwq") WIDER("pmovsxdq")
    WIDER("pmovzxbw") WIDER("pmovzxbd") WIDER("pmovzxbq") WIDER("pmovzxwd") WIDER("pmovzxwq") WIDER("pmovzxdq")
    FLOATS("addps") FLOATS("subps") FLOATS("mulps") FLOATS("divps") FLOATS("minps") FLOATS("maxps") FLOATS("addsubps")
    FLOATS("haddps") FLOATS("hsubps") FLOATS("addpd") FLOATS("subpd") FLOATS("mulpd") FLOATS("divpd") FLOATS("minpd")
    FLOATS("maxpd") FLOATS("addsubpd") FLOATS("haddpd") FLOATS("hsubpd") FLOATS("cmpltps") FLOATS("cmpeqpd")
    FLOATS("cmpunordps") FLOATS("cmpnlepd")
    SSE("addss", 1) SSE("mulss", 1) SSE("divsd", 1) SSE("subsd", 1) SSE("sqrtsd", 1) SSE("minss", 1) SSE("maxsd", 1)
    SSE("cvtss2sd", 1) SSE("cvtsd2ss", 1) SSE("phminposuw", 0)
    ONE("sqrtps", 1) ONE("sqrtpd", 1) ONE("cvtdq2ps", 0) ONE("cvtps2dq", 1) ONE("cvttps2dq", 1) ONE("movsldup", 0)
    ONE("movshdup", 0) ONE("movddup", 0)
    SSE("cvtdq2pd", 0) SSE("cvttpd2dq", 1) SSE("cvtpd2ps", 1) SSE("cvtps2pd", 1)
    SSE("aesenc", 0) SSE("aesenclast", 0) SSE("aesdec", 0) SSE("aesdeclast", 0) SSE("aesimc", 0)
    IMMEDIATE("pshufd", TWO, 0x1b, 0) IMMEDIATE("pshuflw", TWO, 0x4e, 0) IMMEDIATE("pshufhw", TWO, 0x93, 0)
    IMMEDIATE("shufps", THREE, 0xc6, 0) IMMEDIATE("shufpd", THREE, 1, 0) IMMEDIATE("palignr", THREE, 5, 0)
    IMMEDIATE("palignr", THREE, 21, 0) IMMEDIATE("pblendw", THREE, 0xa5, 0) IMMEDIATE("blendps", THREE, 6, 0)
    IMMEDIATE("mpsadbw", THREE, 5, 0) IMMEDIATE("roundps", TWO, 0, 1) IMMEDIATE("roundps", TWO, 1, 1)
    IMMEDIATE("roundpd", TWO, 2, 1) IMMEDIATE("roundpd", TWO, 3, 1)
    AVX("psllvd", 0) AVX("psllvq", 0) AVX("psrlvd", 0) AVX("psrlvq", 0) AVX("psravd", 0) AVX("permd", 0) AVX("permilps", 0)
    AVX("fmadd213ps", 1) AVX("fmsub231pd", 1) AVX("fnmadd132ps", 1) AVX("fnmsub213pd", 1) AVX("fmaddsub231ps", 1)
        /* clang-format on */
        u64 hash = 0,
            compared = 0;
    for (int i = 0; i < 24; i++) {
        Wide x = operand(i, 0), y = operand(i * 7 + 1, 0), z;
        Half a = {x[0], x[1]}, b = {y[0], y[1]};
        u64 r = 0, flags;
        __asm__ volatile("pclmulqdq $0x10, %1, %0" : "+x"(a) : "x"(b));
        hash = mix_bytes(hash, &a, 16);
        __asm__ volatile("vperm2i128 $0x21, %2, %1, %0" : "=x"(z) : "x"(x), "x"(y));
        hash = mix_bytes(hash, &z, 32);
        __asm__ volatile("vpermq $0x39, %1, %0" : "=x"(z) : "x"(x));
        hash = mix_bytes(hash, &z, 32);
        __asm__ volatile("pmovmskb %1, %k0" : "=r"(r) : "x"(a));
        hash = mix(hash, r);
        __asm__ volatile("vmovmskps %t1, %k0" : "=r"(r) : "x"(x));
        hash = mix(hash, r);
        __asm__ volatile("pextrw $5, %1, %k0; pinsrd $2, %k0, %2; pextrb $9, %2, %k0" : "=&r"(r), "+x"(a), "+x"(b));
        hash = mix(mix_bytes(hash, &b, 16), r);
        __asm__ volatile("ptest %1, %2; pushfq; popq %0" : "=r"(flags) : "x"(a), "x"(b) : "cc", "memory");
        hash = mix(hash, flags & ALL);
        __asm__ volatile("pcmpistri $0x0c, %2, %1; pushfq; popq %0"
                         : "=r"(flags)
                         : "x"(a), "x"(b)
                         : "ecx", "cc", "memory");
        compared = mix(compared, flags & ALL);
        __asm__ volatile("pcmpistrm $0x48, %1, %0; movdqa %%xmm0, %0" : "+x"(a) : "x"(b) : "xmm0", "cc");
        compared = mix_bytes(compared, &a, 16);
        __asm__ volatile("pcmpestri $0x44, %2, %1" : "=c"(r) : "x"(a), "x"(b), "a"(i % 9), "d"(16 - i % 5) : "cc");
        compared = mix(compared, (u32)r);
        x = operand(i, 1);
        __asm__ volatile("comiss %x2, %x1; pushfq; popq %0" : "=r"(flags) : "x"(x), "x"(y) : "cc", "memory");
        compared = mix(compared, flags & ALL);
        __asm__ volatile("cvttss2si %x1, %0" : "=r"(r) : "x"(x));
        hash = mix(hash, r);
        __asm__ volatile("cvtss2si %x1, %k0" : "=r"(r) : "x"(x));
        hash = mix(hash, r);
        __asm__ volatile("vcvtps2ph $0, %t1, %x0; vcvtph2ps %x0, %t0" : "=&x"(z) : "x"(x));
        hash = mix_bytes(hash, &z, 32);
    }
    answer("sse-others", hash);
    answer("sse-comparisons", compared);
}

void instruction_cases(void)
{
    arithmetic();
    wide();
    conditions();
    strings();
    bits();
    x87();
    simd();
}
