/* agent_url.h - the wall around the agent: which URLs it may reach (DESIGN.md D7). Pure. */
#ifndef GRASP_RUNTIME_ENV_AGENT_URL_H
#define GRASP_RUNTIME_ENV_AGENT_URL_H

#include <stddef.h>

/* NULL when `url` lies below `base` (which ends in '/'), with *target set to what follows the base;
 * else why it is refused, in words for the agent. A path with ".." (percent-encoded or not), a
 * backslash or a control character is refused; another scheme, host, port or userinfo cannot have
 * the base as its prefix. */
const char *agent_url_check(const char *base, const char *url, size_t len, const char **target);

#endif
