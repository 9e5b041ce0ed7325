/*
 * methods.c - the other methods in the loop: the same batches, engine, journal and records, but what a
 * task, a batch or an epoch leaves goes into a method's memory (method.h) without a gate. The memory
 * is committed once a batch and once an epoch where it changed.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

/* ---- the writer ---- */

struct asker {
    struct method_writer base;
    struct learn *l;
    int asked; /* in this update: numbers the samples */
};

static int ask(struct method_writer *base, struct method_call *calls, size_t n)
{
    struct asker *a = (struct asker *)(void *)base;
    struct writer_call **w = calloc(n + 1, sizeof(struct writer_call *));
    int rc = w ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = writer_start(a->l, &w[i], PHASE_OTHER, calls[i].prompt, calls[i].data,
                          a->asked++ % DRAWS_AN_UPDATE);
    if (rc == 0)
        rc = writer_wait(a->l, w, n);
    for (size_t i = 0; w && i < n; i++) {
        if (rc == 0) {
            buf_add(&calls[i].reply, w[i]->text.ptr, w[i]->text.len);
            rc = buf_check(&calls[i].reply);
        }
        writer_release(w[i]);
    }
    free(w);
    return rc;
}

/* ---- what is kept over the run ---- */

struct learn_method {
    struct asker asker;
    struct memory *memory;
    struct method_run *run;
};

void learn_method_free(struct learn *l)
{
    if (!l->method)
        return;
    method_run_free(l->method->run);
    memory_free(l->method->memory);
    free(l->method);
    l->method = NULL;
}

/* A library is GRASP's or one method's. */
static int refuse(const struct learn *l, const char *what)
{
    return err_set(GRASP_EREFUSED,
                   "the library %s holds %s; the method %s (%s) needs one of its own: name "
                   "another",
                   library_dir(l->lib), what, method_names[l->c->method.name],
                   fidelity_names[l->c->method.fidelity]);
}

int learn_method_open(struct learn *l)
{
    const struct method_settings *s = &l->c->method;
    struct memory *m = NULL;
    int rc = memory_of_set(&m, &l->at.set);
    if (rc < 0)
        return rc;
    if (s->name == METHOD_GRASP || s->name == METHOD_NONE) {
        if (m)
            rc = refuse(l, "what another method keeps");
        memory_free(m);
        return rc;
    }
    if (!m && l->at.set.n)
        return refuse(l, "skills");
    if (m && (memory_method(m) != (enum method)s->name ||
              memory_fidelity(m) != (enum fidelity)s->fidelity))
        rc = refuse(l, "what another method keeps");
    if (rc == 0 && !m)
        rc = memory_new(&m, s);
    else if (rc == 0)
        memory_configure(m, s);
    if (rc == 0 && !(l->method = calloc(1, sizeof(*l->method))))
        rc = err_oom();
    if (rc < 0) {
        memory_free(m);
        return rc;
    }
    if (s->name == METHOD_EXPEL && json_int_at(l->run.state, "anew.epoch", 0) > 0)
        log_warn("begun anew: what the epochs before rolled out is not compared again");
    l->method->memory = m;
    l->method->asker = (struct asker){{ask}, l, 0};
    l->method->run = method_run_new(m, &l->method->asker.base);
    return l->method->run ? 0 : err_oom();
}

/* ---- traces ---- */

struct traces {
    struct method_trace *v;
    char **expected;
    size_t n;
};

static void traces_free(struct traces *t)
{
    for (size_t i = 0; t->expected && i < t->n; i++)
        free(t->expected[i]);
    free(t->expected);
    free(t->v);
}

static char *expected_of(const struct task *task)
{
    json_t *v = grader_expected(task);
    struct buf text = BUF_INIT;
    if (v)
        buf_add_json_value(&text, v);
    json_decref(v);
    char *out = text.len ? buf_detach(&text) : NULL;
    buf_release(&text);
    return out;
}

static bool was_scored(struct learn *l, const struct rollout *r)
{
    return record_outcome(l, "dev", r->task, rollout_outcome(r)) != OUTCOME_UNSCORED;
}

/* Room for n traces; what could not be scored is left out of them. */
static int traces_new(struct traces *t, size_t n)
{
    *t = (struct traces){calloc(n + 1, sizeof(*t->v)), calloc(n + 1, sizeof(*t->expected)), 0};
    return t->v && t->expected ? 0 : err_oom();
}

static void traces_add(struct learn *l, struct traces *t, const struct rollout *r)
{
    if (!was_scored(l, r))
        return;
    t->expected[t->n] = expected_of(r->task);
    t->v[t->n] = (struct method_trace){.id = r->task->id,
                                       .instruction = r->task->instruction,
                                       .context = r->task->context,
                                       .chat = &r->chat,
                                       .actions = &r->actions,
                                       .status = rollout_status_name(r->status),
                                       .result = r->result,
                                       .expected = t->expected[t->n],
                                       .correct = r->correct,
                                       .error = r->status == ROLLOUT_TASK_ERROR};
    t->n++;
}

