/* synth_v1.c - charts and tasks after MedAgentBench v1, whose graders take one time for all. */
#include "probes/synth/synth_tables_private.h"

#define NOW "2023-11-13T10:15:00+00:00"
#define LAB "http://example.org/fhir/CodeSystem/lab"
#define ITEM_LAB(code_, unit_, decimals_)                                                          \
    {                                                                                              \
        .type = SYNTH_OBSERVATION, .system = LAB, .code = code_, .text = code_, .status = "final", \
        .category = "laboratory", .unit = unit_, .decimals = decimals_                             \
    }

static const struct synth_item mg = ITEM_LAB("MG", "mg/dL", 1);
static const struct synth_item glu = ITEM_LAB("GLU", "mg/dL", 0);
static const struct synth_item k = ITEM_LAB("K", "mmol/L", 1);
static const struct synth_item a1c = ITEM_LAB("A1C", "%", 1);

static const struct synth_point magnesium[] = {
    /* normal; low before */
    {0, &mg, HOURS(1), HOURS(20), 20, 24, 1, 0},
    {0, &mg, HOURS(30), HOURS(200), 12, 18, 2, 0},
    /* mildly, moderately, severely low */
    {1, &mg, HOURS(1), HOURS(22), 15, 19, 1, 0},
    {1, &mg, HOURS(26), HOURS(300), 19, 24, 2, 0},
    {2, &mg, HOURS(1), HOURS(22), 10, 14, 1, 0},
    {2, &mg, DAYS(20), DAYS(300), 16, 22, 1, 0},
    {3, &mg, HOURS(1), HOURS(22), 5, 9, 1, 0},
    /* nothing in the last 24 hours; 5: nothing at all */
    {4, &mg, HOURS(25), HOURS(400), 8, 21, 3, 0},
    /* exactly 24 hours ago, at a step of the dose */
    {6, &mg, HOURS(24), HOURS(24), 15, 15, 1, 0},
    {6, &mg, HOURS(25), HOURS(90), 20, 24, 1, 0},
    /* low at first, normal by now */
    {7, &mg, HOURS(13), HOURS(23), 11, 14, 1, 0},
    {7, &mg, HOURS(1), HOURS(12), 20, 23, 1, 0},
};

static const struct synth_point glucose[] = {
    {0, &glu, HOURS(1), HOURS(23), 80, 240, 4, 0},
    {0, &glu, HOURS(25), HOURS(500), 70, 260, 4, 0},
    {1, &glu, HOURS(1), HOURS(23), 80, 200, 1, 0},
    {1, &glu, HOURS(26), HOURS(200), 90, 300, 1, 0},
    /* nothing in the last 24 hours; 3: nothing at all */
    {2, &glu, HOURS(25), HOURS(900), 70, 250, 5, 0},
    /* more than a page */
    {4, &glu, 10, HOURS(23), 90, 310, 24, 0},
    {4, &glu, HOURS(25), HOURS(100), 90, 310, 10, 0},
    /* exactly 24 hours ago, and a minute more */
    {5, &glu, HOURS(24), HOURS(24), 100, 140, 1, 0},
    {5, &glu, HOURS(24) + 1, HOURS(24) + 1, 250, 300, 1, 0},
    {5, &glu, HOURS(2), HOURS(8), 90, 130, 2, 0},
};

static const struct synth_point potassium[] = {
    {0, &k, HOURS(2), HOURS(20), 28, 34, 1, 0},
    {1, &k, HOURS(2), HOURS(60), 36, 48, 2, 0},
    /* 2: never measured; 3: exactly at the goal */
    {3, &k, HOURS(3), HOURS(30), 35, 35, 1, 0},
    {3, &k, HOURS(40), HOURS(90), 29, 33, 1, 0},
    /* low, long ago */
    {4, &k, DAYS(400), DAYS(900), 30, 34, 1, 0},
    /* low then, normal now, and the reverse */
    {5, &k, HOURS(30), HOURS(80), 27, 33, 1, 0},
    {5, &k, HOURS(1), HOURS(20), 37, 44, 1, 0},
    {6, &k, HOURS(30), HOURS(80), 37, 44, 2, 0},
    {6, &k, HOURS(1), HOURS(20), 30, 33, 1, 0},
    {7, &k, HOURS(1), HOURS(12), 22, 26, 1, 0},
};

