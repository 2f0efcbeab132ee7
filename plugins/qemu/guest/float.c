/* IEEE 754 arithmetic. A NaN is one value here: its payload is the machine's affair. */
#include "guest.h"

static u64 bits64(double x)
{
    u64 bits;
    __builtin_memcpy(&bits, &x, 8);
    return x != x ? 0x7ff8000000000000u : bits;
}

static u64 bits32(float x)
{
    u32 bits;
    __builtin_memcpy(&bits, &x, 4);
    return x != x ? 0x7fc00000u : bits;
}

static const u64 DOUBLES[] = {0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
                              0x3ff0000000000001, 0x3fefffffffffffff, 0x4008000000000000, 0xc01c000000000000,
                              0x3fd5555555555555, 0x3fb999999999999a, 0x400921fb54442d18, 0x4005bf0a8b145769,
                              0x0000000000000001, 0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
                              0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
                              0x4340000000000000, 0x433fffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000,
                              0x36a0000000000000, 0x47efffffe0000000, 0x380fffffffffffff, 0x5fe0000000000000};
static const u32 FLOATS[] = {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x40400000,
                             0xc0e00000, 0x3eaaaaab, 0x3dcccccd, 0x40490fdb, 0x402df854, 0x00000001, 0x807fffff,
                             0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x4b800000,
                             0x4b7fffff, 0x4effffff, 0xcf000000, 0x20000000, 0x5f000000};

#define FPAIRS(type, table, bits, what)                                                                                \
    u64 hash = 0;                                                                                                      \
    for (size_t i = 0; i < COUNT(table); i++)                                                                          \
        for (size_t j = 0; j < COUNT(table); j++) {                                                                    \
            type a, b;                                                                                                 \
            __builtin_memcpy(&a, &table[i], sizeof a);                                                                 \
            __builtin_memcpy(&b, &table[j], sizeof b);                                                                 \
            hash = mix(hash, bits(what));                                                                              \
        }                                                                                                              \
    return hash;

