/*
 * writer.h - the simulated model as writer: what it knows of mechanisms, and what it reads from
 * a prompt. Everything it says comes from the prompt's text.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_WRITER_H
#define GRASP_RUNTIME_SIMULATOR_WRITER_H

#include "runtime/simulator/sim.h"

enum sim_mechanism {
    MECH_BARE,    /* units and sentences in answers */
    MECH_MISSING, /* the agreed sign for nothing found */
    MECH_LATEST,
    MECH_WINDOW,
    MECH_MEAN,
    MECH_CODE,
    MECH_LOOK,
    MECH_NAME,
    MECH_AGE,
    MECH_DATE,
    MECH_SUBJECT,
    MECH_VITAL,
    MECH_FIELDS, /* authoredOn, priority, code */
    MECH_NOTE,
    MECH_DOSE,
    MECH_DUE,
    MECH_OMIT,
    MECH_SECOND,
    MECH_END,
    MECH_FORM,
    MECH_STATUS,
    MECH_CLASS,
    MECH_STOP,
    MECH_RESOURCE,
    MECH_PERIOD,
    MECH_WORLD_LOOK, /* from here: worlds other than the clinic */
    MECH_WORLD_BARE,
    MECH_WORLD_ROUND,
    MECH_WORLD_DATE,
    MECH_WORLD_MISSING,
    MECHANISMS,
    MECH_UNCLEAR = MECHANISMS,
    MECH_WORLDS = MECH_WORLD_LOOK /* how many are the clinic's */
};

/* What it would write about a mechanism. Lines of a list end in newlines. */
struct sim_advice {
    const char *label, *line;     /* classify */
    const char *names[2];         /* of a skill: it does not always choose the same */
    const char *title, *what;     /* heading and first paragraph */
    const char *when;             /* the trigger, general form */
    const char *failures, *rules; /* lists; the first rule is all that a first draft has */
    const char *task, *wrong, *right;
    const char *tags;
    const char *broad; /* an absolute rule that repairs some and breaks others */
};
extern const struct sim_advice sim_advices[MECHANISMS];
extern const char *const sim_broad_lines[]; /* all of them, NULL at the end */
/* What else may stand in a skill that helps: a remark that some tasks take amiss, one that makes
 * some talk before they act, and a word that makes a rule half a rule. */
extern const char sim_side_remarks[2][64], sim_talk_remark[], sim_hedge[];
extern const struct sim_advice sim_useless[3];

/* A record of the prompt: "### id", then its lines. */
struct sim_record {
    struct sim_text id, text;
};
#define SIM_RECORDS 256

/* A writer's prompt, read. */
struct sim_prompt {
    struct sim_text text;
    struct sim_record tasks[SIM_RECORDS], passing[SIM_RECORDS], skills[SIM_RECORDS];
    size_t n_tasks, n_passing, n_skills;
    const struct sim_settings *settings;
    uint64_t key; /* of this call */
    struct buf *out;
};

/* mechanism.c. What a failed task shows. */
enum sim_mechanism sim_mechanism_of(const struct sim_record *task);
/* A second one, which the first does not cover; MECH_UNCLEAR: none. */
enum sim_mechanism sim_second_mechanism(const struct sim_record *task);
/* Which mechanism a skill's text is about; MECH_UNCLEAR: none that is known. */
enum sim_mechanism sim_mechanism_of_skill(struct sim_text text);

/* propose.c. One reply each. */
void sim_propose(struct sim_prompt *p);
void sim_revise(struct sim_prompt *p);

/* methods.c. The same for the prompts of the other methods. */
void sim_memory_note(struct sim_prompt *p);
void sim_expel(struct sim_prompt *p);
void sim_evo_reflect(struct sim_prompt *p);
void sim_evo_curate(struct sim_prompt *p);
void sim_skillx(struct sim_prompt *p);

#endif
