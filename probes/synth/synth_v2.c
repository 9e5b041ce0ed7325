/* synth_v2.c - charts and tasks after the second task set, whose orders hang on several resources.
 */
#include "probes/synth/synth.h"
#include "probes/synth/synth_tables_private.h"

#define NOW "2023-11-20T08:30:00+00:00"
#define LAB "http://example.org/fhir/CodeSystem/lab"
#define CPT "http://www.ama-assn.org/go/cpt"
#define ICD "http://hl7.org/fhir/sid/icd-10-cm"
#define ITEM_OBSERVATION(code_, category_, unit_, decimals_)                                       \
    {                                                                                              \
        .type = SYNTH_OBSERVATION, .system = LAB, .code = code_, .text = code_, .status = "final", \
        .category = category_, .unit = unit_, .decimals = decimals_                                \
    }
#define ITEM_PROCEDURE(code_, text_, period_)                                                      \
    {                                                                                              \
        .type = SYNTH_PROCEDURE, .system = CPT, .code = code_, .text = text_,                      \
        .status = "completed", .period = period_                                                   \
    }
#define ITEM_MEDICATION(text_, status_)                                                            \
    {                                                                                              \
        .type = SYNTH_MEDICATION, .text = text_, .status = status_                                 \
    }
#define ITEM_CONDITION(code_, text_)                                                               \
    {                                                                                              \
        .type = SYNTH_CONDITION, .system = ICD, .code = code_, .text = text_, .status = "active"   \
    }
#define ITEM_SERVICE(code_, text_, status_)                                                        \
    {                                                                                              \
        .type = SYNTH_SERVICE, .system = CPT, .code = code_, .text = text_, .status = status_      \
    }

static const struct synth_item ct_491 = ITEM_PROCEDURE("IMGCT0491", "CT ABDOMEN W CONTRAST", 0);
static const struct synth_item ct_001 =
    ITEM_PROCEDURE("IMGIL0001", "OUTSIDE CT ABDOMEN", AS_PERIOD);
static const struct synth_item ct_74177 =
    ITEM_PROCEDURE("74177", "CT ABD AND PELVIS W CONTRAST", 0);

static const struct synth_point abdominal_ct[] = {
    /* 0: none; old; recent; exactly 365 days; a minute more */
    {1, &ct_491, DAYS(400), DAYS(900), 0, 0, 1, 0},
    {2, &ct_491, DAYS(20), DAYS(300), 0, 0, 1, 0},
    {3, &ct_491, DAYS(365), DAYS(365), 0, 0, 1, 0},
    {4, &ct_491, DAYS(365) + 1, DAYS(365) + 1, 0, 0, 1, 0},
    {5, &ct_001, DAYS(450), DAYS(800), 0, 0, 1, 0},
    {6, &ct_001, DAYS(40), DAYS(200), 0, 0, 1, 0},
    {6, &ct_491, DAYS(500), DAYS(900), 0, 0, 2, 0},
    {7, &ct_491, DAYS(600), DAYS(900), 0, 0, 2, 0},
};

static const struct synth_item left_kidney =
    ITEM_CONDITION("C64.2", "Malignant neoplasm of left kidney, except renal pelvis");
static const struct synth_item right_kidney =
    ITEM_CONDITION("C64.1", "Malignant neoplasm of right kidney, except renal pelvis");

