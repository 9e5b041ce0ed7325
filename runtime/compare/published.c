/* published.c - looking things up in published_table.c. */
#include "runtime/compare/published.h"

#include <math.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/buf.h"
#include "runtime/compare/contrast.h"

void published_each(const char *model, const char *benchmark,
                    void (*fn)(void *arg, const struct published_scores *s), void *arg)
{
    for (const struct published_scores *s = published_table; s->model; s++)
        if (strcmp(s->model, model) == 0 && strcmp(s->benchmark, benchmark) == 0)
            fn(arg, s);
}

int published_check(const char *model)
{
    struct buf known = BUF_INIT;
    const char *last = "";
    for (const struct published_scores *s = published_table; s->model; s++) {
        if (strcmp(s->model, model) == 0) {
            buf_release(&known);
            return 0;
        }
        if (strcmp(s->model, last) != 0)
            buf_addf(&known, "%s%s", known.len ? ", " : "", s->model);
        last = s->model;
    }
    int rc = err_set(GRASP_EUSAGE, "--published: no runs of '%s' were published; there are %s",
                     model, known.ptr);
    buf_release(&known);
    return rc;
}

json_t *published_spread(const double *v, int n)
{
    double x[PUBLISHED_SEEDS] = {0};
    size_t m = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(v[i]))
            x[m++] = v[i];
    return spread_json(x, m);
}
