/*
 * matrix.h - a matrix of learning runs in one folder, whose identity is its plan:
 *
 *     DIR/plan.json           which cells there are and what each is; written once
 *     DIR/cells/CELL/run      the run of a cell, and beside it
 *     DIR/cells/CELL/library  what it learned, and
 *     DIR/cells/CELL/log      what it said
 *     DIR/journal             calls of all cells (each its own with --journal)
 *
 * A cell is one learning run: an arm (a method, an ablation, a value of a key) with a benchmark, a
 * model and a seed. Arms are compared within one benchmark and model. Or it is a transfer: a frozen
 * library scored on a model (DIR/cells/CELL/transfer).
 */
#ifndef GRASP_RUNTIME_COMPARE_MATRIX_H
#define GRASP_RUNTIME_COMPARE_MATRIX_H

#include <jansson.h>
#include <stdbool.h>

#include "runtime/base/text.h"
#include "runtime/config/config.h"

struct cell {
    char *name;          /* of its folder: letters, digits and "._-=+" */
    char *arm;           /* "grasp", "no_gate_k4", "cycle.grpo_k=8" */
    char *benchmark;     /* short name of the configuration */
    char *model;         /* as asked for, "" for the configuration's */
    char *config;        /* absolute path */
    char *preset;        /* NULL: none */
    struct strlist sets; /* KEY=VALUE */
    int64_t seed;
    char *fingerprint; /* of what decides in its configuration */
    /* of a cell that transfers: a frozen library to `model`; NULL in one that learns */
    char *library, *at, *commit;
    bool regate;
};
struct matrix {
    char *dir;
    struct cell *v;
    size_t n, cap;
};

/* What a matrix is made of; lists with commas, NULL: not given. */
struct matrix_options {
    const char *configs;     /* one, or several benchmarks */
    const char *methods;     /* default "grasp" */
    const char *seeds;       /* "1-5,7"; default the configuration's */
    const char *ablations;   /* "all" or names; of the method grasp */
    const char *models;      /* as `grasp transfer --to` has them */
    const char *const *vary; /* "KEY=V1,V2", each value an arm of the method grasp */
    size_t n_vary;
    const char *const *sets; /* for every cell */
    size_t n_sets;
    const char *preset; /* for every cell, where no models are named */
    const char
        *libraries; /* "DIR[@REV],...": cells transfer them to the models instead of learning */
    bool regate;
};

/* Makes the cells, every configuration loaded and checked. GRASP_EUSAGE or what config_load says. */
int matrix_make(struct matrix *m, const char *dir, const struct matrix_options *o);
/* Reads DIR/plan.json. GRASP_ENOTFOUND where there is none. */
int matrix_read(struct matrix *m, const char *dir);
/* Finds the same plan in DIR/plan.json, or no such file, and then writes it if `write`; another plan is
 * GRASP_EREFUSED with the first difference. */
int matrix_claim(const struct matrix *m, bool write);
void matrix_release(struct matrix *m);
bool matrix_is(const char *dir); /* a folder with a plan */
/* The configuration of a cell; GRASP_EREFUSED where it is no longer the plan's. The caller frees it. */
int cell_config(const struct cell *c, struct config **out);
/* DIR/cells/CELL/NAME; the caller frees it. */
char *cell_path(const struct matrix *m, const struct cell *c, const char *name);
/* Adds what an argument that names runs stands for: of a matrix's folder the runs of its cells that have
 * begun ("ARM=DIR" where `named`), else itself. GRASP_ENOTFOUND where no cell has a run. */
int matrix_runs(const char *arg, bool named, struct strlist *out);

#endif
