/* What every machine with pages must do. */
#include "guest.h"

u8 frames[8][4096] __attribute__((aligned(4096)));

u64 page_aliases(u8 *window, void (*map)(u64 page, u64 frame))
{
    u64 hash = 0;
    for (u64 round = 0; round < 20; round++) {
        for (u64 page = 0; page < 8; page++)
            map(page, (page * 3 + round) % 8);
        for (u64 at = 0; at < 8 * 4096 - 8; at += 512 - 4) {
            u64 word; /* some lie across two pages */
            u8 *place = window + at;
            OPAQUE(place);
            __builtin_memcpy(&word, place, 8);
            word += at * round + 1;
            __builtin_memcpy(place, &word, 8);
            hash = mix(hash, *(volatile u8 *)(window + (at * 7) % (8 * 4096)));
        }
    }
    return mix_bytes(hash, frames, sizeof frames);
}
