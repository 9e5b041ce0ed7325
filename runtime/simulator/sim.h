/*
 * sim.h - the inside of the simulated model (simulator.h is its public face): the agent.
 *
 *   speaker.c     who is speaking: a rollout's first message is a JSON object, a writer's prompt
 *                 begins with "# Phase:"
 *   parse.c       reads the conversation: task, functions' base URL, actions so far, FHIR answers
 *   text.c        pieces of text, read without copying them
 *   skills.c      reads skills: what their lines say, with the words of words.c and the rules of
 *                 rules.c
 *   habits.c      the wrong ways of doing a step, how common they are; what guidance makes of them
 *   v1.c, v2.c    one solver per family: the next action
 *   noise.c       outcomes that flip
 *   sim.c         the forms of a reply
 *   world.c       worlds other than the clinic (world.h)
 *   writer.c, mechanism.c, propose.c, advice.c, methods.c   the writer (writer.h)
 *   simulated.c, serve.c, serve_api.c   behind the model interface; over HTTP (serve_api.h)
 *
 * Everything up to the replies is a function of its arguments; nothing is kept between calls.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_SIM_H
#define GRASP_RUNTIME_SIMULATOR_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/chat.h"
#include "runtime/model/model.h"

/* A piece of the conversation's text; not NUL-terminated. */
struct sim_text {
    const char *s;
    size_t n;
};

enum sim_family {
    FAM_NONE,
    FAM_MRN, /* v1 task1: MRN by name and birth date */
    FAM_AGE,
    FAM_BP,       /* record a blood pressure */
    FAM_MG,       /* latest magnesium within 24 h */
    FAM_MG_ORDER, /* and replacement */
    FAM_GLU_MEAN,
    FAM_GLU,
    FAM_REFERRAL,
    FAM_K_ORDER,
    FAM_A1C,
    FAM_CT, /* v2 task1 */
    FAM_DVT,
    FAM_HEART,
    FAM_CATHETER,
    FAM_KIDNEY,
    FAM_THYROID,
    FAM_QTC,
    FAM_OPIOID,
    FAM_FLU,
    FAM_COVID,
    FAMILIES
};

/* Wrong ways of doing one step. */
enum sim_habit {
    HAB_NO_QUERY,    /* answers without looking */
    HAB_NAME_QUERY,  /* searches name=First Last, which finds nothing */
    HAB_LOINC,       /* searches with a LOINC code the server does not know */
    HAB_FIRST_PAGE,  /* stops at the first page */
    HAB_FIRST_ENTRY, /* takes the first entry instead of the latest */
    HAB_WINDOW,      /* ignores the hours the task names */
    HAB_MISSING,     /* [] or "no data" where -1 was asked for */
    HAB_UNIT,        /* "2.1 mg/dL" */
    HAB_SENTENCE,    /* answers a sentence */
    HAB_AGE,         /* rounds the age up */
    HAB_MEAN,        /* reports one value where the mean was asked for */
    HAB_DATE_FORM,   /* shortens a time to its date */
    HAB_SUBJECT,     /* subject without Patient/ */
    HAB_CATEGORY,    /* category as a bare string */
    HAB_VALUE_SHAPE, /* valueQuantity where valueString was asked for */
    HAB_CODE_SHAPE,  /* code without its system, or a coding where text was asked for */
    HAB_AUTHORED,    /* no authoredOn */
    HAB_PRIORITY,    /* no priority */
    HAB_NOTE,        /* note as a list, or shortened */
    HAB_ROUTE,       /* the route in the wrong shape */
    HAB_DOSE,        /* dose or rate off */
    HAB_ANYWAY,      /* orders when nothing is due */
    HAB_NO_ORDER,    /* reports, but does not order */
    HAB_SECOND,      /* forgets the second order */
    HAB_OCCURRENCE,  /* the second order has no time */
    HAB_NO_FINISH,   /* goes on looking after the last order */
    HAB_PROSE,       /* prose before the action */
    HAB_STATUS,      /* does not look at an order's status; orders as draft */
    HAB_CLASS,       /* knows one drug of the class only */
    HAB_DISCONTINUE, /* leaves the old order active */
    HAB_RESOURCE,    /* looks in the wrong resource */
    HAB_PERIOD,      /* does not see performedPeriod */
    HAB_INDICATION,  /* leaves the reason out */
    HAB_WINDOW_ALL,  /* sees the last 24 hours only, whatever was asked (guidance does that) */
    HAB_CONFIRM,     /* answers a confirmation (or an id) after an order */
    HAB_SLIP,        /* a mistake that no guidance reaches */
    HABITS
};
#define HABIT(h) (UINT64_C(1) << (h))

/* What the skills in a prompt do to habits. */
struct sim_guidance {
    uint64_t off;    /* habits that the skills switch off */
    uint64_t half;   /* habits that only hedged rules speak of: half of the tasks heed those */
    uint64_t on;     /* habits that too broad rules bring in */
    uint64_t some;   /* habits that a side remark brings in, at a few tasks */
    bool minus_one;  /* "always answer -1" */
    bool never_post; /* "never POST" */
    size_t skills;   /* how many were shown */
    size_t obsolete; /* long ones about this task that switched nothing off */
};

struct sim_turn {
    enum { TURN_GET, TURN_POST, TURN_OTHER } kind;
    struct sim_text text;   /* the action, whole */
    struct sim_text url;    /* after the verb, to the end of the line */
    struct sim_text answer; /* the next message; empty when there is none yet */
};
#define SIM_TURNS 64