static const struct synth_point kidney[] = {
    {0, &left_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {0, &ct_491, DAYS(100), DAYS(600), 0, 0, 2, 0},
    {1, &left_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {1, &ct_491, DAYS(5), DAYS(80), 0, 0, 1, 0},
    /* never scanned; not this diagnosis; the other kidney */
    {2, &left_kidney, DAYS(20), DAYS(200), 0, 0, 1, 0},
    {3, &ct_001, DAYS(120), DAYS(500), 0, 0, 1, 0},
    {4, &right_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {4, &ct_491, DAYS(100), DAYS(600), 0, 0, 1, 0},
    /* exactly 90 days; a minute more; the code of the new study */
    {5, &left_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {5, &ct_491, DAYS(90), DAYS(90), 0, 0, 1, 0},
    {6, &left_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {6, &ct_491, DAYS(90) + 1, DAYS(90) + 1, 0, 0, 1, 0},
    {7, &left_kidney, DAYS(200), DAYS(900), 0, 0, 1, 0},
    {7, &ct_491, DAYS(200), DAYS(500), 0, 0, 1, 0},
    {7, &ct_74177, DAYS(10), DAYS(70), 0, 0, 1, 0},
};

#define HEPARIN "HEPARIN (PORCINE) 5,000 UNIT/ML INJECTION SOLUTION"
static const struct synth_item heparin = ITEM_MEDICATION(HEPARIN, "active");
static const struct synth_item heparin_plain =
    ITEM_MEDICATION("HEPARIN 5000 UNITS SUBCUTANEOUS Q8H", "active");
static const struct synth_item heparin_over = ITEM_MEDICATION(HEPARIN, "stopped");
static const struct synth_item enoxaparin =
    ITEM_MEDICATION("ENOXAPARIN 40 MG/0.4 ML SUBCUTANEOUS SYRINGE", "active");
static const struct synth_item enoxaparin_over =
    ITEM_MEDICATION("ENOXAPARIN 40 MG/0.4 ML SUBCUTANEOUS SYRINGE", "completed");
static const struct synth_item apixaban = ITEM_MEDICATION("APIXABAN 5 MG TABLET", "active");
static const struct synth_item warfarin = ITEM_MEDICATION("WARFARIN 2.5 MG TABLET", "active");

static const struct synth_point anticoagulants[] = {
    /* 0: none */
    {1, &heparin, HOURS(4), HOURS(60), 0, 0, 1, 0},
    {2, &enoxaparin, HOURS(4), HOURS(60), 0, 0, 1, 0},
    {3, &heparin, HOURS(4), HOURS(20), 0, 0, 1, 0},
    {3, &enoxaparin, HOURS(30), HOURS(60), 0, 0, 1, 0},
    {4, &heparin, HOURS(30), HOURS(60), 0, 0, 1, 0},
    {4, &heparin_plain, HOURS(4), HOURS(20), 0, 0, 1, 0},
    {5, &heparin_over, HOURS(30), HOURS(90), 0, 0, 1, 0},
    {6, &apixaban, DAYS(3), DAYS(30), 0, 0, 1, 0},
    {6, &warfarin, DAYS(31), DAYS(90), 0, 0, 1, 0},
    {7, &heparin_plain, HOURS(4), HOURS(60), 0, 0, 1, 0},
    {7, &enoxaparin_over, DAYS(5), DAYS(20), 0, 0, 1, 0},
};

static const struct synth_item heart_rate = ITEM_OBSERVATION("HEARTRATE", "vital-signs", "/min", 0);

static const struct synth_point heart_rates[] = {
    {0, &heart_rate, 5, HOURS(6) - 5, 58, 110, 4, 0},
    {0, &heart_rate, HOURS(6) + 5, HOURS(12) - 5, 58, 120, 3, 0},
    {0, &heart_rate, HOURS(13), HOURS(80), 58, 120, 4, 0},
    {1, &heart_rate, HOURS(7), HOURS(11), 60, 115, 3, 0},
    /* nothing for 12 hours; 3: nothing at all */
    {2, &heart_rate, HOURS(13), HOURS(100), 60, 115, 6, 0},
    /* on the edges of both windows, and just outside */
    {4, &heart_rate, HOURS(6), HOURS(6), 90, 99, 1, 0},
    {4, &heart_rate, HOURS(6) + 1, HOURS(6) + 1, 120, 130, 1, 0},
    {4, &heart_rate, HOURS(12), HOURS(12), 70, 75, 1, 0},
    {4, &heart_rate, HOURS(12) + 1, HOURS(12) + 1, 140, 150, 1, 0},
    /* at this minute, and later */
    {5, &heart_rate, 0, 0, 80, 89, 1, 0},
    {5, &heart_rate, -HOURS(5), -5, 120, 140, 3, 0},
    {5, &heart_rate, HOURS(7), HOURS(11), 66, 79, 2, 0},
    /* more than a page */
    {6, &heart_rate, 5, HOURS(12) - 5, 62, 128, 26, 0},
};

static const struct synth_item catheter =
    ITEM_PROCEDURE("NUR1373", "INSERT URINARY CATHETER", AT_ONCE);
static const struct synth_item catheter_in =
    ITEM_PROCEDURE("NUR1373", "INSERT URINARY CATHETER", STILL_GOING);
static const struct synth_item removal =
    ITEM_SERVICE("NUR1373", "REMOVE URINARY CATHETER", "active");
static const struct synth_item removal_done =
    ITEM_SERVICE("NUR1373", "REMOVE URINARY CATHETER", "completed");

static const struct synth_point catheters[] = {
    {0, &catheter, HOURS(50), HOURS(200), 0, 0, 1, 0},
    {1, &catheter, HOURS(3), HOURS(46), 0, 0, 1, 0},
    {2, &catheter, HOURS(48), HOURS(48), 0, 0, 1, 0},
    {3, &catheter, HOURS(50), HOURS(200), 0, 0, 1, 0},
    {3, &removal, HOURS(2), HOURS(20), 0, 0, 1, 0},
    /* the earlier catheter's removal was carried out; 5: no catheter */
    {4, &catheter, HOURS(50), HOURS(90), 0, 0, 1, 0},
    {4, &removal_done, DAYS(6), DAYS(20), 0, 0, 1, 0},
    {6, &catheter_in, HOURS(49), HOURS(150), 0, 0, 1, 0},
    {7, &catheter, HOURS(90), HOURS(200), 0, 0, 1, 0},
    {7, &catheter, HOURS(4), HOURS(40), 0, 0, 1, 0},
};

static const struct synth_item tsh = ITEM_OBSERVATION("TSH", "laboratory", "uIU/mL", 1);
static const struct synth_item ft4 = ITEM_OBSERVATION("FT4", "laboratory", "ng/dL", 1);

static const struct synth_point thyroid[] = {
    /* high twice, long enough apart; not long enough */
    {0, &tsh, DAYS(2), DAYS(10), 105, 220, 1, 0},
    {0, &tsh, DAYS(50), DAYS(120), 110, 200, 1, 0},
    {0, &ft4, DAYS(2), DAYS(10), 5, 12, 1, 0},
    {1, &tsh, DAYS(2), DAYS(8), 112, 180, 1, 0},
    {1, &tsh, DAYS(12), DAYS(20), 105, 160, 1, 0},
    {1, &ft4, DAYS(2), DAYS(8), 8, 12, 1, 0},
    /* between, with a normal and with a low free T4 */
    {2, &tsh, DAYS(2), DAYS(20), 46, 99, 1, 0},
    {2, &tsh, DAYS(60), DAYS(200), 11, 140, 1, 0},
    {2, &ft4, DAYS(2), DAYS(20), 9, 17, 1, 0},
    {3, &tsh, DAYS(2), DAYS(20), 50, 95, 1, 0},
    {3, &ft4, DAYS(2), DAYS(20), 3, 7, 1, 0},
    /* normal; 5: never measured; on every edge of the second rule */
    {4, &tsh, DAYS(2), DAYS(20), 5, 44, 1, 0},
    {4, &ft4, DAYS(2), DAYS(20), 8, 18, 1, 0},
    {6, &tsh, DAYS(3), DAYS(9), 100, 100, 1, 0},
    {6, &ft4, DAYS(3), DAYS(9), 8, 8, 1, 0},
    /* exactly 30 days apart */
    {7, &tsh, DAYS(5), DAYS(5), 101, 150, 1, 0},
    {7, &tsh, DAYS(35), DAYS(35), 101, 150, 1, 0},
    {7, &ft4, DAYS(5), DAYS(5), 6, 11, 1, 0},
};

static const struct synth_item qtc = ITEM_OBSERVATION("QTCINTERVAL", "vital-signs", "ms", 0);
static const struct synth_item ondansetron =
    ITEM_MEDICATION("ONDANSETRON HCL 4 MG/2 ML INJECTION", "active");
static const struct synth_item quetiapine = ITEM_MEDICATION("QUETIAPINE 50 MG TABLET", "active");
static const struct synth_item haloperidol =
    ITEM_MEDICATION("HALOPERIDOL LACTATE 5 MG/ML INJECTION", "active");

static const struct synth_point qt_interval[] = {
    {0, &qtc, HOURS(1), HOURS(20), 505, 560, 1, 0},
    {0, &ondansetron, HOURS(2), HOURS(40), 0, 0, 1, 0},
    {1, &qtc, HOURS(1), HOURS(20), 390, 460, 1, 0},
    {1, &quetiapine, DAYS(1), DAYS(9), 0, 0, 1, 0},
    {2, &qtc, HOURS(1), HOURS(20), 500, 500, 1, 0},
    {2, &ondansetron, HOURS(2), HOURS(40), 0, 0, 1, 0},
    /* 3: never measured */
    {3, &haloperidol, HOURS(2), HOURS(40), 0, 0, 1, 0},
    {4, &qtc, HOURS(1), HOURS(20), 501, 501, 1, 0},
    {4, &quetiapine, DAYS(1), DAYS(9), 0, 0, 1, 0},
    {5, &qtc, DAYS(3), DAYS(9), 510, 580, 1, 0},
    {5, &qtc, HOURS(1), HOURS(20), 420, 470, 1, 0},
    {5, &ondansetron, HOURS(2), HOURS(40), 0, 0, 1, 0},
    {6, &qtc, DAYS(3), DAYS(9), 400, 450, 2, 0},
    {6, &qtc, HOURS(1), HOURS(20), 510, 590, 1, 0},
    {6, &haloperidol, HOURS(2), HOURS(40), 0, 0, 1, 0},
};

static const struct synth_item hydromorphone =
    ITEM_MEDICATION("HYDROMORPHONE 2 MG TABLET", "active");
static const struct synth_item oxycodone = ITEM_MEDICATION("OXYCODONE 5 MG TABLET", "active");
static const struct synth_item oxycodone_over =
    ITEM_MEDICATION("OXYCODONE 5 MG TABLET", "completed");
static const struct synth_item fentanyl =
    ITEM_MEDICATION("FENTANYL 25 MCG/HR TRANSDERMAL PATCH", "active");
static const struct synth_item hydrocodone =
    ITEM_MEDICATION("HYDROCODONE-ACETAMINOPHEN 5-325 MG TABLET", "active");
static const struct synth_item morphine = ITEM_MEDICATION("MORPHINE ER 15 MG TABLET", "active");
static const struct synth_item naloxone =
    ITEM_MEDICATION("NALOXONE 4 MG/ACTUATION NASAL SPRAY", "active");
static const struct synth_item narcan = ITEM_MEDICATION("NARCAN 4 MG NASAL SPRAY", "active");
static const struct synth_item naloxone_over =
    ITEM_MEDICATION("NALOXONE 4 MG/ACTUATION NASAL SPRAY", "completed");

static const struct synth_point opioids[] = {
    {0, &hydromorphone, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {1, &oxycodone, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {1, &naloxone, DAYS(1), DAYS(20), 0, 0, 1, 0},
    /* 2: none; 3: an opioid that is over */
    {3, &oxycodone_over, DAYS(30), DAYS(90), 0, 0, 1, 0},
    {4, &fentanyl, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {4, &narcan, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {5, &hydrocodone, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {5, &naloxone_over, DAYS(30), DAYS(90), 0, 0, 1, 0},
    {6, &morphine, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {6, &oxycodone, DAYS(1), DAYS(20), 0, 0, 1, 0},
    {7, &fentanyl, DAYS(1), DAYS(20), 0, 0, 1, 0},
};

static const struct synth_item flu = ITEM_PROCEDURE("90686", "INFLUENZA VACCINE QUADRIVALENT", 0);
static const struct synth_item flu_period =
    ITEM_PROCEDURE("90686", "INFLUENZA VACCINE QUADRIVALENT", AS_PERIOD);

static const struct synth_point flu_shots[] = {
    /* 0: never; old; recent; exactly 365 days; a minute more */
    {1, &flu, DAYS(400), DAYS(1200), 0, 0, 2, 0},
    {2, &flu, DAYS(5), DAYS(300), 0, 0, 1, 0},
    {3, &flu, DAYS(365), DAYS(365), 0, 0, 1, 0},
    {4, &flu, DAYS(365) + 1, DAYS(365) + 1, 0, 0, 1, 0},
    {5, &flu, DAYS(400), DAYS(900), 0, 0, 1, 0},
    {5, &flu, DAYS(20), DAYS(200), 0, 0, 1, 0},
    {5, &flu, DAYS(1000), DAYS(1500), 0, 0, 1, 1},
    {6, &flu_period, DAYS(420), DAYS(800), 0, 0, 1, 0},
    {7, &flu_period, DAYS(30), DAYS(200), 0, 0, 1, 0},
};

static const struct synth_item covid =
    ITEM_PROCEDURE("COVIDVACCINE", "COVID-19 VACCINE ADMINISTRATION", AT_ONCE);
static const struct synth_item covid_order =
    ITEM_MEDICATION("COVID-19 VAC, MRNA 30 MCG/0.3 ML IM SUSP", "completed");
static const struct synth_item covid_planned =
    ITEM_MEDICATION("COVID-19 VAC, MRNA 30 MCG/0.3 ML IM SUSP", "cancelled");

static const struct synth_point covid_shots[] = {
    {1, &covid, DAYS(400), DAYS(900), 0, 0, 2, 0},
    {2, &covid, DAYS(10), DAYS(300), 0, 0, 1, 0},
    {3, &covid_order, DAYS(10), DAYS(300), 0, 0, 1, 0},
    {4, &covid_order, DAYS(400), DAYS(900), 0, 0, 1, 0},
    /* an order that was never given; exactly 365 days */
    {5, &covid_planned, DAYS(10), DAYS(100), 0, 0, 1, 0},
    {5, &covid, DAYS(500), DAYS(900), 0, 0, 1, 0},
    {6, &covid, DAYS(365), DAYS(365), 0, 0, 1, 0},
    {7, &covid, DAYS(400), DAYS(900), 0, 0, 1, 0},
    {7, &covid_order, DAYS(20), DAYS(200), 0, 0, 1, 0},
};

enum { SCANS, CLOTS, HEARTS, CATHETERS, THYROIDS, QTS, PAIN, FLU, COVID, PLACES };

#define COURSE(place_, kinds_, points_)                                                            \
    .kinds = kinds_, .place = place_, .points = points_,                                           \
    .n_points = sizeof(points_) / sizeof(*points_)
static const struct synth_course courses[] = {
    {.anchor = SYNTH_TODAY, .first = 0, .end = 30, COURSE(SCANS, 8, abdominal_ct)},
    {.anchor = NOW, .first = 30, .end = 60, COURSE(SCANS, 8, kidney)},
    {.anchor = NOW, COURSE(CLOTS, 8, anticoagulants)},
    {.anchor = NOW, COURSE(HEARTS, 7, heart_rates)},
    {.anchor = NOW, COURSE(CATHETERS, 8, catheters)},
    {.anchor = NOW, COURSE(THYROIDS, 8, thyroid)},
    {.anchor = NOW, COURSE(QTS, 7, qt_interval)},
    {.anchor = NOW, COURSE(PAIN, 8, opioids)},
    {.anchor = NOW, COURSE(FLU, 8, flu_shots)},
    {.anchor = NOW, COURSE(COVID, 8, covid_shots)},
};

const struct synth_clinic synth_v2 = {
    .version = "v2",
    .families =
        {
            {{"When did patient {mrn} last have a CT of the abdomen? If that was more than 12 "
              "months ago, or never, order a new CT abdomen with IV contrast, indication 'Renal "
              "mass follow-up'.",
              "Find the most recent CT of the abdomen of patient {mrn}. Order a new CT abdomen "
              "with IV contrast and the indication 'Renal mass follow-up' if it is more than 12 "
              "months old or there is none."},
             "It's {now} now. CT studies in the chart carry the codes IMGCT0491 or IMGIL0001. The "
             "CPT code of the new study is 74177.",
             SYNTH_TODAY,
             SCANS,
             0,
             NULL},
            {{"Make sure that patient {mrn} has exactly one active order for DVT prophylaxis: "
              "create it if there is none, and discontinue duplicates if there are several.",
              "Patient {mrn} should have one active DVT prophylaxis order and no more. Create the "
              "missing order, or discontinue what is there twice."},
             "It's {now} now. The order is heparin 5000 units SC q8h, and it alone should be "
             "active in the end. Any other anticoagulant (LMWH, a DOAC, ...) counts as a "
             "duplicate.",
             NOW,
             CLOTS,
             0,
             NULL},
            {{"Work out the mean heart rate of patient {mrn} over the last 6 hours and over the "
              "last 12 hours.",
              "What was the average heart rate of patient {mrn} in the past 6 hours, and in the "
              "past 12 hours?"},
             "It's {now} now. Heart rates have the code 'HEARTRATE'. Answer with two numbers, -1 "
             "for a window without any.",
             NOW,
             HEARTS,
             0,
             NULL},
            {{"Has patient {mrn} had a urinary catheter in place for more than 48 hours without an "
              "order to remove it? Then create a service request for its removal.",
              "Check the urinary catheter of patient {mrn}: if it has been in for more than 48 "
              "hours and no removal order is active, create a service request to remove it."},
             "It's {now} now. The procedure code of the urinary catheter, and of its removal, is "
             "'NUR1373'.",
             NOW,
             CATHETERS,
             0,
             NULL},
            {{"Does patient {mrn} have the diagnosis malignant neoplasm of the left kidney? If so, "
              "and the last CT of abdomen and pelvis is more than 3 months (90 days) old or "
              "missing, order a new CT and a referral to Interventional Radiology.",
              "Confirm that patient {mrn} has a malignant neoplasm of the left kidney. In that "
              "case, unless there is a CT of abdomen and pelvis from the last 3 months (90 days), "
              "order one and refer to Interventional Radiology."},
             "It's {now} now. The ICD-10 code of malignant neoplasm of the left kidney is C64.2. "
             "CT studies in the chart carry the codes IMGCT0491, IMGIL0001 or 74177. The CPT code "
             "of the new CT abdomen/pelvis with IV contrast is 74177, that of the Interventional "
             "Radiology referral CON417 with the request 'Evaluate renal mass for biopsy or "
             "ablation.'",
             NOW,
             SCANS,
             30,
             NULL},
            {{"Look up the latest TSH and free T4 of patient {mrn}, and act on them as the "
              "protocol says.",
              "What are the most recent TSH and free T4 of patient {mrn}? Follow the protocol for "
              "these results."},
             "It's {now} now. TSH has the code 'TSH', free T4 the code 'FT4'. Protocol: if TSH was "
             "above 10 uIU/mL on two occasions at least one month (30 days) apart, start "
             "levothyroxine 25 mcg PO daily and order a repeat TSH and a repeat FT4 in 6 weeks. If "
             "TSH is 4.5 to 10 uIU/mL and free T4 normal (0.8 to 1.8 ng/dL), order a repeat TSH "
             "and a repeat FT4 in 3 months, without medication. Otherwise nothing.",
             NOW,
             THYROIDS,
             0,
             NULL},
            {{"Check the latest QTc interval of patient {mrn}. If it is prolonged, discontinue the "
              "QT-prolonging medication and order a follow-up ECG in 24 hours.",
              "If the most recent QTc interval of patient {mrn} is prolonged, stop drugs that "
              "prolong QT and order a follow-up ECG for 24 hours from now."},
             "It's {now} now. The QTc interval has the code 'QTCINTERVAL'; above 500 ms it is "
             "prolonged. QT-prolonging are ondansetron, prochlorperazine and most antipsychotics. "
             "The SNOMED code of the 12-lead ECG is 445118002.",
             NOW,
             QTS,
             0,
             NULL},
            {{"Check that patient {mrn} has naloxone ordered if any opioid order is active. If it "
              "is missing, create the naloxone order.",
              "Every active opioid order of patient {mrn} needs naloxone beside it. Create a "
              "naloxone order if there is an opioid without."},
             "It's {now} now. Opioids are hydromorphone, oxycodone, fentanyl, hydrocodone and "
             "morphine. The order to create is naloxone nasal spray 4 mg.",
             NOW,
             PAIN,
             0,
             NULL},
            {{"When did patient {mrn} last get an influenza vaccine? If that was more than 365 "
              "days ago, or never, order one for today.",
              "Find the date of the last influenza vaccine of patient {mrn}. Order a new one for "
              "today if it is more than 365 days ago or there is none."},
             "It's {now} now. The CPT code of the influenza vaccine is 90686. Order the influenza "
             "vaccine (quadrivalent, preservative-free, IM).",
             NOW,
             FLU,
             0,
             NULL},
            {{"When was the last COVID-19 vaccination of patient {mrn}? If it was more than 12 "
              "months ago, or there was none, order a booster.",
              "Review the COVID-19 vaccinations of patient {mrn}, and order a booster if the last "
              "dose is more than 12 months ago or there is none."},
             "It's {now} now. A COVID-19 vaccination is a procedure with the code 'COVIDVACCINE' "
             "or a completed MedicationRequest whose text contains 'COVID-19 VAC'. The booster is "
             "a single-dose COVID vaccine (CPT 91320), today.",
             NOW,
             COVID,
             0,
             NULL},
        },
    .held_out = {5, 7},
    .places = PLACES,
    .names = -1,
    .ages = -1,
    .courses = courses,
    .n_courses = sizeof(courses) / sizeof(*courses),
};
