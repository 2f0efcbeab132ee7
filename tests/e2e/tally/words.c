#include "tally.h"
#include "words.h"
const char *word(int index) { return words[index]; }
