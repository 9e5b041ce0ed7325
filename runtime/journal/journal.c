/*
 * journal.c - the journal as a model in front of a model.
 *
 * ask:      in flight -> join it; on disk -> ready; else make the call
 * answered: pending, until the turn of the loop ends
 * turn end: all pending answers are written to the tail at once, then they are ready
 * timer:    what is ready is delivered
 */
#include "runtime/journal/journal_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"

#define MISSING_MAX 1000

struct journal_model {
    struct model m;
    struct journal *journal;
    struct loop *loop;
    struct model *inner;
    struct journal_call *ready, **ready_last;
    uint64_t timer; /* 0: nothing is ready */
};

/* ---- counting ---- */

#define COUNT(j, phase, field, n)                                                                  \
    ((j)->counts[phase].field += (n), (j)->counts[MODEL_PHASES].field += (n))

void journal_counts(const struct journal *j, enum model_phase phase, struct journal_counts *out)
{
    *out = j->counts[phase];
}

const char *journal_where(const struct journal *j)
{
    return j->dir;
}

size_t journal_in_flight(const struct journal *j)
{
    return j->in_flight;
}

int64_t journal_damaged(const struct journal *j)
{
    return j->damaged;
}

const struct strlist *journal_missing(const struct journal *j)
{
    return &j->missing;
}

/* ---- the table of calls in flight ---- */

static struct journal_call **bucket(struct journal *j, const uint8_t key[HASH_SIZE])
{
    uint32_t h;
    memcpy(&h, key, sizeof(h)); /* the key is a hash already */
    return &j->table[h & (JOURNAL_BUCKETS - 1)];
}

static struct journal_call *table_find(struct journal *j, const uint8_t key[HASH_SIZE])
{
    struct journal_call *c = *bucket(j, key);
    while (c && memcmp(c->answer.e.key, key, HASH_SIZE) != 0)
        c = c->in_bucket;
    return c;
}

static void table_add(struct journal *j, struct journal_call *c)
{
    struct journal_call **at = bucket(j, c->answer.e.key);
    c->in_bucket = *at;
    *at = c;
}

static void table_remove(struct journal *j, const struct journal_call *c)
{
    for (struct journal_call **at = bucket(j, c->answer.e.key); *at; at = &(*at)->in_bucket)
        if (*at == c) {
            *at = c->in_bucket;
            return;
        }
}

/* ---- calls ---- */

