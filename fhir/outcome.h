/* outcome.h - inside of libfhir: OperationOutcomes. The body is written compact; fhir_handle brings
 * it into the form that was asked for. */
#ifndef GRASP_FHIR_OUTCOME_H
#define GRASP_FHIR_OUTCOME_H

#include "fhir/fhir.h"

/* Answers with status and an OperationOutcome whose diagnostics say what to change. Returns 0. */
int fhir_outcome_reply(struct fhir_response *rs, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with 400 and the code "not-supported": the request is well-formed, we lack it. */
int fhir_outcome_unsupported(struct fhir_response *rs, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Answers what a negative GRASP_E* code and err_msg stand for. Returns 0 when the request is to
 * blame, else the code (500). */
int fhir_outcome_of_error(struct fhir_response *rs, int rc);

#endif
