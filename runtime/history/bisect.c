/* bisect.c - which commit to ask about next. */
#include "runtime/history/bisect.h"

bool bisection_done(const struct bisection *b)
{
    return b->new - b->old <= 1;
}

/* Half of the suspects, rounded down; of three git takes the second. */
size_t bisection_next(const struct bisection *b)
{
    size_t suspects = b->new - b->old;
    return b->old + (suspects == 3 ? 2 : suspects / 2);
}

void bisection_set(struct bisection *b, bool is_new)
{
    size_t at = bisection_next(b);
    if (is_new)
        b->new = at;
    else
        b->old = at;
}
