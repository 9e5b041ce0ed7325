/*
 * update.c - one update: failures of a batch -> labels, diagnoses, proposals -> candidates ->
 * gate -> a new head, or not (spec/method.md, "The loop", "Gate", "Edits").
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/update.h"

static const struct rollout *result(const struct update *u, size_t i)
{
    return group_result(u->batch->group, i);
}

/* ---- classify and diagnose ---- */

/* The failures as a phase's `tasks`, and what their agents were told. */
static json_t *with_failures(const struct update *u, enum trace_detail detail, json_t *data)
{
    struct noted said = {u->labels, u->also, u->notes};
    const struct rollout **v = calloc(u->batch->n + 1, sizeof(*v));
    json_t *tasks = json_array();
    size_t n = 0;
    for (size_t i = 0; v && i < u->batch->n; i++)
        if (update_is_failure(u, i)) {
            v[n++] = result(u, i);
            json_array_append_new(
                tasks, prompt_failure(u->l, v[n - 1], update_beside(u, v[n - 1]), detail, &said));
        }
    if (v)
        prompt_told(u->l, v, n, data);
    json_object_set_new(data, "tasks", tasks);
    free(v);
    return data;
}

static json_t *known_labels(const struct learn *l)
{
    json_t *out = json_array(), *v;
    const char *label;
    json_object_foreach (l->told.labels, label, v) {
        json_array_append_new(out, json_pack("{s:s, s:O}", "label", label, "description", v));
    }
    return out;
}

enum { LABEL_MAX = 80, ABOUT_MAX = 400, NOTE_MAX = 2000 }; /* bytes */

/* What a reply says of a task: a text, under `key` in an object, or the item `at` of a list of
 * either. NULL: nothing. Borrowed. */
static const char *said_of(const json_t *v, const char *key, size_t at)
{
    const json_t *one = json_is_array(v) ? json_array_get(v, at) : at ? NULL : v;
    return json_string_value(json_is_object(one) ? json_object_get(one, key) : one);
}

/* snake_case, which words with blanks become: labels name groups in files and prompts. False: it is
 * none, or longer. */
static bool make_label(const char *s, char label[LABEL_MAX + 1])
{
    size_t n = s ? strlen(s) : 0;
    for (size_t i = 0; i < n && n <= LABEL_MAX; i++) {
        label[i] = s[i] == ' ' ? '_' : s[i];
        if (!ascii_isalnum(label[i]) && label[i] != '_' && label[i] != '-')
            return false;
    }
    if (n == 0 || n > LABEL_MAX)
        return false;
    label[n] = '\0';
    return true;
}

/* A text for prompts, cut at a character. */
static json_t *cut_text(const char *s, size_t most)
{
    return json_stringn(s, utf8_prefix(s, strlen(s), most));
}

static int classify(struct update *u)
{
    struct learn *l = u->l;
    static const char *const keys[] = {"labels", "new_labels", NULL};
    static const struct reply_shape shape = {.keys = keys, .type = JSON_OBJECT};
    json_t *reply = NULL, *labels, *v;
    const char *key;
    json_t *data = json_pack("{s:o}", "known_labels", known_labels(l));
    int rc = ask_object(l, PHASE_CLASSIFY, "classify", with_failures(u, TRACE_CLASSIFY, data),
                        &shape, true, &reply);
    if (rc < 0)
        return rc;
    labels = json_object_get(reply, "labels");
    if (!json_is_object(labels))
        log_warn("epoch %d, update %d: the writer gave no labels; one group of all failures",
                 l->epoch + 1, l->update + 1);
    size_t without = 0;
    for (size_t i = 0; i < u->batch->n; i++) {
        const char *id = result(u, i)->task->id, *second;
        const json_t *given = json_object_get(labels, id);
        char label[LABEL_MAX + 1] = "", also[LABEL_MAX + 1];
        if (!update_is_failure(u, i))
            continue;
        if (make_label(said_of(given, "label", 0), label))
            json_object_set_new(u->labels, id, json_string(label));
        else
            without++;
        if (!(second = said_of(json_object_get(json_object_get(reply, "also"), id), "label", 0)) &&
            !(second = said_of(given, "label", 1)))
            second = json_str_at(given, "also", NULL);
        if (make_label(second, also) && !str_same(label, also))
            json_object_set_new(u->also, id, json_string(also));
    }
    if (without && json_is_object(labels))
        log_warn("epoch %d, update %d: the writer gave no usable label for %zu failure%s, which "
                 "form the group unknown",
                 l->epoch + 1, l->update + 1, without, plural((int64_t)without, "", "s"));
    json_object_foreach (json_object_get(reply, "new_labels"), key, v) {
        char label[LABEL_MAX + 1];
        if (make_label(key, label) && json_is_string(v) && !json_object_get(l->told.labels, label))
            json_object_set_new(l->told.labels, label, cut_text(json_string_value(v), ABOUT_MAX));
    }
    json_decref(reply);
    return 0;
}

