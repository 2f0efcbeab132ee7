/* Integer arithmetic of every width, as C has it. */
#include "guest.h"

const u64 VALUES[24] = {0,
                        1,
                        2,
                        3,
                        7,
                        0x0f,
                        0x7f,
                        0x80,
                        0xff,
                        0x100,
                        0x7fff,
                        0x8000,
                        0xffff,
                        0x12345678,
                        0x7fffffff,
                        0x80000000,
                        0xffffffff,
                        0x100000000,
                        0x0123456789abcdef,
                        0x7fffffffffffffff,
                        0x8000000000000000,
                        0xfedcba9876543210,
                        0xfffffffffffffffe,
                        0xffffffffffffffff};

#define PAIRS(type, what)                                                                                              \
    u64 hash = 0;                                                                                                      \
    for (size_t i = 0; i < COUNT(VALUES); i++)                                                                         \
        for (size_t j = 0; j < COUNT(VALUES); j++) {                                                                   \
            type a = (type)VALUES[i], b = (type)VALUES[j];                                                             \
            OPAQUE(a);                                                                                                 \
            OPAQUE(b);                                                                                                 \
            hash = mix(hash, (u64)(what));                                                                             \
        }                                                                                                              \
    return hash;

#define OPERATORS(type, utype, bits)                                                                                   \
    static u64 add_##type(void) { PAIRS(utype, (type)(utype)(a + b)) }                                                 \
    static u64 subtract_##type(void) { PAIRS(utype, (type)(utype)(a - b)) }                                            \
    static u64 multiply_##type(void) { PAIRS(utype, (type)(utype)((u64)a * b)) }                                       \
    static u64 divide_##type(void) { PAIRS(type, b == 0 || (b == (type) - 1) ? 0 : a / b) }                            \
    static u64 remainder_##type(void) { PAIRS(type, b == 0 || (b == (type) - 1) ? 0 : a % b) }                         \
    static u64 and_##type(void) { PAIRS(type, a & b) }                                                                 \
    static u64 or_##type(void) { PAIRS(type, a | b) }                                                                  \
    static u64 xor_##type(void) { PAIRS(type, a ^ b) }                                                                 \
    static u64 and_not_##type(void) { PAIRS(type, a & ~b) }                                                            \
    static u64 negate_##type(void) { PAIRS(utype, (type)(utype)(-a) ^ b) }                                             \
    static u64 left_##type(void) { PAIRS(utype, (utype)((u64)a << (b & (bits - 1)))) }                                 \
    static u64 right_##type(void) { PAIRS(type, (type)(a >> (b & (bits - 1)))) }                                       \
    static u64 rotate_##type(void) { PAIRS(utype, (utype)((u64)a << (b & (bits - 1)) | a >> (-b & (bits - 1)))) }      \
    static u64 compare_##type(void)                                                                                    \
    {                                                                                                                  \
        PAIRS(type, (a < b) | (a <= b) << 1 | (a == b) << 2 | (a != b) << 3 | (a > b) << 4 | (a >= b) << 5)            \
    }                                                                                                                  \
    static u64 branch_##type(void)                                                                                     \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (size_t j = 0; j < COUNT(VALUES); j++) {                                                               \
                type a = (type)VALUES[i], b = (type)VALUES[j];                                                         \
                OPAQUE(a);                                                                                             \
                OPAQUE(b);                                                                                             \
                if (a < b) {                                                                                           \
                    OPAQUE(a);                                                                                         \
                    hash = mix(hash, 1);                                                                               \
                } else if (a == b) {                                                                                   \
                    OPAQUE(a);                                                                                         \
                    hash = mix(hash, 2);                                                                               \
                } else {                                                                                               \
                    OPAQUE(a);                                                                                         \
                    hash = mix(hash, 3);                                                                               \
                }                                                                                                      \
            }                                                                                                          \
        return hash;                                                                                                   \
    }                                                                                                                  \
    static void all_##type(void)                                                                                       \
    {                                                                                                                  \
        answer("add-" #type, add_##type());                                                                            \
        answer("subtract-" #type, subtract_##type());                                                                  \
        answer("multiply-" #type, multiply_##type());                                                                  \
        answer("divide-" #type, divide_##type());                                                                      \
        answer("remainder-" #type, remainder_##type());                                                                \
        answer("and-" #type, and_##type());                                                                            \
        answer("or-" #type, or_##type());                                                                              \
        answer("xor-" #type, xor_##type());                                                                            \
        answer("and-not-" #type, and_not_##type());                                                                    \
        answer("negate-" #type, negate_##type());                                                                      \
        answer("shift-left-" #type, left_##type());                                                                    \
        answer("shift-right-" #type, right_##type());                                                                  \
        answer("rotate-" #type, rotate_##type());                                                                      \
        answer("compare-" #type, compare_##type());                                                                    \
        answer("branch-" #type, branch_##type());                                                                      \
    }

OPERATORS(i8, u8, 8)
OPERATORS(u8, u8, 8)
OPERATORS(i16, u16, 16)
OPERATORS(u16, u16, 16)
OPERATORS(i32, u32, 32)
OPERATORS(u32, u32, 32)
OPERATORS(i64, u64, 64)
OPERATORS(u64, u64, 64)

static u64 high_unsigned(void) { PAIRS(u64, (unsigned __int128)a * b >> 64) }
static u64 high_signed(void) { PAIRS(i64, (__int128)a * b >> 64) }
static u64 carry(void) { PAIRS(u64, (((unsigned __int128)a << 64 | b) + ((unsigned __int128)b << 64 | a)) >> 64) }
static u64 leading(void)
{
    PAIRS(u64, (a ? __builtin_clzll(a) : 99) + (u32)(b >> 32 ? __builtin_clz((u32)(b >> 32)) : 99) * 128)
}
static u64 trailing(void) { PAIRS(u64, (a ? __builtin_ctzll(a) : 99) + ((u32)b ? __builtin_ctz((u32)b) : 99) * 128) }
static u64 swap(void) { PAIRS(u64, __builtin_bswap64(a) ^ __builtin_bswap32((u32)b) ^ __builtin_bswap16((u16)b)) }
static u64 overflow(void)
{
    PAIRS(i64, ({
              i64 r, s, t;
              i32 u;
              (u64) __builtin_add_overflow(a, b, &r) | (u64)__builtin_sub_overflow(a, b, &s) << 1 |
                  (u64)__builtin_mul_overflow((i32)a, (i32)b, &u) << 2 | ((u64)__builtin_mul_overflow(a, b, &t) << 3) |
                  (u64)(r ^ s ^ t ^ u) << 4;
          }))
}
static u64 narrow(void)
{
    PAIRS(u64, (u64)(i8)a + (u64)(i16)a * 3 + (u64)(i32)a * 5 + (u8)b * 7u + (u16)b * 11ull + (u32)b * 13ull)
}

/* Loads and stores of every width at every offset, also across the end of a page. */
static u64 memory(void)
{
    static u8 pages[8192 + 64] __attribute__((aligned(4096)));
    u64 hash = 0;
    for (size_t i = 0; i < sizeof pages; i++)
        pages[i] = (u8)(i * 37 + (i >> 8));
    for (size_t at = 4096 - 16; at < 4096 + 16; at++) {
        u8 *p = pages + at;
        OPAQUE(p);
        *(volatile u8 *)p ^= 0x5a;
        for (int wide = 1; wide < 4; wide++) {
            u64 value = 0;
            if (wide == 1) {
                u16 v;
                __builtin_memcpy(&v, p, 2);
                value = v;
                v = (u16)(v * 3);
                __builtin_memcpy(p + 1, &v, 2);
            } else if (wide == 2) {
                u32 v;
                __builtin_memcpy(&v, p, 4);
                value = v;
                v = v * 5 + 1;
                __builtin_memcpy(p + 3, &v, 4);
            } else {
                u64 v;
                __builtin_memcpy(&v, p, 8);
                value = v;
                v = v * 7 + 1;
                __builtin_memcpy(p + 5, &v, 8);
            }
            hash = mix(hash, value);
        }
        hash = mix(hash, (u64)(i64) * (volatile i8 *)p);
    }
    return mix_bytes(hash, pages + 4000, 200);
}

static u64 atomics(void)
{
    static u64 wide;
    static u32 half;
    u64 hash = 0;
    for (size_t i = 0; i < COUNT(VALUES); i++) {
        u64 v = VALUES[i], expected = wide;
        hash = mix(hash, __atomic_fetch_add(&wide, v, __ATOMIC_SEQ_CST));
        hash = mix(hash, __atomic_fetch_xor(&wide, v << 3, __ATOMIC_ACQ_REL));
        hash = mix(hash, __atomic_fetch_or(&wide, v >> 5, __ATOMIC_RELAXED));
        hash = mix(hash, __atomic_fetch_and(&wide, ~(v << 9), __ATOMIC_SEQ_CST));
        hash = mix(hash, __atomic_compare_exchange_n(&wide, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
        hash = mix(hash, __atomic_compare_exchange_n(&wide, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
        hash = mix(hash, __atomic_exchange_n(&half, (u32)v, __ATOMIC_SEQ_CST));
        hash = mix(hash, __atomic_fetch_sub(&half, (u32)(v >> 7), __ATOMIC_SEQ_CST));
        hash = mix(hash, __atomic_fetch_add(&half, (u32)(v >> 3), __ATOMIC_SEQ_CST));
        hash = mix(hash, wide ^ half);
    }
    return hash;
}

void integer_cases(void)
{
    all_i8();
    all_u8();
    all_i16();
    all_u16();
    all_i32();
    all_u32();
    all_i64();
    all_u64();
    answer("multiply-high-u64", high_unsigned());
    answer("multiply-high-i64", high_signed());
    answer("add-128", carry());
    answer("leading-zeros", leading());
    answer("trailing-zeros", trailing());
    answer("byte-swap", swap());
    answer("overflow", overflow());
    answer("extend", narrow());
    answer("memory", memory());
    answer("atomics", atomics());
}
