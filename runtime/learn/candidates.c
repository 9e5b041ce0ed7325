/* candidates.c - a reply of the writer becomes the candidates of an update. */
#include "runtime/learn/update.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

void candidate_release(struct candidate *c)
{
    proposal_release(&c->proposal);
    skill_set_release(&c->set);
    skills_view_unref(c->view);
    json_decref(c->seen);
}

void update_release(struct update *u)
{
    for (size_t i = 0; i < u->list.n; i++)
        candidate_release(&u->list.v[i]);
    free(u->list.v);
    for (size_t i = 0; i < u->n_groups; i++)
        free(u->groups[i].v);
    free(u->groups);
    json_decref(u->labels);
    json_decref(u->also);
    json_decref(u->notes);
}

struct edit_rules update_rules(struct learn *l)
{
    size_t capacity = (size_t)l->c->cycle.max_learned_skills;
    size_t left = l->at.set.n < capacity ? capacity - l->at.set.n : 0;
    size_t edits = (size_t)l->c->cycle.max_proposals;
    struct edit_rules rules = {.capacity = capacity,
                               .max_edits = left <= 2 && edits < 2 ? 2 : edits,
                               .dedupe_prefix = (size_t)l->c->cycle.dedupe_prefix,
                               .append_only = l->c->cycle.append_only,
                               .prompts = l->prompts,
                               .max_chars = (size_t)l->c->skills.max_chars};
    if (l->leak) {
        rules.forbidden = session_leaks;
        rules.forbidden_arg = l->leak;
    }
    return rules;
}

void update_refused(void *arg, enum edit_refusal why, const char *detail)
{
    struct update *u = arg;
    u->l->count.refused[why]++;
    log_debug("epoch %d, update %d, proposal %d refused: %s%s%s", u->l->epoch + 1, u->l->update + 1,
              u->k, edit_refusal_name(why), detail && *detail ? ": " : "", detail ? detail : "");
}

/* Takes a valid proposal as a candidate unless an earlier one is the same. */
int update_add_candidate(struct update *u, struct proposal *p, bool revision)
{
    struct learn *l = u->l;
    struct provenance from = {session_model(l->s, true)->name, l->epoch, l->update};
    for (size_t i = 0; i < u->list.n; i++)
        if (proposal_equal(&u->list.v[i].proposal, p, (size_t)l->c->cycle.dedupe_prefix)) {
            update_refused(u, EDIT_DUPLICATE, p->v[0].name);
            return 0;
        }
    struct skill_set set;
    int rc = proposal_apply(&l->at.set, p, &from, &set);
    if (rc == GRASP_EINVAL || rc == GRASP_ELIMIT) { /* a skill that nobody could read again */
        log_debug("%s", err_msg());
        update_refused(u, EDIT_BAD_TEXT, p->v[0].name);
        return 0;
    }
    if (rc < 0)
        return rc;
    struct candidate *v = reallocarray(u->list.v, u->list.n + 1, sizeof(*v));
    if (!v) {
        skill_set_release(&set);
        return err_oom();
    }
    u->list.v = v;
    struct candidate *c = &v[u->list.n];
    *c = (struct candidate){.proposal = *p,
                            .set = set,
                            .k = u->k,
                            .revision = revision,
                            .label = u->label,
                            .about = u->about};
    *p = (struct proposal){0};
    u->list.n++;
    if (rc == 0)
        rc = library_candidate(l->lib, &c->set, &l->at.head, &c->tree);
    if (rc == 0 && !(c->view = skills_view_new(&c->set)))
        rc = err_code();
    return rc;
}

/* Replies that held no edits, not even an empty list of them. */
static int64_t unread(const struct learn *l)
{
    const int64_t *n = l->count.refused;
    return n[EDIT_NO_ARRAY] + n[EDIT_CUT] + n[EDIT_UNPARSEABLE];
}

int update_take_reply(struct update *u, const struct buf *text, bool revision)
{
    struct proposal_list list = {0};
    struct edit_rules rules = update_rules(u->l);
    int64_t before = unread(u->l);
    int rc =
        edit_parse_reply(text->ptr, text->len, &u->l->at.set, &rules, &list, update_refused, u);
    if (!revision && text->len) /* what is empty was counted when it came */
        endings_count(&u->l->ended.writer, unread(u->l) > before ? ENDING_INVALID : ENDING_ANSWER,
                      text->ptr, text->len);
    for (size_t i = 0; rc == 0 && i < list.n; i++)
        rc = update_add_candidate(u, &list.v[i], revision);
    proposal_list_release(&list);
    return rc;
}