static int diagnose(struct update *u)
{
    struct learn *l = u->l;
    json_t *reply = NULL;
    const char **ids = calloc(u->batch->n + 1, sizeof(*ids));
    size_t n = 0;
    for (size_t i = 0; ids && i < u->batch->n; i++)
        if (update_is_failure(u, i))
            ids[n++] = result(u, i)->task->id;
    if (!ids || !n) {
        free(ids);
        return n ? 0 : ids ? 0 : err_oom();
    }
    struct reply_shape shape = {.any = true, .keys = ids, .type = -1};
    json_t *data = json_pack("{s:o}", "library", prompt_library(&l->at.set));
    int rc = ask_object(l, PHASE_DIAGNOSE, "diagnose", with_failures(u, TRACE_DIAGNOSE, data),
                        &shape, false, &reply);
    for (size_t i = 0; rc == 0 && i < u->batch->n; i++) {
        const char *id = result(u, i)->task->id;
        const char *note = said_of(json_object_get(reply, id), "diagnosis", 0);
        if (note)
            json_object_set_new(u->notes, id, cut_text(note, NOTE_MAX));
    }
    json_decref(reply);
    free(ids);
    return rc;
}

/* ---- groups ---- */

static int group_failure(struct update *u, size_t index)
{
    const char *label = "unknown";
    if (u->l->c->cycle.cluster_failures) {
        const char *given =
            json_string_value(json_object_get(u->labels, result(u, index)->task->id));
        label = given ? given : label;
    } else {
        label = "all_failures";
    }
    struct fail_group *g = NULL;
    for (size_t i = 0; i < u->n_groups && !g; i++)
        if (strcmp(u->groups[i].label, label) == 0)
            g = &u->groups[i];
    if (!g) {
        g = &u->groups[u->n_groups++];
        g->label = label;
        g->v = calloc(u->batch->n, sizeof(*g->v));
        if (!g->v)
            return err_oom();
    }
    g->v[g->n++] = index;
    return 0;
}

/* Largest first; equal ones in the order in which they were first seen. */
static int make_groups(struct update *u)
{
    u->groups = calloc(u->batch->n, sizeof(*u->groups));
    int rc = u->groups ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < u->batch->n; i++)
        if (update_is_failure(u, i))
            rc = group_failure(u, i);
    for (size_t i = 1; i < u->n_groups; i++) { /* insertion sort: stable */
        struct fail_group g = u->groups[i];
        size_t at = i;
        for (; at > 0 && u->groups[at - 1].n < g.n; at--)
            u->groups[at] = u->groups[at - 1];
        u->groups[at] = g;
    }
    return rc;
}

/* ---- proposals ---- */

static json_t *propose_data(struct update *u, const struct fail_group *g)
{
    struct learn *l = u->l;
    struct edit_rules rules = update_rules(l);
    json_t *about = json_object_get(l->told.labels, g->label);
    json_t *data = json_pack(
        "{s:o, s:i, s:i, s:b, s:b, s:o, s:{s:s, s:s}}", "skills", prompt_skills(l), "places_left",
        (int)(rules.capacity > l->at.set.n ? rules.capacity - l->at.set.n : 0), "max_edits",
        (int)rules.max_edits, "pair", rules.capacity <= l->at.set.n + 2 && !rules.append_only,
        "append_only", (int)rules.append_only, "rejected", prompt_rejected(l), "group", "label",
        g->label, "description", about ? json_string_value(about) : "");
    if (data && update_contrast(u, g, data) < 0) {
        json_decref(data);
        data = NULL;
    }
    return data;
}

