/* stats.c - statistics of counts. */
#include "runtime/base/stats.h"

#include <math.h>

struct interval wilson(int count, int n)
{
    const double z = 1.959963984540054;
    if (n <= 0)
        return (struct interval){0, 1};
    double m = n, p = count / m, zz = z * z;
    double middle = (p + zz / (2 * m)) / (1 + zz / m);
    double half = z / (1 + zz / m) * sqrt(p * (1 - p) / m + zz / (4 * m * m));
    return (struct interval){count == 0 ? 0 : middle - half, count == n ? 1 : middle + half};
}