#define FLOAT_OPERATORS(type, table, bits, root)                                                                       \
    static u64 add_##type(void) { FPAIRS(type, table, bits, a + b) }                                                   \
    static u64 subtract_##type(void) { FPAIRS(type, table, bits, a - b) }                                              \
    static u64 multiply_##type(void) { FPAIRS(type, table, bits, a * b) }                                              \
    static u64 divide_##type(void) { FPAIRS(type, table, bits, a / b) }                                                \
    static u64 negate_##type(void) { FPAIRS(type, table, bits, -a - -b) }                                              \
    static u64 compare_##type(void)                                                                                    \
    {                                                                                                                  \
        FPAIRS(type, table, (u64),                                                                                     \
               (a < b) | (a <= b) << 1 | (a == b) << 2 | (a != b) << 3 | (a > b) << 4 | (a >= b) << 5 |                \
                   __builtin_isless(a, b) << 6 | __builtin_isunordered(a, b) << 7)                                     \
    }                                                                                                                  \
    static u64 root_##type(void)                                                                                       \
    {                                                                                                                  \
        FPAIRS(type, table, bits, ({                                                                                   \
                   type r = a * b;                                                                                     \
                   root(r);                                                                                            \
                   r;                                                                                                  \
               }))                                                                                                     \
    }                                                                                                                  \
    static u64 whole_##type(void)                                                                                      \
    {                                                                                                                  \
        FPAIRS(type, table, (u64), ({                                                                                  \
                   type c = a / 4 + b;                                                                                 \
                   bool fits = c > -0x1p62 && c<0x1p62, small = c> - 0x1p30 && c < 0x1p30;                             \
                   (fits ? (u64)(i64)c : 1) ^ (small ? (u64)(i32)c << 8 : 2) ^ (fits && c >= 0 ? (u64)c * 3 : 3) ^     \
                       (small && c >= 0 ? (u64)(u32)c * 5 : 4);                                                        \
               }))                                                                                                     \
    }                                                                                                                  \
    static u64 from_whole_##type(void)                                                                                 \
    {                                                                                                                  \
        u64 hash = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT(VALUES); i++)                                                                     \
            for (int shift = 0; shift < 12; shift += 3) {                                                              \
                u64 v = VALUES[i] - (VALUES[i] >> shift);                                                              \
                OPAQUE(v);                                                                                             \
                hash = mix(hash,                                                                                       \
                           bits((type)v) ^ bits((type)(i64)v) * 3 ^ bits((type)(u32)v) * 5 ^ bits((type)(i32)v) * 7);  \
            }                                                                                                          \
        return hash;                                                                                                   \
    }                                                                                                                  \
    static void all_##type(void)                                                                                       \
    {                                                                                                                  \
        answer("add-" #type, add_##type());                                                                            \
        answer("subtract-" #type, subtract_##type());                                                                  \
        answer("multiply-" #type, multiply_##type());                                                                  \
        answer("divide-" #type, divide_##type());                                                                      \
        answer("negate-" #type, negate_##type());                                                                      \
        answer("compare-" #type, compare_##type());                                                                    \
        answer("square-root-" #type, root_##type());                                                                   \
        answer("to-integer-" #type, whole_##type());                                                                   \
        answer("from-integer-" #type, from_whole_##type());                                                            \
    }

#if defined __x86_64__
#define ROOT64(x) __asm__("sqrtsd %0, %0" : "+x"(x))
#define ROOT32(x) __asm__("sqrtss %0, %0" : "+x"(x))
#define FUSED64(x, y, z) __asm__("vfmadd231sd %2, %1, %0" : "+x"(z) : "x"(x), "x"(y))
#define FUSED32(x, y, z) __asm__("vfmadd231ss %2, %1, %0" : "+x"(z) : "x"(x), "x"(y))
#elif defined __aarch64__
#define ROOT64(x) __asm__("fsqrt %d0, %d0" : "+w"(x))
#define ROOT32(x) __asm__("fsqrt %s0, %s0" : "+w"(x))
#define FUSED64(x, y, z) __asm__("fmadd %d0, %d1, %d2, %d0" : "+w"(z) : "w"(x), "w"(y))
#define FUSED32(x, y, z) __asm__("fmadd %s0, %s1, %s2, %s0" : "+w"(z) : "w"(x), "w"(y))
#elif defined __riscv
#define ROOT64(x) __asm__("fsqrt.d %0, %0" : "+f"(x))
#define ROOT32(x) __asm__("fsqrt.s %0, %0" : "+f"(x))
#define FUSED64(x, y, z) __asm__("fmadd.d %0, %1, %2, %0" : "+f"(z) : "f"(x), "f"(y))
#define FUSED32(x, y, z) __asm__("fmadd.s %0, %1, %2, %0" : "+f"(z) : "f"(x), "f"(y))
#endif

FLOAT_OPERATORS(double, DOUBLES, bits64, ROOT64)
FLOAT_OPERATORS(float, FLOATS, bits32, ROOT32)

static u64 fused_double(void)
{
    FPAIRS(double, DOUBLES, bits64, ({
               double c = b - a;
               FUSED64(a, b, c);
               c;
           }))
}
static u64 fused_float(void)
{
    FPAIRS(float, FLOATS, bits32, ({
               float c = b - a;
               FUSED32(a, b, c);
               c;
           }))
}
static u64 narrower(void) { FPAIRS(double, DOUBLES, bits32, (float)(a + b)) }
static u64 wider(void) { FPAIRS(float, FLOATS, bits64, (double)(a * b)) }

static double sine(double x)
{
    double term = x, sum = x;
    for (int n = 1; n < 20; n++) {
        term *= -x * x / ((2 * n) * (2 * n + 1));
        sum += term;
    }
    return sum;
}

/* Discrete Fourier transform there and back; what is left of 256 numbers. */
static u64 fourier(void)
{
    enum { N = 128 };
    static double in[N], re[N], im[N];
    const double turn = 6.283185307179586;
    u64 hash = 0;
    for (int i = 0; i < N; i++)
        in[i] = sine(turn * (i % 16) / 16) + i % 7;
    for (int k = 0; k < N; k++) {
        re[k] = im[k] = 0;
        for (int i = 0; i < N; i++) {
            double at = turn * (i * k % N) / N;
            re[k] += in[i] * sine(turn / 4 - at);
            im[k] -= in[i] * sine(at);
        }
        hash = mix(hash, bits64(re[k]) ^ bits64(im[k]) << 1);
    }
    return hash;
}

static u64 mandelbrot(void)
{
    u64 total = 0;
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 60; x++) {
            double cr = x / 20.0 - 2, ci = y / 20.0 - 1, zr = 0, zi = 0;
            u64 n = 0;
            for (; n < 100 && zr * zr + zi * zi < 4; n++) {
                double t = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = t;
            }
            total = mix(total, n);
        }
    return total;
}

/* Hilbert's matrix, inverted by elimination: every rounding shows. */
static u64 invert(void)
{
    enum { N = 9 };
    double a[N][2 * N];
    u64 hash = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = 1.0 / (i + j + 1);
            a[i][j + N] = i == j;
        }
    for (int p = 0; p < N; p++) {
        double by = a[p][p];
        for (int j = 0; j < 2 * N; j++)
            a[p][j] /= by;
        for (int i = 0; i < N; i++) {
            double times = a[i][p];
            for (int j = 0; i != p && j < 2 * N; j++)
                a[i][j] -= times * a[p][j];
        }
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            hash = mix(hash, bits64(a[i][j + N]));
    return hash;
}

void float_cases(void)
{
    all_double();
    all_float();
    answer("fused-double", fused_double());
    answer("fused-float", fused_float());
    answer("double-to-float", narrower());
    answer("float-to-double", wider());
    answer("fourier", fourier());
    answer("mandelbrot", mandelbrot());
    answer("invert", invert());
}