/* Counts what became of the K replies: said in the log, kept for the account and the notes. */
static int count_proposals(struct update *u, struct writer_call *const *calls, size_t n, int again,
                           const int64_t *refused_before)
{
    struct learn *l = u->l;
    size_t distinct = 0;
    json_t *refused = json_object();
    struct buf why = BUF_INIT;
    for (size_t k = 0; k < n; k++) {
        size_t i = 0;
        while (i < k && (calls[i]->text.len != calls[k]->text.len ||
                         memcmp(calls[i]->text.ptr, calls[k]->text.ptr, calls[k]->text.len) != 0))
            i++;
        distinct += i == k;
    }
    for (size_t i = 0; i < EDIT_REFUSALS; i++) {
        int64_t count = l->count.refused[i] - refused_before[i];
        const char *name = edit_refusal_name((enum edit_refusal)i);
        if (!count)
            continue;
        json_object_set_new(refused, name, json_integer(count));
        buf_addf(&why, "%s%s %lld", why.len ? ", " : "; ", name, (long long)count);
    }
    log_info("epoch %d, update %d: %zu %s asked for, %zu distinct, %zu valid%s", l->epoch + 1,
             l->update + 1, n, plural((int64_t)n, "proposal", "proposals"), distinct, u->list.n,
             why.ptr);
    buf_release(&why);
    json_t *v = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "epoch", l->epoch, "update",
                          l->update, "asked", (int)n, "distinct", (int)distinct, "valid",
                          (int)u->list.n, "asked_again", again, "refused", refused);
    l->told.asked = v;
    return json_array_append_new(l->told.proposals, v) < 0 ? err_oom() : 0;
}

static int propose(struct update *u)
{
    struct learn *l = u->l;
    size_t n = (size_t)l->c->cycle.grpo_k;
    int again = 0;
    int64_t refused[EDIT_REFUSALS];
    struct writer_call **calls = calloc(n, sizeof(*calls));
    int rc = calls ? 0 : err_oom();
    memcpy(refused, l->count.refused, sizeof(refused));
    for (size_t k = 0; rc == 0 && k < n; k++) {
        json_t *data = propose_data(u, &u->groups[k % u->n_groups]);
        rc = data ? writer_start(l, &calls[k], PHASE_PROPOSE, "propose", data, (int)k)
                  : err_set(GRASP_EINVAL, "the writer's prompt could not be made");
        json_decref(data);
    }
    if (rc == 0)
        rc = writer_wait(l, calls, n);
    if (rc == 0)
        rc = ask_again(l, calls, n, PHASE_PROPOSE, &edit_reply_shape, false, &again);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        u->k = (int)k;
        u->label = u->groups[k % u->n_groups].label;
        u->about = json_string_value(json_object_get(l->told.labels, u->label));
        rc = update_take_reply(u, &calls[k]->text, false);
    }
    if (rc == 0)
        rc = count_proposals(u, calls, n, again, refused);
    for (size_t k = 0; calls && k < n; k++)
        writer_release(calls[k]);
    free(calls);
    return rc;
}

/* ---- the whole ---- */

/* no_gate: every valid unique candidate in order, unmeasured. */
static int apply_all(struct update *u)
{
    struct learn *l = u->l;
    struct provenance from = {session_model(l->s, true)->name, l->epoch, l->update};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < u->list.n; i++) {
        struct candidate *c = &u->list.v[i];
        struct skill_set set = {0};
        bool full = l->at.set.n >= (size_t)l->c->cycle.max_learned_skills;
        bool adds = c->proposal.n == 1 && c->proposal.v[0].action == EDIT_ADD;
        if ((full && adds) || proposal_apply(&l->at.set, &c->proposal, &from, &set) < 0) {
            const char *name = c->proposal.v[0].name;
            bool taken = adds && skill_set_find(&l->at.set, name);
            update_refused(u, taken ? EDIT_EXISTS : full && adds ? EDIT_FULL : EDIT_MISSING, name);
            continue;
        }
        skill_set_release(&c->set);
        c->set = set;
        rc = library_candidate(l->lib, &c->set, &l->at.head, &c->tree);
        if (rc == 0)
            rc = record_unmeasured(l, c);
    }
    return rc;
}

