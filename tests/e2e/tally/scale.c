#include "tally.h"
#ifndef SCALE
#define SCALE 1
#endif
int scaled(int value) { return value * SCALE + 7; }
