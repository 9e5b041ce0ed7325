/*
 * words.h - what the words of a skill mean to the simulated model. Three sets of bits: WHAT a
 * line is about (rules.c is made of these), HOW it says it (for rules that are too
 * broad), TOPIC: which tasks it is for.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_WORDS_H
#define GRASP_RUNTIME_SIMULATOR_WORDS_H

#include <stdint.h>

#define BIT(n) (UINT64_C(1) << (n))

/* clang-format off */
enum { /* what */
    W_LATEST, W_EFFECTIVE, W_SORT, W_COUNT, W_NEXT, W_PAGE, W_24, W_HOUR, W_WINDOW, W_DATE,
    W_MINUS1, W_MISSING, W_VALUEQ, W_NUMBER, W_UNIT, W_SENTENCE, W_ARRAY, W_FINISH, W_GET,
    W_BEFORE, W_FAMILY, W_GIVEN, W_BIRTHDATE, W_MONTH, W_FLOOR, W_SUBJECT, W_PATIENT_SLASH,
    W_CATEGORY, W_CODING, W_VALUESTRING, W_FLOWSHEET, W_AUTHORED, W_NOW, W_PRIORITY, W_STAT,
    W_NOTE, W_TEXT, W_ROUTE, W_STRING, W_DOSE, W_RATE, W_THRESHOLD, W_COND, W_ORDER, W_SECOND,
    W_OCCUR, W_CODE_EQ, W_CODE, W_STATUS, W_ACTIVE, W_AVERAGE, W_AFTER, W_ONLY_ACTION,
    W_PERFORMED, W_DISCONTINUE, W_REASON, W_CLASS, W_RESOURCE, W_ISO, W_OLD,
    W_LOINC
};
enum { /* how */
    R_ALWAYS, R_NEVER, R_NOT, R_IF, R_INCLUDE, R_FULL, R_CONFIRM,
    R_ID, R_WRONG, R_ALWAYS_ORDER, R_NEVER_ORDER, R_INCLUDE_UNIT,
    R_FULL_SENTENCE, R_LOINC_CODE, R_ONLY, R_HEDGE, R_DOUBT, R_REMARK, R_SAY
};
enum { /* topic */
    T_ANY, T_LAB, T_WRITE, T_PATIENT, T_MG, T_K, T_GLU, T_A1C, T_AGE, T_MRN, T_BP, T_REFERRAL,
    T_CT, T_DVT, T_HEART, T_CATHETER, T_KIDNEY, T_THYROID, T_QTC, T_OPIOID, T_FLU, T_COVID
};
/* clang-format on */
_Static_assert(W_LOINC < 64, "what fits a set of bits");

struct sim_word {
    const char *word; /* lower case, [a-z0-9_]+ */
    uint64_t what, how;
    uint32_t topic;
};
extern const struct sim_word sim_words[];
extern const unsigned sim_n_words;

#endif