/* blind_select: one of the candidates, taken unmeasured. */
static int apply_blind(struct update *u)
{
    struct learn *l = u->l;
    size_t pick = 0;
    if (l->c->cycle.blind_select == BLIND_RANDOM) {
        struct rng rng;
        rng_init(&rng, rng_seed_probes((uint64_t)l->c->cycle.seed, (uint64_t)l->epoch,
                                       (uint64_t)l->update));
        pick = rng_below(&rng, (uint32_t)u->list.n);
        return record_unmeasured(l, &u->list.v[pick]);
    }
    static const char *const keys[] = {"choice", "why", NULL};
    static const struct reply_shape shape = {.keys = keys, .type = JSON_INTEGER};
    json_t *list = json_array(), *reply = NULL;
    for (size_t i = 0; i < u->list.n; i++)
        json_array_append_new(list, json_pack("{s:i, s:o}", "number", (int)i + 1, "edits",
                                              prompt_edits(&u->list.v[i].proposal)));
    int rc = ask_object(
        l, PHASE_OTHER, "select",
        json_pack("{s:o, s:o}", "library", prompt_library(&l->at.set), "candidates", list), &shape,
        false, &reply);
    int64_t choice = json_int_at(reply, "choice", 0);
    json_decref(reply);
    if (rc < 0 || choice < 1 || choice > (int64_t)u->list.n)
        return rc;
    return record_unmeasured(l, &u->list.v[choice - 1]);
}

int learn_update(struct learn *l, const struct batch *b, struct probing *probes)
{
    struct update u = {
        .l = l, .batch = b, .labels = json_object(), .also = json_object(), .notes = json_object()};
    enum outcome *base = NULL;
    bool measured = !l->c->cycle.no_gate && l->c->cycle.blind_select == BLIND_OFF;
    int rc = classify(&u);
    if (rc == 0)
        rc = make_groups(&u);
    if (rc == 0 && measured)
        rc = probing_groups(probes, &u, false);
    if (rc == 0)
        rc = diagnose(&u);
    if (rc == 0) {
        json_t *row = json_pack("{s:i, s:O}", "update", l->update, "labels", u.labels);
        if (json_object_size(u.also))
            json_object_set(row, "also", u.also);
        if (json_object_size(u.notes))
            json_object_set(row, "notes", u.notes);
        json_array_append_new(l->told.taxonomy, row);
    }
    if (rc == 0 && measured)
        rc = probing_groups(probes, &u, true);
    if (rc == 0 && u.n_groups)
        rc = propose(&u);
    if (rc == 0 && measured) {
        u.base = probes->base;
        base = calloc(probes->set.n + 1, sizeof(*base));
        rc = base ? measure_wait(l, probes->base, &probes->set, base) : err_oom();
    }
    if (rc < 0 || !u.list.n)
        goto out;
    if (l->c->cycle.no_gate)
        rc = apply_all(&u);
    else if (l->c->cycle.blind_select != BLIND_OFF)
        rc = apply_blind(&u);
    else
        rc = update_gate(&u, &probes->set, base);
out:
    free(base);
    l->told.asked = NULL;
    update_release(&u);
    return rc;
}

int learn_recover(struct learn *l)
{
    struct update u = {.l = l, .about = "dev accuracy collapsed; a skill may be the cause"};
    struct probe_set probes = {0};
    struct group *g = NULL;
    enum outcome *base = NULL;
    struct probe_source *source = calloc(l->dev->n, sizeof(*source));
    size_t n = 0;
    for (size_t i = 0; source && i < l->dev->n; i++)
        if (l->seen.now[i] != OUTCOME_PENDING && l->seen.now[i] != OUTCOME_UNSCORED)
            source[n++] = (struct probe_source){&l->dev->v[i], l->seen.now[i] == OUTCOME_PASS};
    int rc = source
                 ? probe_set_draw(&probes, source, n, (size_t)l->c->cycle.grpo_eval_n,
                                  (enum probe_strata)l->c->gate.probe_strata, NULL,
                                  rng_seed_recovery((uint64_t)l->c->cycle.seed, (uint64_t)l->epoch))
                 : err_oom();
    if (rc < 0 || !probes.n)
        goto out;
    log_warn("epoch %d: dev accuracy is below 5 %%; trying the library without each of its skills",
             l->epoch + 1);
    u.base = g = measure_start(l, &probes, l->at.view);
    for (size_t i = 0; rc == 0 && i < l->at.set.n; i++) {
        struct proposal p = {.n = 1};
        p.v[0].action = EDIT_REMOVE;
        p.v[0].name = str_dup(l->at.set.v[i].name);
        u.k = (int)i;
        rc = update_add_candidate(&u, &p, false);
        proposal_release(&p);
    }
    base = calloc(probes.n, sizeof(*base));
    if (rc == 0)
        rc = base ? measure_wait(l, g, &probes, base) : err_oom();
    if (rc == 0)
        rc = update_gate(&u, &probes, base);
out:
    group_free(g);
    free(base);
    free(source);
    probe_set_release(&probes);
    update_release(&u);
    return rc;
}
