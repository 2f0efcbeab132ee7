int scaled(int value);
int entry(int index);
int length(const char *text);
const char *word(int index);