static void drop_waiters(struct journal_call *c)
{
    for (struct journal_waiter *w = c->waiters, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    c->waiters = NULL;
    c->last = &c->waiters;
}

void journal_call_free(struct journal_call *c)
{
    drop_waiters(c);
    answer_release(&c->answer);
    free(c->error);
    free(c);
}

static struct journal_call *call_new(struct journal_model *jm, const struct model_request *rq,
                                     const uint8_t key[HASH_SIZE])
{
    struct journal_call *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    answer_init(&c->answer);
    c->model = jm;
    c->journal = jm->journal;
    c->last = &c->waiters;
    memcpy(c->answer.e.key, key, HASH_SIZE);
    c->answer.e.phase = rq->phase;
    c->answer.e.draw = rq->draw;
    return c;
}

static int call_join(struct journal_call *c, enum model_phase phase, bool paid, model_fn fn,
                     void *arg)
{
    struct journal_waiter *w = calloc(1, sizeof(*w));
    if (!w)
        return err_oom();
    *w = (struct journal_waiter){.fn = fn, .arg = arg, .phase = phase, .paid = paid};
    *c->last = w;
    c->last = &w->next;
    return 0;
}

static void call_fail(struct journal_call *c, enum model_result result, const char *why)
{
    c->result = result;
    free(c->error);
    c->error = str_dup(why ? why : "");
}

/* ---- delivery ---- */

static void deliver_one(struct journal_call *c)
{
    const struct journal_entry *e = &c->answer.e;
    bool known = c->result == MODEL_OK || c->result == MODEL_CONTEXT_LIMIT;
    bool ok = c->result == MODEL_OK;
    for (struct journal_waiter *w = c->waiters; w; w = w->next) {
        struct model_reply reply = {
            .result = c->result,
            .text = ok ? e->text : "",
            .len = ok ? e->len : 0,
            .error = ok         ? ""
                     : known    ? e->text
                     : c->error ? c->error
                                : "out of memory",
        };
        if (known) {
            reply.usage = e->usage;
            reply.latency_ns = e->latency_ns;
            reply.from_journal = !w->paid;
        }
        if (known && !w->paid) {
            model_usage_add(&c->journal->counts[w->phase].saved, &e->usage);
            model_usage_add(&c->journal->counts[MODEL_PHASES].saved, &e->usage);
        }
        w->fn(&reply, w->arg);
    }
}

static void deliver(void *arg)
{
    struct journal_model *jm = arg;
    struct journal_call *list = jm->ready;
    /* What the callbacks ask for comes in the next round. */
    jm->timer = 0;
    jm->ready = NULL;
    jm->ready_last = &jm->ready;
    for (struct journal_call *next; list; list = next) {
        next = list->next;
        deliver_one(list);
        journal_call_free(list);
    }
}

/* Takes the call; its answer is delivered soon, by a timer because that can be taken back. */
static void make_ready(struct journal_call *c)
{
    struct journal_model *jm = c->model;
    c->next = NULL;
    if (!jm) {
        journal_call_free(c);
        return;
    }
    *jm->ready_last = c;
    jm->ready_last = &c->next;
    if (!jm->timer)
        jm->timer = loop_timer(jm->loop, 0, deliver, jm);
    if (!jm->timer)
        log_error("out of memory: answers of the model are lost");
}

void journal_commit(struct journal *j)
{
    struct journal_call *list = j->pending;
    if (!list)
        return;
    j->pending = NULL;
    j->pending_last = &j->pending;
    bool kept = !j->broken && store_put(j, list) == 0;
    if (!kept && !j->broken) {
        j->broken = str_dup(err_msg());
        log_error("%s: an answer that was paid for could not be kept", err_msg());
    }
    for (struct journal_call *c = list, *next; c; c = next) {
        next = c->next;
        c->result = c->answer.e.result;
        if (!kept)
            call_fail(c, MODEL_FATAL, j->broken);
        table_remove(j, c);
        make_ready(c);
    }
}

static void turn_end(void *arg)
{
    journal_commit(((struct journal_model *)arg)->journal);
}

/* ---- asking ---- */

static void answered(const struct model_reply *reply, void *arg)
{
    struct journal_call *c = arg;
    struct journal *j = c->journal;
    struct journal_answer *a = &c->answer;
    bool known = reply->result == MODEL_OK || reply->result == MODEL_CONTEXT_LIMIT;
    j->in_flight--;
    ahead_answered(j, c);
    if (known) {
        bool ok = reply->result == MODEL_OK;
        const char *text = ok ? reply->text : reply->error ? reply->error : "";
        int rc =
            answer_set(a, c->model ? c->model->m.name : "", text, ok ? reply->len : strlen(text));
        model_usage_add(&j->counts[a->e.phase].paid, &reply->usage);
        model_usage_add(&j->counts[MODEL_PHASES].paid, &reply->usage);
        a->e.result = reply->result;
        a->e.usage = reply->usage;
        a->e.latency_ns = reply->latency_ns;
        a->e.when = clock_wall();
        if (rc == 0) {
            c->next = NULL;
            *j->pending_last = c;
            j->pending_last = &c->next;
            return;
        }
    }
    COUNT(j, a->e.phase, failed, 1);
    ahead_failed(j, c);
    call_fail(c, known ? MODEL_FATAL : reply->result, known ? err_msg() : reply->error);
    table_remove(j, c);
    make_ready(c);
}

static int ask_inner(struct journal_model *jm, const struct model_request *rq,
                     struct journal_call *c)
{
    struct journal *j = jm->journal;
    table_add(j, c);
    j->in_flight++;
    COUNT(j, rq->phase, made, 1);
    if (rq->ahead)
        ahead_made(j, c);
    int rc = model_ask(jm->inner, rq, answered, c);
    if (rc < 0) {
        ahead_answered(j, c);
        ahead_failed(j, c);
        COUNT(j, rq->phase, made, -1);
        j->in_flight--;
        table_remove(j, c);
    }
    return rc;
}

static void note_missing(struct journal *j, const struct model_request *rq, struct journal_call *c)
{
    char hex[HASH_HEX], why[160];
    hash_hex(c->answer.e.key, hex);
    COUNT(j, rq->phase, missing, 1);
    if (j->missing.n < MISSING_MAX)
        strlist_addf(&j->missing, "%s %s, draw %lld, %zu messages", hex,
                     model_phase_name(rq->phase), (long long)rq->draw, rq->chat->n);
    snprintf(why, sizeof(why), "the journal has no answer to this call (%s, %.16s)",
             model_phase_name(rq->phase), hex);
    call_fail(c, MODEL_MISSING, why);
    make_ready(c);
}

/* Another process has been at work: what it appended, and what it moved into LMDB. */
static int store_again(struct journal *j, struct journal_call *c)
{
    MDB_txn *txn;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    rc = store_get(j, txn, &c->answer);
    mdb_txn_reset(txn);
    return rc;
}

/* Looks the call up on disk: 1 found, 0 not, negative on failure. Damage is no failure of this call
 * but the end of the run: paying for it again without a word would hide that the disk is bad. */
static int look_up(struct journal *j, struct journal_call *c)
{
    enum model_phase phase = c->answer.e.phase;
    MDB_txn *txn;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    rc = store_get(j, txn, &c->answer);
    mdb_txn_reset(txn);
    if (rc == GRASP_ENOTFOUND && (rc = tail_look(j)) >= 0) {
        if (rc == 0)
            return 0;
        rc = store_again(j, c);
    }
    c->answer.e.phase = phase;
    if (rc == 0) {
        c->result = c->answer.e.result;
        COUNT(j, phase, replayed, 1);
    }
    if (rc == GRASP_EPARSE && !j->broken) {
        j->broken = str_dup(err_msg());
        return j->broken ? 0 : err_oom();
    }
    return rc == 0 ? 1 : rc == GRASP_ENOTFOUND || rc == GRASP_EPARSE ? 0 : rc;
}

/* Lets whoever asks wait for an answer that is known or on its way: 1; 0 there is none, and *c is the
 * new call that would get it; negative on failure. */
static int known(struct journal_model *jm, const struct model_request *rq, model_fn fn, void *arg,
                 struct journal_call **out)
{
    struct journal *j = jm->journal;
    const char *identity = jm->m.identity ? jm->m.identity : jm->m.name;
    uint8_t key[HASH_SIZE];
    int rc;
    *out = NULL;
    model_request_hash(rq, identity, key);
    struct journal_call *c = table_find(j, key);
    if (c && c->model) {
        if ((rc = call_join(c, rq->phase, false, fn, arg)) < 0)
            return rc;
        if (!rq->ahead)
            ahead_wanted(j, c);
        COUNT(j, rq->phase, asked, 1);
        COUNT(j, rq->phase, joined, 1);
        return 1;
    }
    c = call_new(jm, rq, key);
    if (!c)
        return err_oom();
    c->answer.request_hash = codec_request(&j->codec, rq, identity, &c->answer.e.request_len);
    rc = look_up(j, c);
    if (rc == 1 && (rc = call_join(c, rq->phase, false, fn, arg)) == 0) {
        if (!rq->ahead)
            ahead_wanted(j, c);
        COUNT(j, rq->phase, asked, 1);
        make_ready(c);
        return 1;
    }
    if (rc < 0)
        journal_call_free(c);
    else
        *out = c;
    return rc;
}

/* The same, and the answer to draw `also` stands for that to draw 0. */
static int known_by_any_draw(struct journal_model *jm, const struct model_request *rq, model_fn fn,
                             void *arg, struct journal_call **out)
{
    struct model_request other = *rq;
    struct journal_call *spare = NULL;
    int rc = known(jm, rq, fn, arg, out);
    if (rc != 0 || rq->draw != 0 || rq->also == 0 || jm->journal->broken)
        return rc;
    other.draw = rq->also;
    rc = known(jm, &other, fn, arg, &spare);
    if (spare)
        journal_call_free(spare);
    if (rc != 0) {
        journal_call_free(*out);
        *out = NULL;
    }
    return rc;
}

static int ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct journal_model *jm = (struct journal_model *)m;
    struct journal *j = jm->journal;
    struct journal_call *c;
    int rc = known_by_any_draw(jm, rq, fn, arg, &c);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    bool call_out = !j->broken && !(j->flags & (JOURNAL_REPLAY_ONLY | JOURNAL_READ_ONLY));
    if ((rc = call_join(c, rq->phase, call_out, fn, arg)) < 0)
        goto fail;
    if (call_out && (rc = ask_inner(jm, rq, c)) < 0)
        goto fail;
    COUNT(j, rq->phase, asked, 1);
    if (!call_out && j->broken) {
        COUNT(j, rq->phase, failed, 1);
        call_fail(c, MODEL_FATAL, j->broken);
        make_ready(c);
    } else if (!call_out) {
        note_missing(j, rq, c);
    }
    return 0;
fail:
    journal_call_free(c);
    return rc;
}

