/*
 * A program without an operating system that a system emulator runs: it computes, and says what it came to.
 *
 *   guest NAME = 0123456789abcdef      a case
 *   guest panic: ...                   a trap that no case expected
 *   guest end N                        after N cases
 *
 * It does not know the right answers (answers/ does), so that an emulator that goes wrong cannot agree with itself.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

void put_char(char c); /* the machine's serial port */
void put(const char *text);
void put_hex(u64 value);
void answer(const char *name, u64 value);
_Noreturn void finish(void); /* the last line, and the machine is switched off */
_Noreturn void power_off(void);

/* What a compiler cannot know. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x) : : "memory")

static inline u64 mix(u64 hash, u64 value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static inline u64 mix_bytes(u64 hash, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = mix(hash, ((const u8 *)from)[i]);
    return hash;
}

/* Values at which arithmetic goes wrong. */
extern const u64 VALUES[24];
#define COUNT(array) (sizeof(array) / sizeof *(array))

void integer_cases(void);
void float_cases(void);
void vector_cases(void);
void algorithm_cases(void);
void instruction_cases(void); /* of the guest's machine, as any program may execute them */
void system_cases(void);      /* that only a kernel may execute */

extern u8 frames[8][4096];
u64 page_aliases(u8 *window, void (*map)(u64 page, u64 frame)); /* eight pages at `window`, ever differently mapped */
