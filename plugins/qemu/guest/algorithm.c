/* Programs as they are: loops, tables, recursion, calls through pointers. */
#include "guest.h"

static u8 text[10000];

static void fill(void)
{
    u32 state = 12345;
    for (size_t i = 0; i < sizeof text; i++) {
        state = state * 1103515245 + 12345;
        text[i] = (u8)(state >> 16);
    }
}

static u64 crc32(void)
{
    u32 table[256], crc = 0xffffffff;
    for (u32 i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
    }
    for (size_t i = 0; i < sizeof text; i++)
        crc = table[(crc ^ text[i]) & 255] ^ crc >> 8;
    return ~crc;
}

static bool prime(u32 n)
{
    for (u32 d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return true;
}

/* The first bits of the fraction of the root of a prime, as SHA-2's constants are made. */
static u64 root_bits(u32 n, int power, int bits)
{
    u64 low = 0, high = (u64)n << 32;
    while (high - low > 1) { /* in units of 2^-32 */
        u64 middle = low + (high - low) / 2;
        unsigned __int128 square = (unsigned __int128)middle * middle;
        bool above = power == 2 ? square > (unsigned __int128)n << 64 : square * middle > (unsigned __int128)n << 96;
        if (above)
            high = middle;
        else
            low = middle;
    }
    return low << 32 >> (64 - bits);
}

static u32 turn(u32 x, int n) { return x >> n | x << (32 - n); }

static u64 sha256(void)
{
    static u8 message[sizeof text + 128];
    u32 k[64], h[8], n = 2;
    for (int i = 0; i < 64; n++)
        if (prime(n)) {
            if (i < 8)
                h[i] = (u32)root_bits(n, 2, 32);
            k[i++] = (u32)root_bits(n, 3, 32);
        }
    size_t length = (sizeof text + 9 + 63) / 64 * 64;
    __builtin_memcpy(message, text, sizeof text);
    message[sizeof text] = 0x80;
    for (int i = 0; i < 8; i++)
        message[length - 1 - (size_t)i] = (u8)(sizeof text * 8 >> 8 * i);
    for (u8 *block = message; block < message + length; block += 64) {
        u32 w[64], s[8];
        for (int i = 0; i < 16; i++)
            w[i] =
                (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 | (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
                   (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
        for (int i = 0; i < 8; i++)
            s[i] = h[i];
        for (int i = 0; i < 64; i++) {
            u32 t1 = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                     k[i] + w[i];
            u32 t2 =
                (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            for (int j = 7; j > 0; j--)
                s[j] = s[j - 1];
            s[4] += t1;
            s[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++)
            h[i] += s[i];
    }
    return (u64)h[0] << 32 | h[1];
}

static u64 primes(void)
{
    static u8 composite[100000];
    u64 count = 0;
    for (u32 n = 2; n < sizeof composite; n++)
        if (!composite[n]) {
            count++;
            for (u32 m = n + n; m < sizeof composite; m += n)
                composite[m] = 1;
        }
    return count;
}

static u64 ackermann(u64 m, u64 n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int rising(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return x < y ? -1 : x > y;
}

static int falling_low_byte(const void *a, const void *b)
{
    u32 x = *(const u32 *)a & 255, y = *(const u32 *)b & 255;
    return x > y ? -1 : x < y;
}

static void sort(u32 *at, size_t n, int (*order)(const void *, const void *))
{
    for (size_t i = 1; i < n; i++) {
        u32 each = at[i];
        size_t j = i;
        for (; j > 0 && order(&at[j - 1], &each) > 0; j--)
            at[j] = at[j - 1];
        at[j] = each;
    }
}

static u64 sorting(void)
{
    static u32 words[300];
    __builtin_memcpy(words, text, sizeof words);
    sort(words, 300, rising);
    u64 hash = mix_bytes(0, words, sizeof words);
    int (*volatile order)(const void *, const void *) = falling_low_byte;
    sort(words, 300, order);
    return mix_bytes(hash, words, sizeof words);
}

/* A machine of its own: its jumps go through a table. */
static u64 interpret(void)
{
    u64 registers[4] = {1, 2, 3, 4};
    size_t at = 0;
    for (int step = 0; step < 50000; step++) {
        u8 code = text[at % sizeof text];
        u64 *to = &registers[code & 3], from = registers[code >> 2 & 3];
        at++;
        switch (code >> 4) {
        case 0: *to += from; break;
        case 1: *to -= from; break;
        case 2: *to ^= from; break;
        case 3: *to *= from | 1; break;
        case 4: *to |= from << 7; break;
        case 5: *to = ~*to; break;
        case 6: *to = *to >> 5 | *to << 59; break;
        case 7: *to = (u64)((i64)*to >> 3); break;
        case 8: *to /= from >> 40 | 1; break;
        case 9: *to = (u32)*to; break;
        case 10: *to += text[from % sizeof text]; break;
        case 11: at += from & 31; break;
        case 12: *to = __builtin_bswap64(*to); break;
        case 13: *to = (u64)(i64)(i16)*to; break;
        case 14: *to = *to > from ? *to - from : from - *to; break;
        default: *to += 0x9e3779b97f4a7c15u; break;
        }
    }
    return mix_bytes(at, registers, sizeof registers);
}

/* Code in every cache line of several pages, called in changing order. */
#define SMALL(n)                                                                                                       \
    __attribute__((noinline, aligned(512))) static u64 small_##n(u64 x)                                                \
    {                                                                                                                  \
        return (x ^ n) * (2 * n + 3) + (x >> (n + 1));                                                                 \
    }
#define SMALLS(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
SMALLS(SMALL)
#define NAME(n) small_##n,
static u64 calls(void)
{
    static u64 (*const table[])(u64) = {SMALLS(NAME)};
    u64 x = 1;
    for (size_t i = 0; i < sizeof text; i++)
        x = table[(text[i] ^ x) & 15](x);
    return x;
}

/* What repeats is written as where it was; and read back. */
static u64 compress(void)
{
    static u8 in[3000], packed[6000], out[3000];
    size_t n = 0, m = 0;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = text[(i * i >> 7) % 61] & 7;
    for (size_t i = 0; i < sizeof in;) {
        size_t best = 0, where = 0;
        for (size_t back = 1; back < 200 && back <= i; back++) {
            size_t length = 0;
            while (length < 255 && i + length < sizeof in && in[i + length] == in[i + length - back])
                length++;
            if (length > best)
                best = length, where = back;
        }
        packed[n++] = (u8)best;
        packed[n++] = best ? (u8)where : in[i];
        i += best ? best : 1;
    }
    for (size_t i = 0; i < n; i += 2)
        if (!packed[i])
            out[m++] = packed[i + 1];
        else
            for (int times = packed[i]; times--; m++)
                out[m] = out[m - packed[i + 1]];
    return mix_bytes(mix(n, m), out, sizeof out);
}

void algorithm_cases(void)
{
    fill();
    answer("crc32", crc32());
    answer("sha256", sha256());
    answer("primes", primes());
    answer("ackermann", ackermann(2, 200) * 1000 + ackermann(3, 3));
    answer("sort", sorting());
    answer("interpret", interpret());
    answer("calls", calls());
    answer("compress", compress());
}
