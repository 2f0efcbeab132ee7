#include "guest.h"

_Noreturn void guest_main(void);

void guest_main(void)
{
    integer_cases();
    float_cases();
    vector_cases();
    algorithm_cases();
    instruction_cases();
    system_cases();
    finish();
}
