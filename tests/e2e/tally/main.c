#include <stdio.h>
#include "config.h"
#include "tally.h"
static int count;
static void check(int good, const char *name) { printf("%sok %d - %s\n", good ? "" : "not ", ++count, name); fflush(stdout); }
int main(void) {
    check(scaled(2) == 13, "scaled");
    check(scaled(-1) == 4, "scaled negative");
    check(entry(4) == 11, "table");
    check(length("four") == 4, "length");
    check(word(2)[0] == 't', "words");
    printf("1..5\n");
    return 0;
}