/* text.c. */
/* The rest of the line that begins with `key` ("verdict:"), trimmed; empty when there is none. */
struct sim_text sim_field(struct sim_text record, const char *key);
bool sim_text_has(struct sim_text t, const char *needle);
bool sim_starts(struct sim_text t, const char *prefix);
/* Takes the next line off `rest`; false: there is none. */
bool sim_next_line(struct sim_text *rest, struct sim_text *line);
struct sim_text sim_trim(struct sim_text t); /* without white space at its ends */

/* A rollout as read from the conversation. */
struct sim_run {
    const struct sim_settings *settings;
    int64_t draw;
    enum sim_family family;
    char *base;        /* FHIR base URL with its slash */
    char *instruction; /* unescaped */
    char *context;
    struct sim_text skills, block; /* the field of the first message, and an injected message */
    char now[40];                  /* ISO time as the task states it; "" when it does not */
    int64_t now_ns;
    char mrn[40];
    uint64_t key; /* hash of the task's text: what habits hang on */
    struct sim_turn turns[SIM_TURNS];
    size_t n_turns, n_posts;
    uint64_t habits; /* that are on */
    struct sim_guidance guidance;
    json_t *bundles[SIM_TURNS]; /* parsed on demand */
    struct buf *out;
};

/* parse.c. Reads the rollout; false: this is none. */
bool sim_run_init(struct sim_run *r, const struct sim_settings *settings, const struct chat *chat,
                  int64_t draw, struct buf *out);
void sim_run_release(struct sim_run *r);
bool sim_has(const struct sim_run *r, enum sim_habit h);
/* The n-th text in double or single quotes of `s` (typographic ones too); "" when there is none. */
void sim_quoted(const char *s, size_t n, char *out, size_t size);
/* The first word of `s` after `from` (NULL: the start) that has the shape of an NDC (0338-1715-40),
 * a LOINC code (4548-4) or a SNOMED code (at least 9 digits). */
enum sim_code { CODE_NDC, CODE_LOINC, CODE_SNOMED };
void sim_code(const char *s, enum sim_code kind, char *out, size_t size);
/* The bundle that a turn's answer holds; borrowed, NULL when it holds none. */
json_t *sim_bundle(struct sim_run *r, size_t i);
/* An instant in a resource; date-only and zoneless texts are UTC. False: none. */
bool sim_time(const char *s, int64_t *ns);

/* The resources that the searches of one type gave so far, as an array (a new reference). When the
 * type was not searched yet, or its last page has a next link to follow, the search becomes the
 * reply and NULL is returned: the turn is over. */
json_t *sim_fetch(struct sim_run *r, const char *type, const char *query);
/* Entries with a number, in the window (hours 0: any time): the latest one, or the first. NULL:
 * none. */
const json_t *sim_latest(const struct sim_run *r, const json_t *found, int hours, bool first);
double sim_value(const json_t *observation);
const char *sim_unit(const json_t *observation);

/* sim.c. Replies. */
void sim_finish(struct sim_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* FINISH(["text"]) with the text escaped. */
void sim_say(struct sim_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_post(struct sim_run *r, const char *type, json_t *payload); /* takes the reference */
json_t *sim_subject(const struct sim_run *r);
json_t *sim_coding(const char *system, const char *code, const char *display);
/* {resourceType, code, status, intent, subject, authoredOn, priority}, habits applied. */
json_t *sim_service_request(const struct sim_run *r, const char *system, const char *code,
                            const char *display);
json_t *sim_medication(const struct sim_run *r, const char *ndc,
                       const char *text); /* ndc may be NULL */

/* skills.c. Reads the injected skills with the habits of this family in mind. */
void sim_read_skills(const struct sim_run *r, uint64_t wanted, struct sim_guidance *g);

/* habits.c. Decides the run's habits (after the guidance); the same in every turn. */
void sim_set_habits(struct sim_run *r);
uint64_t sim_family_habits(enum sim_family family);
enum sim_profile { PROFILE_WEAK, PROFILE_DEFAULT, PROFILE_STRONG };
enum sim_profile sim_profile(const struct sim_settings *s);
/* A number in [0, 1) from a key and two numbers. */
double sim_chance(uint64_t key, uint64_t a, uint64_t b);

/* act.c. Appends the next action, by the run's habits. */
void sim_act(struct sim_run *r);

/* noise.c. The next action of a run that may be flipped; `r->habits` are those without noise. */
void sim_act_noisy(struct sim_run *r);
/* The share of a task's episodes that are flipped, for a mean over tasks. */
double sim_flip_rate(double mean, uint64_t key);
/* Whether the episode of a task (by its key), shown these skills, with this draw is flipped. */
bool sim_flips(const struct sim_settings *settings, uint64_t key, struct sim_text skills,
               int64_t draw);

/* v1.c, v2.c. The next action of a family. */
void sim_solve_v1(struct sim_run *r);
void sim_solve_v2(struct sim_run *r);

/* writer.c. False: not a writer's prompt. */
bool sim_writer_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
                      struct buf *out);

/* simulated.c. The hash of a request, the same in process and over HTTP, and from it a number in
 * [0, 1): whether `sim.fail` picks this attempt. */
void sim_salt(const struct model_request *rq, uint8_t out[HASH_SIZE]);
double sim_share(const uint8_t salt[HASH_SIZE], int attempt);
/* How long sim_serve waits with the answer to the request's attempt, ns. */
int64_t sim_latency(const struct sim_settings *settings, const uint8_t salt[HASH_SIZE],
                    int attempt);

#endif
