/*
 * grading_v1_private.h - private to v1's graders: orders as tables of checks.
 *
 * v1 asks for one order, or two in a fixed sequence, and compares field by field. The tables are in
 * grader_v1_orders.c.
 */
#ifndef GRASP_PROBES_GRADERS_GRADING_V1_PRIVATE_H
#define GRASP_PROBES_GRADERS_GRADING_V1_PRIVATE_H

#include "probes/graders/grading_private.h"

enum order_rule {
    TEXT,     /* the string `want` */
    HOLDS,    /* "contains": part of a string, member of a list, key of an object */
    ONE,      /* a list of one */
    OBJECT,   /* the JSON object `want`, whose members are strings */
    SUBJECT,  /* a reference to the task's patient, and nothing more */
    REFERRAL, /* contains what the instruction has in quotes */
    ROUTE_IV,
    ROUTE_ORAL,
    DOSE,      /* {value, unit want} with exactly the dose */
    DOSE_NEAR, /* a number within 0.1 of the dose */
};

struct order_check {
    const char *path;
    enum order_rule rule;
    const char *want;
};

struct order_form {
    const char *url; /* behind the base */
    struct order_check checks[16];
};

extern const struct order_form order_blood_pressure, order_magnesium, order_orthopedics,
    order_potassium, order_morning_potassium, order_hba1c;

struct order_wanted {
    const struct order_form *form;
    double dose; /* what the DOSE rules ask for */
};
/* Exactly `n` accepted posts, and the i-th is the i-th order. Where there are more or fewer, each
 * order is compared with the first post that went to its place, and the others are called by name. */
bool check_orders(struct grading *g, const struct order_wanted *wanted, size_t n);

#endif
