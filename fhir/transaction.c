/* transaction.c - batch and transaction Bundles. */
#include "fhir/rest.h"
#include "runtime/base/err.h"
int rest_bundle(struct exchange *x)
{
    return outcome_reply(x->rs, 400, "later");
}
