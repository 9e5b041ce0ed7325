/*
 * agent_url.h - the wall around the agent: which URLs it may reach (DESIGN.md D7). Pure.
 *
 *     const char *target, *no = agent_url_target(base, url, len, &target);   // what it wrote
 *     if (!no)
 *         no = agent_url_make(base, target, url + len - target, suffix, &sent);
 *
 * `base` ends in '/'. Both return NULL, or why not, in words for the agent.
 */
#ifndef GRASP_RUNTIME_ENV_AGENT_URL_H
#define GRASP_RUNTIME_ENV_AGENT_URL_H

#include <stddef.h>

#include "runtime/base/buf.h"

#define AGENT_URL_MAX 8000 /* bytes that every HTTP server should take (RFC 9110, section 4.1) */

/* What follows the base in an absolute URL below it. Another scheme, host, port or userinfo cannot
 * have the base as its prefix. */
const char *agent_url_target(const char *base, const char *url, size_t len, const char **target);
/* The one place where a URL of the FHIR world is made: appends base, target and suffix, always in
 * this order whatever the target looks like, with bytes that a URL cannot hold percent-encoded.
 * Refused, and nothing appended, when the path (all up to the first '?' or '#' of what is sent)
 * could leave the base: a segment "." or "..", a backslash or an encoded slash, also where they are
 * percent-encoded several times; or when the URL is longer than AGENT_URL_MAX. */
const char *agent_url_make(const char *base, const char *target, size_t len, const char *suffix,
                           struct buf *out);

#endif
