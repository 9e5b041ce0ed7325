/*
 * cache.h - the prompt cache of a simulated endpoint: which part of a prompt a server like OpenAI's
 * would have had ready. As its guide to prompt caching says: exact prefixes, in steps of 128 tokens
 * from 1,024 on; a machine is chosen by the first 256 tokens together with prompt_cache_key; what is
 * beyond about 15 requests a minute for one of these goes to other machines; a prefix stays for some
 * minutes after its last use. A prefix is there from when the request that brought it is answered.
 * Four bytes are a token.
 *
 *     struct sim_cache_settings s;
 *     rc = sim_cache_parse(&s, "machines=20,lifetime=600");
 *     cached = sim_cache_ask(c, key, chat, now);      // tokens
 *     sim_cache_ready(c, when_it_is_answered);        // not for a request that fails
 */
#ifndef GRASP_RUNTIME_SIMULATOR_CACHE_H
#define GRASP_RUNTIME_SIMULATOR_CACHE_H

#include "runtime/base/chat.h"

struct sim_cache_settings {
    int64_t machines;
    double lifetime_s;      /* after the last use; 0: for ever */
    int64_t rate;           /* a minute, per prefix and key; 0: no limit */
    int64_t block, minimum; /* tokens */
};
/* "machines=M,lifetime=S" and, where they are to be others than OpenAI's, "rate=N", "block=N",
 * "minimum=N". GRASP_EUSAGE. */
int sim_cache_parse(struct sim_cache_settings *s, const char *text);

struct sim_cache;
struct sim_cache *sim_cache_new(const struct sim_cache_settings *s); /* NULL: no memory */
void sim_cache_free(struct sim_cache *c);
/* Tokens of the prompt that are cached where the request goes; key NULL: none was named. */
int64_t sim_cache_ask(struct sim_cache *c, const char *key, const struct chat *chat, int64_t now);
/* The prompt of the last ask is there from this time on. Out of memory: it is not. */
void sim_cache_ready(struct sim_cache *c, int64_t when);

#endif
