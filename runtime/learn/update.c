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

/* By the recorded outcome: what could not be scored the first time stays out when a run goes on. */
static bool is_failure(const struct update *u, size_t i)
{
    enum outcome o = u->l->seen.now[u->batch->v[i]];
    return o != OUTCOME_PASS && o != OUTCOME_UNSCORED && o != OUTCOME_PENDING;
}

static bool is_passing(const struct update *u, size_t i)
{
    return u->l->seen.now[u->batch->v[i]] == OUTCOME_PASS;
}

/* ---- classify and diagnose ---- */

static json_t *failures_json(const struct update *u, enum trace_detail detail)
{
    json_t *out = json_array();
    for (size_t i = 0; i < u->batch->n; i++)
        if (is_failure(u, i))
            json_array_append_new(out,
                                  prompt_trace(u->l, result(u, i), detail, u->labels, u->notes));
    return out;
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

/* Calls the writer once and gives the JSON object of its reply, NULL when it holds none. */
static int ask_object(struct learn *l, enum model_phase phase, const char *prompt, json_t *data,
                      int sample, json_t **out)
{
    struct writer_call *w = NULL;
    *out = NULL;
    int rc = writer_start(l, &w, phase, prompt, data, sample);
    if (rc == 0)
        rc = writer_wait(l, &w, 1);
    if (rc == 0)
        *out = reply_json(w->text.ptr, w->text.len, '{');
    writer_release(w);
    json_decref(data);
    return rc;
}

/* snake_case, at most 80 bytes: labels name groups in files and prompts. */
static bool label_ok(const char *s)
{
    size_t n = strlen(s);
    for (const char *p = s; *p; p++)
        if (!ascii_isalnum(*p) && *p != '_' && *p != '-')
            return false;
    return n > 0 && n <= 80;
}

/* In a world of the user's own, the writer reads what the agent is told about it. */
static json_t *with_world(const struct update *u, json_t *data)
{
    json_t *world = NULL;
    for (size_t i = 0; i < u->batch->n && !world; i++)
        world = prompt_world(u->l, result(u, i));
    if (world)
        json_object_set_new(data, "world", world);
    return data;
}

static int classify(struct update *u)
{
    struct learn *l = u->l;
    json_t *reply = NULL, *labels = NULL, *v;
    const char *key;
    for (int attempt = 1; attempt <= 2 && !json_is_object(labels); attempt++) {
        json_decref(reply);
        json_t *data = json_pack(
            "{s:i, s:o, s:o}", "attempt", attempt, "known_labels", known_labels(l), "tasks",
            failures_json(u, attempt == 1 ? TRACE_CLASSIFY : TRACE_CLASSIFY_AGAIN));
        int rc =
            ask_object(l, PHASE_CLASSIFY, "classify", with_world(u, data), attempt - 1, &reply);
        if (rc < 0)
            return rc;
        labels = json_object_get(reply, "labels");
    }
    if (!json_is_object(labels))
        log_warn("epoch %d update %d: the writer gave no labels; one group of all failures",
                 l->epoch, l->update);
    for (size_t i = 0; i < u->batch->n; i++) {
        const struct rollout *r = result(u, i);
        const char *label = json_string_value(json_object_get(labels, r->task->id));
        if (is_failure(u, i) && label && label_ok(label))
            json_object_set_new(u->labels, r->task->id, json_string(label));
    }
    json_object_foreach (json_object_get(reply, "new_labels"), key, v) {
        if (label_ok(key) && json_is_string(v) && json_string_length(v) < 400 &&
            !json_object_get(l->told.labels, key))
            json_object_set(l->told.labels, key, v);
    }
    json_decref(reply);
    return 0;
}

static int diagnose(struct update *u)
{
    struct learn *l = u->l;
    json_t *reply = NULL;
    json_t *data = json_pack("{s:o, s:o}", "library", prompt_library(&l->at.set), "tasks",
                             failures_json(u, TRACE_DIAGNOSE));
    int rc = ask_object(l, PHASE_DIAGNOSE, "diagnose", data, 0, &reply);
    for (size_t i = 0; rc == 0 && i < u->batch->n; i++) {
        const char *id = result(u, i)->task->id;
        json_t *note = json_object_get(reply, id);
        if (json_is_string(note) && json_string_length(note) < 2000)
            json_object_set(u->notes, id, note);
    }
    json_decref(reply);
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
        if (is_failure(u, i))
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

static bool in_group(const struct fail_group *g, size_t index)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i] == index)
            return true;
    return false;
}