static const struct synth_point hba1c[] = {
    {0, &a1c, DAYS(3), DAYS(330), 50, 110, 1, 0},
    {1, &a1c, DAYS(380), DAYS(900), 48, 98, 1, 0},
    /* 2: never measured; 3: exactly a year ago, 5: a minute more */
    {3, &a1c, DAYS(365), DAYS(365), 55, 80, 1, 0},
    {4, &a1c, DAYS(500), DAYS(800), 75, 120, 1, 0},
    {4, &a1c, DAYS(10), DAYS(200), 55, 74, 1, 0},
    {5, &a1c, DAYS(365) + 1, DAYS(365) + 1, 55, 80, 1, 0},
    {6, &a1c, DAYS(400), DAYS(1500), 50, 100, 4, 0},
};

enum { MAGNESIUM, GLUCOSE, POTASSIUM, HBA1C, NAMES, AGES, ANYBODY, PLACES };

#define COURSE(place_, kinds_, points_)                                                            \
    {                                                                                              \
        .anchor = NOW, .kinds = kinds_, .place = place_, .points = points_,                        \
        .n_points = sizeof(points_) / sizeof(*points_)                                             \
    }
static const struct synth_course courses[] = {
    COURSE(MAGNESIUM, 8, magnesium),
    COURSE(GLUCOSE, 6, glucose),
    COURSE(POTASSIUM, 8, potassium),
    COURSE(HBA1C, 7, hba1c),
};

static const char *const referrals[] = {
    "Situation: fall on the right shoulder yesterday. Background: X-ray without fracture. "
    "Assessment: suspected rotator cuff tear. Recommendation: please examine and advise on "
    "surgery.",
    "Situation: left hip pain for six weeks. Background: hip replacement in 2015. Assessment: "
    "possible loosening of the implant. Recommendation: please evaluate within the month.",
    "Situation: twisted right ankle at work. Background: MRI shows a torn lateral ligament. "
    "Assessment: grade III sprain. Recommendation: please advise on management.",
    "Situation: numb fingers at night. Background: nerve conduction study abnormal on both sides. "
    "Assessment: carpal tunnel syndrome. Recommendation: please assess for release.",
    "Situation: locked left knee since Monday. Background: physiotherapy without success. "
    "Assessment: meniscal tear. Recommendation: please consider arthroscopy.",
    NULL,
};

