/* session_args.c - the options of all commands that run rollouts. */
#include "runtime/commands/session_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"

int splits_parse(const char *text, enum split out[SPLITS], size_t *n)
{
    *n = 0;
    if (strcmp(text, "all") == 0) {
        for (int i = SPLIT_DEV; i <= SPLIT_TEST; i++)
            out[(*n)++] = (enum split)i;
        return 0;
    }
    while (*text) {
        char name[16];
        size_t len = strcspn(text, ",");
        snprintf(name, sizeof(name), "%.*s", (int)(len < 15 ? len : 15), text);
        int split = split_from_name(name);
        if (split < 0)
            return err_set(GRASP_EUSAGE,
                           "--split: '%s' is none of dev, val, id_test, test, full, all", name);
        bool twice = false;
        for (size_t i = 0; i < *n; i++)
            twice |= out[i] == (enum split)split;
        if (!twice)
            out[(*n)++] = (enum split)split;
        text += len + (text[len] == ',');
    }
    return *n ? 0 : err_set(GRASP_EUSAGE, "--split: which one? dev, val, id_test, test, full, all");
}

int session_options(const struct args *a, struct session_options *o)
{
    size_t n = arg_count(a, "set");
    const char **sets = calloc(n + 1, sizeof(*sets));
    if (!sets)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        sets[i] = arg_nth(a, "set", i);
    o->config = operand(a, 0);
    o->sets = sets;
    o->n_sets = n;
    o->preset = arg_str(a, "preset");
    o->journal = arg_str(a, "journal");
    o->no_journal = arg_flag(a, "no-journal");
    o->journal_flags = (arg_flag(a, "replay-only") ? JOURNAL_REPLAY_ONLY : 0) |
                       (arg_flag(a, "fresh") ? JOURNAL_FRESH : 0);
    return 0;
}

void session_say_journal(const struct session *s, const char *anew)
{
    struct journal_counts n;
    if (!s->journal)
        return;
    journal_counts(s->journal, MODEL_PHASES, &n);
    long long made = n.made - n.failed; /* those that a spent budget refused were none */
    const char *calls = plural(made, "call", "calls");
    if (n.replayed)
        log_info("%lld of %lld answers replayed from %s, %lld %s made%s%s", (long long)n.replayed,
                 (long long)n.asked, journal_where(s->journal), made, calls, *anew ? "; " : "",
                 anew);
    else if (made)
        log_info("%lld %s made, kept in %s: the same again costs nothing", made, calls,
                 journal_where(s->journal));
}

int session_keep_spent(const struct args *a, struct session *s)
{
    enum { DIGITS = 16 };
    const struct config *c = s->config;
    bool budget = c->budget.calls || c->budget.tokens || c->budget.usd > 0 || c->budget.seconds > 0;
    struct buf wish = BUF_INIT, path = BUF_INIT;
    uint8_t hash[HASH_SIZE];
    char hex[HASH_HEX];
    if (!s->journal || !budget)
        return 0;
    args_wish(a, &wish);
    hash_once(wish.ptr, wish.len, hash);
    hash_hex(hash, hex);
    buf_addf(&path, "%s/spent-%.*s.json", journal_where(s->journal), DIGITS, hex);
    int rc = buf_check(&wish) < 0 || buf_check(&path) < 0 ? err_oom()
                                                          : accounts_keep(s->accounts, path.ptr);
    buf_release(&wish);
    buf_release(&path);
    return rc;
}

int session_again(const struct args *a, struct session *s, uint32_t *counter)
{
    int64_t n = 0;
    int rc = arg_str(a, "again") ? arg_int(a, "again", 0, (1 << 28) - 1, &n) : 0;
    *counter = (uint32_t)n;
    if (n)
        s->draws.shared = false; /* a sample that is everybody's is no other one */
    return rc;
}
