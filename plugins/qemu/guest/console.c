/* What the guest says, on whatever machine. */
#include "guest.h"

static unsigned cases;

void put(const char *text)
{
    while (*text)
        put_char(*text++);
}

void put_hex(u64 value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[value >> shift & 15]);
}

void answer(const char *name, u64 value)
{
    put("guest ");
    put(name);
    put(" = ");
    put_hex(value);
    put("\n");
    cases++;
}

void finish(void)
{
    char digits[12], *at = digits + sizeof digits - 1;
    *at = 0;
    for (unsigned rest = cases; rest; rest /= 10)
        *--at = (char)('0' + rest % 10);
    put("guest end ");
    put(at);
    put("\n");
    power_off();
}

/* Compilers call these where they like. */
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile u8 *)to)[i] = (u8)value;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((u8 *)to <= (const u8 *)from)
        return memcpy(to, from, n);
    while (n--)
        ((volatile u8 *)to)[n] = ((const u8 *)from)[n];
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const volatile u8 *)a)[i] != ((const u8 *)b)[i])
            return ((const u8 *)a)[i] - ((const u8 *)b)[i];
    return 0;
}