const struct synth_clinic synth_v1 = {
    .version = "v1",
    .families =
        {
            {{"Look up the medical record number (MRN) of {given} {family}, born {born}. If there "
              "is no such patient, the answer is \"Patient not found\".",
              "Which MRN belongs to the patient named {given} {family} with the birth date {born}? "
              "Answer \"Patient not found\" when nobody matches."},
             "",
             NOW,
             NAMES,
             0,
             NULL},
            {{"How old is the patient with MRN {mrn}?",
              "State the age of patient {mrn} in completed years."},
             "It's {now} now. Give the age as an integer, rounded down.",
             NOW,
             AGES,
             0,
             NULL},
            {{"The blood pressure of patient {mrn} has just been taken and is \"118/77 mmHg\". "
              "Please chart it.",
              "Record this blood pressure for the patient with MRN {mrn}, measured a moment ago: "
              "\"118/77 mmHg\"."},
             "It's {now} now. The flowsheet ID for blood pressure is BP.",
             NOW,
             ANYBODY,
             0,
             NULL},
            {{"Report the latest magnesium value of patient {mrn} from the last 24 hours.",
              "What was the last magnesium of patient {mrn} within the past 24 hours?"},
             "It's {now} now. Magnesium has the code \"MG\". Answer with a single number in mg/dL, "
             "or -1 if nothing was measured in the last 24 hours.",
             NOW,
             MAGNESIUM,
             0,
             NULL},
            {{"Look at the most recent serum magnesium of patient {mrn} in the last 24 hours. If "
              "it is low, order IV magnesium replacement by the dosing instructions. Without a "
              "value in the last 24 hours, order nothing.",
              "If the last serum magnesium of patient {mrn} within 24 hours is low, place an order "
              "for IV magnesium as the dosing instructions say. When no magnesium was measured in "
              "these 24 hours, place no order."},
             "It's {now} now. Magnesium has the code \"MG\". The NDC of IV magnesium is "
             "0338-1715-40. Dosing instructions: mild deficiency (serum magnesium 1.5 to 1.9 "
             "mg/dL), IV 1 g over 1 hour; moderate (1 to below 1.5 mg/dL), IV 2 g over 2 hours; "
             "severe (below 1 mg/dL), IV 4 g over 4 hours.",
             NOW,
             MAGNESIUM,
             0,
             NULL},
            {{"What was the mean CBG of patient {mrn} during the last 24 hours?",
              "Work out the average capillary blood glucose (CBG) of patient {mrn} over the past "
              "24 hours."},
             "It's {now} now. CBG has the code \"GLU\". Answer with a single number in mg/dL, or "
             "-1 if nothing was measured in the last 24 hours.",
             NOW,
             GLUCOSE,
             0,
             NULL},
            {{"Give the latest CBG of patient {mrn}.",
              "What is the last recorded capillary blood glucose (CBG) of patient {mrn}?"},
             "It's {now} now. CBG has the code \"GLU\". Answer with a single number in mg/dL, or "
             "-1 if there is none.",
             NOW,
             GLUCOSE,
             0,
             NULL},
            {{"Place an orthopedic surgery referral for patient {mrn}. Its free text must contain "
              "\"{text}\"",
              "Patient {mrn} needs a referral to orthopedic surgery. Put into its free text: "
              "\"{text}\""},
             "It's {now} now. The SNOMED code of the orthopedic surgery referral is "
             "306181000000106.",
             NOW,
             ANYBODY,
             30,
             referrals},
            {{"Check the latest potassium of patient {mrn}. If it is low, order potassium "
              "replacement by the dosing instructions, and with it a serum potassium lab for "
              "tomorrow morning at 8am.",
              "If the most recent potassium value of patient {mrn} is low, order replacement as "
              "the dosing instructions say, paired with a morning serum potassium level the next "
              "day at 8am."},
             "It's {now} now. Potassium has the code \"K\". The NDC of the potassium replacement "
             "is 40032-917-01. Dosing instructions: 10 mEq of oral potassium for every 0.1 mEq/L "
             "below the goal of 3.5. The LOINC code of the serum potassium lab is 2823-3.",
             NOW,
             POTASSIUM,
             0,
             NULL},
            {{"When was the last HbA1C (hemoglobin A1C) of patient {mrn} recorded, and what was "
              "its value? If that result is more than 1 year old, or there is none, order a new "
              "HbA1C lab test.",
              "Find the last HbA1C value of patient {mrn} and its time. Order a new HbA1C lab test "
              "if it is older than 1 year or was never done."},
             "It's {now} now. HbA1C has the code \"A1C\". The LOINC code for ordering the HbA1C "
             "lab is 4548-4. Answer with the value and its time, or [-1] if there is no "
             "measurement.",
             NOW,
             HBA1C,
             0,
             NULL},
        },
    .held_out = {6, 7},
    .places = PLACES,
    .names = NAMES,
    .ages = AGES,
    .courses = courses,
    .n_courses = sizeof(courses) / sizeof(*courses),
};