/* ---- commits ---- */

static int commit(struct learn *l)
{
    struct skill document;
    size_t before = l->at.set.n;
    int rc = memory_document(l->method->memory, &document);
    if (rc < 0)
        return rc;
    const struct skill *old = skill_set_find(&l->at.set, document.name);
    if (old)
        document.version = old->version + 1;
    rc = record_document(l, &document, before == 0);
    return rc;
}

/* The next task sees what this one left, committed or not. */
static int look_again(struct learn *l)
{
    struct skill document;
    struct skill_set set = {0};
    int rc = memory_document(l->method->memory, &document);
    if (rc == 0)
        rc = skill_set_put(&set, &document);
    struct skills_view *view = rc == 0 ? skills_view_new(&set) : NULL;
    if (rc == 0 && !view)
        rc = err_code();
    skill_set_release(&set);
    if (rc < 0)
        return rc;
    skills_view_unref(l->at.view);
    l->at.view = view;
    return 0;
}

/* ---- batches ---- */

static int add_dev(struct learn *l, struct batch *b, size_t i)
{
    int rc = group_add(b->group, &l->dev->v[b->v[i]], l->at.view,
                       draw_number(&l->s->draws, DRAW_DEV, (uint32_t)l->epoch));
    return rc < 0 ? rc : 0;
}

/* How noisy the endpoint is has to be known before tasks are run one after the other: with what the
 * run began with, on its first tasks. */
static int noise_first(struct learn *l, const struct batch *b)
{
    struct batch first = {.v = b->v, .n = b->n < NOISE_TASKS ? b->n : NOISE_TASKS};
    if (l->noise_known || !learn_wants_noise(l->c))
        return 0;
    first.group = engine_group(l->s->engine, PHASE_ROLLOUT_DEV);
    int rc = first.group ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < first.n; i++)
        rc = add_dev(l, &first, i);
    if (rc == 0)
        rc = group_wait(first.group);
    if (rc == 0)
        rc = learn_noise(l, &first);
    group_free(first.group);
    return rc;
}

static int one_by_one(struct learn *l, struct batch *b, bool *changed)
{
    int rc = noise_first(l, b);
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        struct traces t = {0};
        bool now = false;
        rc = add_dev(l, b, i);
        if (rc == 0)
            rc = group_wait(b->group);
        if (rc == 0)
            rc = traces_new(&t, 1);
        if (rc == 0)
            traces_add(l, &t, group_result(b->group, i));
        if (rc == 0 && t.n)
            rc = method_after_task(l->method->run, t.v, &now);
        if (rc == 0 && now)
            rc = look_again(l);
        *changed |= now;
        traces_free(&t);
    }
    return rc;
}

static int all_at_once(struct learn *l, struct batch *b, bool *changed)
{
    struct traces t = {0};
    size_t failures;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        rc = add_dev(l, b, i);
    if (rc == 0)
        rc = group_wait(b->group);
    if (rc == 0)
        rc = learn_outcomes(l, b, &failures);
    if (rc == 0)
        rc = learn_noise(l, b);
    if (rc == 0)
        rc = traces_new(&t, b->n);
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        traces_add(l, &t, group_result(b->group, i));
    if (rc == 0)
        rc = method_after_batch(l->method->run, t.v, t.n, changed);
    traces_free(&t);
    return rc;
}

int learn_method_batch(struct learn *l, struct batch *b)
{
    bool changed = false, serial = method_is_serial((enum method)l->c->method.name);
    size_t failures;
    l->method->asker.asked = 0;
    b->group = engine_group(l->s->engine, PHASE_ROLLOUT_DEV);
    int rc = b->group ? 0 : err_oom();
    if (rc == 0)
        rc = serial ? one_by_one(l, b, &changed) : all_at_once(l, b, &changed);
    if (rc == 0 && serial)
        rc = learn_outcomes(l, b, &failures);
    if (rc == 0 && changed)
        rc = commit(l);
    if (rc == 0)
        learn_say_writer(l);
    return rc;
}

int learn_method_epoch(struct learn *l, const struct batch *batches, size_t n)
{
    struct traces t = {0};
    bool changed = false;
    int rc = traces_new(&t, l->dev->n);
    l->method->asker.asked = 0;
    for (size_t b = 0; rc == 0 && b < n; b++)
        for (size_t i = 0; i < batches[b].n; i++) {
            l->update = (int)b; /* what its outcomes were recorded under */
            traces_add(l, &t, group_result(batches[b].group, i));
        }
    l->update = (int)n; /* numbered after the epoch's batches */
    if (rc == 0)
        rc = method_after_epoch(l->method->run, t.v, t.n, &changed);
    if (rc == 0 && changed)
        rc = commit(l);
    if (rc == 0 && changed)
        rc = record_progress(l);
    traces_free(&t);
    l->updates++;
    return rc;
}
