/* Vectors as gcc has them in C: SIMD instructions where the machine has some. */
#include "guest.h"

#define VECTOR_OPERATORS(lane, ulane, wide)                                                                            \
    typedef lane v##lane##wide __attribute__((vector_size(wide)));                                                     \
    typedef ulane x##lane##wide __attribute__((vector_size(wide)));                                                    \
    static u64 mixed_##lane##wide(u64 hash, x##lane##wide v) { return mix_bytes(hash, &v, wide); }                     \
    static void all_##lane##wide(void)                                                                                 \
    {                                                                                                                  \
        u64 sum = 0, product = 0, compared = 0, shifted = 0, moved = 0, logic = 0, extreme = 0;                        \
        for (int round = 0; round < 40; round++) {                                                                     \
            union {                                                                                                    \
                x##lane##wide u;                                                                                       \
                v##lane##wide s;                                                                                       \
                u64 q[wide / 8];                                                                                       \
            } a, b, c;                                                                                                 \
            for (int i = 0; i < wide / 8; i++) {                                                                       \
                a.q[i] = VALUES[(round + i * 5) % 24] * 0x0101010101010101u + (u64)i;                                  \
                b.q[i] = VALUES[(round * 7 + i) % 24] ^ 0x0123456789abcdefu;                                           \
            }                                                                                                          \
            __asm__ volatile("" : "+m"(a), "+m"(b));                                                                   \
            sum = mixed_##lane##wide(sum, a.u + b.u);                                                                  \
            sum = mixed_##lane##wide(sum, a.u - b.u);                                                                  \
            product = mixed_##lane##wide(product, a.u * b.u);                                                          \
            c.s = (a.s > b.s) - (a.s == b.s) * 2;                                                                      \
            compared = mixed_##lane##wide(compared, c.u);                                                              \
            shifted = mixed_##lane##wide(shifted, a.u << 3 ^ a.u >> 2);                                                \
            c.s = a.s >> 1;                                                                                            \
            shifted = mixed_##lane##wide(shifted, c.u);                                                                \
            logic = mixed_##lane##wide(logic, (a.u & b.u) | ~(a.u ^ b.u));                                             \
            c.s = a.s > b.s;                                                                                           \
            c.u = (a.u & c.u) | (b.u & ~c.u);                                                                          \
            extreme = mixed_##lane##wide(extreme, c.u);                                                                \
            c.s = a.u < b.u;                                                                                           \
            c.u = (a.u & c.u) | (b.u & ~c.u);                                                                          \
            extreme = mixed_##lane##wide(extreme, c.u);                                                                \
            x##lane##wide order = b.u;                                                                                 \
            moved = mixed_##lane##wide(moved, __builtin_shuffle(a.u, b.u, order));                                     \
            for (unsigned i = 0; i < wide / sizeof(lane); i++)                                                         \
                order[i] = (ulane)(i * 3 + 1);                                                                         \
            moved = mixed_##lane##wide(moved, __builtin_shuffle(a.u, order));                                          \
        }                                                                                                              \
        answer("vector-add-" #lane "-" #wide, sum);                                                                    \
        answer("vector-multiply-" #lane "-" #wide, product);                                                           \
        answer("vector-compare-" #lane "-" #wide, compared);                                                           \
        answer("vector-shift-" #lane "-" #wide, shifted);                                                              \
        answer("vector-logic-" #lane "-" #wide, logic);                                                                \
        answer("vector-extreme-" #lane "-" #wide, extreme);                                                            \
        answer("vector-shuffle-" #lane "-" #wide, moved);                                                              \
    }

#define VECTOR_FLOATS(type, whole, wide)                                                                               \
    typedef type f##type##wide __attribute__((vector_size(wide)));                                                     \
    typedef whole w##type##wide __attribute__((vector_size(wide)));                                                    \
    static void all_##type##wide(void)                                                                                 \
    {                                                                                                                  \
        u64 sum = 0, product = 0, compared = 0, turned = 0;                                                            \
        for (int round = 0; round < 40; round++) {                                                                     \
            f##type##wide a, b, c;                                                                                     \
            w##type##wide d;                                                                                           \
            for (unsigned i = 0; i < wide / sizeof(type); i++) {                                                       \
                a[i] = (type)(i32)VALUES[(round + (int)i * 5) % 24] / (type)(round + 1);                               \
                b[i] = (type)(i + 1) - (type)(i16)VALUES[(round * 7 + (int)i) % 24] / 3;                               \
            }                                                                                                          \
            __asm__ volatile("" : "+m"(a), "+m"(b));                                                                   \
            c = a + b;                                                                                                 \
            sum = mix_bytes(sum, &c, wide);                                                                            \
            c = a - b;                                                                                                 \
            sum = mix_bytes(sum, &c, wide);                                                                            \
            c = a * b;                                                                                                 \
            product = mix_bytes(product, &c, wide);                                                                    \
            c = a / b;                                                                                                 \
            product = mix_bytes(product, &c, wide);                                                                    \
            d = (a < b) + (a == b) * 2;                                                                                \
            compared = mix_bytes(compared, &d, wide);                                                                  \
            d = __builtin_convertvector(b, w##type##wide);                                                             \
            turned = mix_bytes(turned, &d, wide);                                                                      \
            c = __builtin_convertvector(d * 3, f##type##wide);                                                         \
            turned = mix_bytes(turned, &c, wide);                                                                      \
        }                                                                                                              \
        answer("vector-add-" #type "-" #wide, sum);                                                                    \
        answer("vector-multiply-" #type "-" #wide, product);                                                           \
        answer("vector-compare-" #type "-" #wide, compared);                                                           \
        answer("vector-convert-" #type "-" #wide, turned);                                                             \
    }

VECTOR_OPERATORS(i8, u8, 16)
VECTOR_OPERATORS(i16, u16, 16)
VECTOR_OPERATORS(i32, u32, 16)
VECTOR_OPERATORS(i64, u64, 16)
VECTOR_OPERATORS(i8, u8, 32)
VECTOR_OPERATORS(i16, u16, 32)
VECTOR_OPERATORS(i32, u32, 32)
VECTOR_OPERATORS(i64, u64, 32)
VECTOR_FLOATS(float, i32, 16)
VECTOR_FLOATS(double, i64, 16)
VECTOR_FLOATS(float, i32, 32)
VECTOR_FLOATS(double, i64, 32)

void vector_cases(void)
{
    all_i816();
    all_i1616();
    all_i3216();
    all_i6416();
    all_i832();
    all_i1632();
    all_i3232();
    all_i6432();
    all_float16();
    all_double16();
    all_float32();
    all_double32();
}