/* ---- life cycle ---- */

static void close_model(struct model *m)
{
    struct journal_model *jm = (struct journal_model *)m;
    struct journal *j = jm->journal;
    journal_commit(j);
    if (jm->timer)
        loop_timer_cancel(jm->loop, jm->timer);
    loop_not_at_turn_end(jm->loop, turn_end, jm);
    for (struct journal_call *c = jm->ready, *next; c; c = next) {
        next = c->next;
        journal_call_free(c);
    }
    for (size_t i = 0; i < JOURNAL_BUCKETS; i++)
        for (struct journal_call *c = j->table[i]; c; c = c->in_bucket)
            if (c->model == jm) {
                c->model = NULL; /* its answer is kept if it still comes */
                drop_waiters(c);
            }
    free(jm);
}

int journal_model(struct model **m, struct journal *j, struct loop *loop, struct model *inner)
{
    static const struct model_ops ops = {ask, close_model};
    struct journal_model *jm = calloc(1, sizeof(*jm));
    *m = NULL;
    if (!jm)
        return err_oom();
    jm->journal = j;
    jm->loop = loop;
    jm->inner = inner;
    jm->ready_last = &jm->ready;
    int rc = model_wrap(&jm->m, &ops, inner);
    if (rc == 0)
        rc = loop_at_turn_end(loop, turn_end, jm);
    if (rc < 0)
        model_close(&jm->m);
    else
        *m = &jm->m;
    return rc;
}