static json_t *propose_data(struct update *u, const struct fail_group *g)
{
    struct learn *l = u->l;
    struct edit_rules rules = update_rules(l);
    json_t *tasks = json_array(), *passing = json_array(), *others = json_array();
    for (size_t i = 0; i < u->batch->n; i++) {
        const struct rollout *r = result(u, i);
        bool other = is_failure(u, i) && !in_group(g, i);
        json_t *to = is_passing(u, i) ? passing : other ? others : tasks;
        if (is_passing(u, i) || is_failure(u, i))
            json_array_append_new(
                to, prompt_trace(l, r, other ? TRACE_LINE : TRACE_PROPOSE, u->labels, u->notes));
    }
    json_t *about = json_object_get(l->told.labels, g->label);
    json_t *data = json_pack(
        "{s:o, s:i, s:i, s:b, s:b, s:o, s:{s:s, s:s}, s:o, s:o, s:o}", "skills", prompt_skills(l),
        "places_left", (int)(rules.capacity > l->at.set.n ? rules.capacity - l->at.set.n : 0),
        "max_edits", (int)rules.max_edits, "pair",
        rules.capacity <= l->at.set.n + 2 && !rules.append_only, "append_only",
        (int)rules.append_only, "rejected", prompt_rejected(l), "group", "label", g->label,
        "description", about ? json_string_value(about) : "", "tasks", tasks, "passing", passing,
        "others", others);
    return with_world(u, data);
}

/* The diagnosis that stands for a group: that of its first task that has one. */
static const char *reason_of(const struct update *u, const struct fail_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const json_t *note = json_object_get(u->notes, result(u, g->v[i])->task->id);
        if (note)
            return json_string_value(note);
    }
    return NULL;
}

static int propose(struct update *u)
{
    struct learn *l = u->l;
    size_t n = (size_t)l->c->cycle.grpo_k;
    struct writer_call **calls = calloc(n, sizeof(*calls));
    int rc = calls ? 0 : err_oom();
    for (size_t k = 0; rc == 0 && k < n; k++) {
        json_t *data = propose_data(u, &u->groups[k % u->n_groups]);
        rc = data ? writer_start(l, &calls[k], PHASE_PROPOSE, "propose", data, (int)k)
                  : err_set(GRASP_EINVAL, "the writer's prompt could not be made");
        json_decref(data);
    }
    if (rc == 0)
        rc = writer_wait(l, calls, n);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        u->k = (int)k;
        u->reason = reason_of(u, &u->groups[k % u->n_groups]);
        rc = update_take_reply(u, &calls[k]->text, false);
    }
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
    json_t *list = json_array(), *reply = NULL;
    for (size_t i = 0; i < u->list.n; i++)
        json_array_append_new(list, json_pack("{s:i, s:o}", "number", (int)i + 1, "edits",
                                              prompt_edits(&u->list.v[i].proposal)));
    int rc = ask_object(
        l, PHASE_OTHER, "select",
        json_pack("{s:o, s:o}", "library", prompt_library(&l->at.set), "candidates", list), 0,
        &reply);
    int64_t choice = json_int_at(reply, "choice", 0);
    json_decref(reply);
    if (rc < 0 || choice < 1 || choice > (int64_t)u->list.n)
        return rc;
    return record_unmeasured(l, &u->list.v[choice - 1]);
}

int learn_update(struct learn *l, const struct batch *b, struct probing *probes)
{
    struct update u = {.l = l, .batch = b, .labels = json_object(), .notes = json_object()};
    enum outcome *base = NULL;
    bool measured = !l->c->cycle.no_gate && l->c->cycle.blind_select == BLIND_OFF;
    int rc = classify(&u);
    if (rc == 0)
        rc = make_groups(&u);
    if (rc == 0 && measured)
        rc = probing_groups(probes, &u, false);
    if (rc == 0)
        rc = diagnose(&u);
    if (rc == 0)
        json_array_append_new(l->told.taxonomy,
                              json_pack("{s:i, s:O}", "update", l->update, "labels", u.labels));
    if (rc == 0 && measured)
        rc = probing_groups(probes, &u, true);
    if (rc == 0 && u.n_groups)
        rc = propose(&u);
    if (rc == 0 && measured) {
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
    update_release(&u);
    return rc;
}

int learn_recover(struct learn *l)
{
    struct update u = {.l = l, .reason = "dev accuracy collapsed; a skill may be the cause"};
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
             l->epoch);
    g = measure_start(l, &probes, l->at.view);
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
