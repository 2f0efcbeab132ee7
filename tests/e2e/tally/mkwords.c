#include <stdio.h>
int main(void) { puts("static const char *const words[] = {\"one\", \"two\", \"three\"};"); return 0; }
