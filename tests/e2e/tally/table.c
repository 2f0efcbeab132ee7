#include "tally.h"
static const int table[] = {2, 3, 5, 7, 11, 13};
int entry(int index) { return table[index]; }
