/* fuzz_evidence.c - evidence out of a git note may hold anything: it is checked or refused, and
 * what passes must be true to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "runtime/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gate_score s;
    json_t *v = NULL;
    int scored;

    if (json_parse(&v, (const char *)data, size, "evidence") < 0)
        return 0;
    if (gate_evidence_check(v, &s) < 0)
        goto out;
    if (json_int_at(v, "score.score", INT64_MIN) != s.score)
        abort();
    scored = s.failing + s.passing + s.unscored;
    size_t n = json_array_size(json_at(v, "probes"));
    if (!json_at(v, "rules.rule")) { /* the paper's: a probe is scored or pending */
        if ((size_t)(scored + s.pending) != n)
            abort();
    } else if ((size_t)scored > n || s.pending < 0 || (s.eligible && s.score < 1)) {
        abort();
    }
out:
    json_decref(v);
    return 0;
}
