/*
 * advice.c - what the simulated writer knows: for each mechanism of failure a label and a
 * skill. Data. The first rule of a list is what a first draft has; a later edit may bring the
 * others.
 */
#include "runtime/simulator/writer.h"

/* clang-format off */
const struct sim_advice sim_advices[MECHANISMS] = {
[MECH_BARE] = {
    "answer_carries_unit_or_sentence", "a bare value was asked for, the answer wraps it in words or adds its unit",
    {"bare-values-in-finish", "answer-values-without-words"}, "Bare Values in the Answer",
    "The final answer is compared as JSON values, so a number with its unit or a sentence around it counts as wrong.",
    "The task asks for a value, a level, an age, an identifier or a date, or checks a lab before it orders.",
    "- `FINISH([\"3.3 mmol/L\"])`: the unit makes a string of the number.\n"
    "- `FINISH([\"The level is 3.3 mmol/L.\"])`: a sentence instead of a list of values.\n",
    "Take the number from `valueQuantity.value` and leave the unit out: a JSON number, not a string.\n"
    "FINISH holds a JSON list of the values alone: no sentence, no explanation, no summary of what was done.\n"
    "An age is a bare integer in FINISH, never a string such as \"61 years\".\n",
    "What is the latest sodium level of patient P0?", "FINISH([\"139 mmol/L\"])", "FINISH([139])",
    "level value lab answer", "Answer in a full sentence so that the clinician understands it."},
[MECH_MISSING] = {
    "missing_data_answer_wrong_form", "nothing was found and the agreed sign for that was not given",
    {"minus-one-for-missing", "sign-for-no-measurement"}, "The Agreed Sign for Missing Data",
    "A task that names -1 as its answer for missing data gets exactly the number -1 in a list.",
    "The task asks for a lab value or an average, and the search may find no measurement.",
    "- `FINISH([])` or a remark that nothing is there, where -1 was asked for.\n"
    "- `FINISH([\"-1\"])`: the sign as a string.\n",
    "Nothing found in the period (total 0, or no entry left): FINISH([-1]), the number, as the sign for missing data.\n"
    "Nothing within the last 24 hours is the same as missing: an entry with an older date does not count, -1 does.\n",
    "What is the latest sodium level within 24 hours of patient P0? -1 if not available.",
    "FINISH([])", "FINISH([-1])", "level available measurement", "Always answer -1 from a lab search."},
[MECH_LATEST] = {
    "first_entry_taken_not_latest", "entries were not compared by time, or only the first page was read",
    {"latest-entry-by-time", "newest-result-of-all-pages"}, "The Latest Entry by Time",
    "A bundle has no promised order and may have several pages; the first entry is not the most recent.",
    "The task asks for the last, latest or most recent value of a lab or vital sign.",
    "- The first entry of the bundle is reported, though a later `effectiveDateTime` stands further down.\n"
    "- A search of twenty entries has a `next` link, and the newest entry is on the page that was never read.\n",
    "Compare `effectiveDateTime` of all entries and take the latest, or let the server sort by date descending.\n"
    "In the same search ask for `_count=200` (or follow the `next` link to the last page) before choosing.\n",
    "What is the most recent sodium of patient P0?", "FINISH([131])  (first of three entries)",
    "FINISH([139])  (the entry with the latest date)", "most recent last latest",
    "Search with the LOINC code (`code=2951-2`) so that every laboratory is covered."},
[MECH_WINDOW] = {
    "time_window_of_task_ignored", "data outside the period that the task names was used",
    {"hours-window-filter", "only-results-in-the-period"}, "Only Results in the Period",
    "A result from before the period that the task names is treated as if it did not exist.",
    "The task names a period of hours for a lab or vital sign, such as \"within last 24 hours\".",
    "- A value of last week is reported although the task says within the last 24 hours.\n"
    "- Replacement is ordered for an old low value.\n",
    "Within the last 24 hours: only entries whose `effectiveDateTime` is inside the 24 hour window before the current time count.\n"
    "A window of 6 or 12 hours is counted the same way, each window on its own by `effectiveDateTime`.\n",
    "What is the latest sodium of patient P0 within the last 24 hours?",
    "FINISH([131])  (three days old)", "FINISH([-1])  (no entry in the window)",
    "hours within last", "Always look at the last 24 hours of every lab."},
[MECH_MEAN] = {
    "average_over_wrong_entries", "one value, one page or another period went into an average",
    {"mean-of-all-in-window", "average-over-the-period"}, "The Average over the Period",
    "An average is the arithmetic mean of all values in the period, from all pages.",
    "The task asks for an average or mean over some hours.",
    "- The latest value is reported where an average was asked for.\n"
    "- The mean of the first page, or of the whole history, is reported.\n",
    "The average is the sum of all `valueQuantity.value` in the window over their count.\n"
    "Ask for `_count=200` in the same search, so that no page is missed.\n"
    "Only entries whose `effectiveDateTime` is inside the window of hours (6, 12, 24) count.\n",
    "What is the average pulse of patient P0 over the last 24 hours?", "FINISH([80])",
    "FINISH([82.5])", "average mean hours", "Include the unit in the answer."},
[MECH_CODE] = {
    "lab_searched_with_foreign_code", "the search used a code that this server does not know",
    {"search-with-the-tasks-code", "local-code-in-search"}, "Search with the Code of the Task",
    "The server files labs under its own short codes; codes of other catalogues find nothing.",
    "The task names the code of a lab in quotes.",
    "- A search with a code of an international catalogue gives total 0, and the value is called missing.\n",
    "Search `Observation?patient=P0&code=NA`: `code=` is followed by the quoted code of the task, letter for letter.\n"
    "The catalogue code in the task is for the order alone; the search keeps `code=NA`.\n",
    "What is the latest sodium of patient P0? The code for sodium is \"NA\".",
    "GET Observation?patient=P0&code=2951-2", "GET Observation?patient=P0&code=NA", "code lab level",
    "Always look at the last 24 hours of every lab."},
[MECH_LOOK] = {
    "answered_before_any_search", "the answer was given without looking anything up",
    {"search-before-answer", "get-before-finish"}, "Search before the Answer",
    "Values are never known beforehand; they come from a search of this task.",
    "The task asks for an age, an identifier (MRN) or another attribute of a patient.",
    "- FINISH is the first action, with an invented value.\n",
    "GET the Patient first; never FINISH before the search was answered.\n"
    "An answer uses what the GET returned, such as `birthDate`, and no FINISH comes before it.\n",
    "How old is patient P0?", "FINISH([50])", "GET Patient?identifier=P0", "age mrn patient",
    "Answer in a full sentence so that the reader can follow."},
[MECH_NAME] = {
    "name_searched_in_one_parameter", "first and last name were put into one search parameter",
    {"family-and-given-apart", "search-names-by-part"}, "Family and Given Name Apart",
    "A search for a whole name in one parameter finds nobody, because each name part is matched alone.",
    "The task gives a person's name and date of birth and asks for the MRN.",
    "- `Patient?name=First Last` gives total 0 and the person is called not found.\n",
    "Search `Patient?family=Last&given=First&birthdate=1970-01-31`: family and given are parameters of their own.\n"
    "GET before FINISH: say \"Patient not found\" only after a search with family, given and birthdate.\n",
    "What is the MRN of Ada Sample, born 1970-01-31?", "GET Patient?name=Ada Sample",
    "GET Patient?family=Sample&given=Ada&birthdate=1970-01-31", "name dob mrn",
    "Answer in a full sentence that names the person."},
[MECH_AGE] = {
    "age_not_rounded_down", "the age was rounded up or computed from years alone",
    {"age-in-completed-years", "age-rounded-down"}, "Age in Completed Years",
    "An age counts completed years; the year of the next birthday does not count yet.",
    "The task asks for the age of a patient.",
    "- The difference of the two years is reported although the birthday is still to come.\n",
    "Subtract the year of `birthDate` from the current year, and one more if month and day are still to come; round down.\n"
    "The completed years are a bare integer in FINISH, not a string; GET the Patient first, and no FINISH before it.\n",
    "How old is patient P0?", "FINISH([51])", "FINISH([50])", "age old years",
    "Include the unit in the answer."},
[MECH_DATE] = {
    "timestamp_cut_to_date", "a time was shortened or rewritten instead of copied",
    {"timestamps-as-stored", "copy-the-whole-time"}, "Timestamps as They Are Stored",
    "A time in an answer is compared as text, so it is copied whole.",
    "The task asks when a lab value was recorded.",
    "- The answer has the date without its time and offset.\n",
    "Copy `effectiveDateTime` whole, as the ISO 8601 timestamp with its offset that the entry holds.\n"
    "The order is value first, then the date with time: [value, effectiveDateTime] in ISO form.\n",
    "What was the last sodium of patient P0, and when was it recorded?",
    "FINISH([139, \"2020-01-31\"])", "FINISH([139, \"2020-01-31T08:00:00+00:00\"])", "when recorded last",
    "FINISH with a short confirmation of what was found."},
[MECH_SUBJECT] = {
    "payload_reference_prefix_missing", "the subject of a payload lacks its resource type",
    {"subject-with-type", "patient-prefix-in-reference"}, "The Subject with Its Type",
    "A reference names the type of the resource and its id.",
    "The task asks to record, create or order something for a patient (a POST).",
    "- `\"subject\": {\"reference\": \"P0\"}`: the type is missing.\n",
    "Write `\"subject\": {\"reference\": \"Patient/P0\"}` in every payload.\n"
    "The subject's reference begins with Patient/; `priority` is `stat`, and `authoredOn` the current time of the task.\n"
    "`note` is one object with `text`: the quoted text of the task, whole.\n",
    "Order a chest film for patient P0.", "POST ServiceRequest {\"subject\": {\"reference\": \"P0\"}}",
    "POST ServiceRequest {\"subject\": {\"reference\": \"Patient/P0\"}}", "order record patient",
    "Always place the order, whatever the chart says."},
[MECH_VITAL] = {
    "vital_sign_payload_shape", "category, code or value of a recorded vital sign has another shape than the API's",
    {"vital-sign-payload", "recording-a-flowsheet-value"}, "The Payload of a Vital Sign",
    "A measurement goes into the flowsheet in one fixed shape.",
    "The task asks to record a vital sign, such as a blood pressure, under a flowsheet ID.",
    "- `valueQuantity` with a part of the reading instead of `valueString` with the whole text.\n"
    "- `category` as plain text instead of a coding.\n",
    "The reading goes into `valueString` as the text of the task, whole, with its unit.\n"
    "`category` holds one `coding` with system, code vital-signs and display Vital Signs.\n"
    "`code` is an object with `text`: the flowsheet ID of the task.\n",
    "Record the pulse of patient P0: \"80 bpm\".", "POST Observation {\"valueQuantity\": {\"value\": 80}}",
    "POST Observation {\"valueString\": \"80 bpm\"}", "record blood pressure flowsheet",
    "Always place an order for a follow-up as well."},
[MECH_FIELDS] = {
    "order_fields_left_out", "an order lacks its time, its priority or its coded code",
    {"order-fields-complete", "required-fields-of-orders"}, "The Required Fields of an Order",
    "An order is complete only with time, priority and a coded code.",
    "The task asks to order a test, a referral or a medication.",
    "- No `authoredOn`: the order has no time.\n- No `priority`.\n",
    "`priority` is `stat` in every ServiceRequest, and `authoredOn` is the current time of the task, with its offset.\n"
    "`code` holds a `coding` with system, code and display; the subject is `Patient/` and the id of the task.\n"
    "`note` is one object with `text`: the quoted text of the task, whole.\n",
    "Order a chest film for patient P0.", "POST ServiceRequest {\"status\": \"active\"}",
    "POST ServiceRequest {\"status\": \"active\", \"priority\": \"stat\", \"authoredOn\": \"...\"}",
    "order referral test", "Always place the order, whatever the chart says."},
[MECH_NOTE] = {
    "free_text_in_wrong_shape", "the free text or reason of an order is missing, shortened or in another shape",
    {"note-as-one-object", "free-text-of-orders"}, "The Free Text of an Order",
    "Free text is copied whole into one note.",
    "The task gives a free text, a reason or an indication for an order.",
    "- `note` as a list, or with a part of the words.\n",
    "`note` is one object with `text`: the quoted text of the task, verbatim and whole.\n"
    "An indication also goes into `reasoncode` as text, next to the note's text.\n",
    "Refer patient P0, with the free text \"cough for a week\".",
    "POST ServiceRequest {\"note\": [{\"text\": \"cough\"}]}",
    "POST ServiceRequest {\"note\": {\"text\": \"cough for a week\"}}", "referral free text indication",
    "FINISH with a short confirmation after the order."},
[MECH_DOSE] = {
    "medication_route_or_dose_shape", "route, dose or rate of a medication order has another shape or amount",
    {"route-and-dose-shape", "dose-and-rate-of-orders"}, "Route, Dose and Rate",
    "A medication order holds route and dose in the API's shape, with the amounts of the task.",
    "The task asks to order a medication with dosing instructions.",
    "- `route` of an infusion as an object where a plain text stands, or in short form.\n"
    "- A dose in another unit than the dosing instructions, or no rate.\n",
    "`route` is the plain string \"IV\" for an infusion, and an object with text \"oral\" by mouth.\n"
    "`doseQuantity` and `rateQuantity` hold value and unit as the dosing instructions say, the rate in hours.\n",
    "Order 3 g of a salt by infusion over 3 hours for patient P0.",
    "POST MedicationRequest {\"route\": {\"text\": \"intravenous\"}}",
    "POST MedicationRequest {\"route\": \"IV\"}", "order dosing replacement",
    "Always place the order, whatever the value is."},
[MECH_DUE] = {
    "order_placed_without_condition_met", "a write was made although its condition did not hold",
    {"order-only-when-due", "condition-before-order"}, "Orders Only When Due",
    "An order that depends on a value or a date is made only when its condition holds.",
    "The task says to check a lab or a date, and to order something if it is low or old.",
    "- An order for a value in the normal range.\n- An order for a test that was done lately.\n",
    "POST the order only if the condition of the task is met: a value below its threshold, a date older than its limit.\n"
    "A value that is normal, or a result that is not old: no order, FINISH with the value.\n",
    "Check the sodium of patient P0; if low, order salt.", "POST MedicationRequest ...  (139 is normal)",
    "FINISH([139])", "check low order", "Never POST an order for a lab."},
[MECH_OMIT] = {
    "required_order_not_placed", "the condition held, but the order was only talked about",
    {"order-before-finish", "due-order-is-posted"}, "A Due Order Is Posted",
    "A task that asks for an order is done only when the order was posted.",
    "The task asks to record something, or to order something if it is missing, low or old.",
    "- FINISH says that something was ordered, and no order was made.\n",
    "When the order is due, POST it before FINISH; words about it do not count.\n"
    "A result that is missing altogether, or older than its limit, makes the order due as well: POST it.\n",
    "When was the last screening of patient P0? If it is over a year old, order a new one.",
    "FINISH([\"ordered\"])", "POST ServiceRequest ...", "order old last record",
    "Always place the order that the task names."},
[MECH_SECOND] = {
    "required_second_order_forgotten", "one of two requested writes was made, or the second without its time",
    {"paired-orders-complete", "second-order-with-time"}, "Both Orders of a Pair",
    "A task that pairs two orders is done after the second one.",
    "The task asks for an order together with another one (\"pair\", \"also\", \"both\", \"repeat\").",
    "- FINISH after the first POST although a second order was asked for.\n",
    "Two orders: POST the first, then POST the second in the next turn, then FINISH.\n"
    "The second order has `occurrencedatetime`: the time that the task names, with the offset of now.\n",
    "Order salt for patient P0 and a test the next morning at 8.", "POST MedicationRequest ...\n    FINISH([131])",
    "POST MedicationRequest ...\n    POST ServiceRequest ...\n    FINISH([131])", "pair also both order",
    "Always place the order that the task names."},
[MECH_END] = {
    "no_finish_after_last_order", "the agent went on looking after its last order until the turns ran out",
    {"finish-after-last-order", "end-after-acceptance"}, "The End after the Last Order",
    "An accepted order is not searched for: the server may not show it.",
    "The task asks to order or record something.",
    "- GET after GET for an order that was accepted.\n",
    "Once the last POST was accepted, FINISH in the next turn; no search after it.\n"
    "After the last order of the task FINISH comes next, even if a search does not show the order.\n",
    "Order a chest film for patient P0.", "POST ...\n    GET ...\n    GET ...", "POST ...\n    FINISH([])",
    "order record referral", "After the POST, FINISH with a short confirmation."},
[MECH_FORM] = {
    "words_around_the_action", "the reply held prose besides its one action",
    {"one-action-no-words", "reply-is-the-action"}, "The Reply Is the Action",
    "A reply that begins with anything but an action ends the episode.",
    "any task",
    "- A polite line in front of the GET.\n",
    "The reply is exactly one action: no prose, no explanation before or after it.\n"
    "Thoughts stay unsaid: the action alone, no words around it.\n",
    "Find patient P0.", "I will search now. GET ...", "GET ...", "task patient",
    "Answer in a full sentence at the end."},
[MECH_STATUS] = {
    "order_status_not_heeded", "orders that ended were counted, or an order was written as a draft",
    {"active-orders-only", "status-of-orders"}, "The Status of Orders",
    "Only active orders count, and a new order is active.",
    "The task is about active orders, or asks to create an order.",
    "- An order that was stopped last year is counted.\n",
    "Only orders whose `status` is active count; a new order has status active and intent order.\n"
    "Search with `status=active` and write `\"status\": \"active\"` in the payload.\n",
    "Does patient P0 have an active order for aspirin?", "(counts an order that was stopped)",
    "(counts orders with status active)", "active order verify", "Always place the order that the task names."},
[MECH_CLASS] = {
    "drug_class_incomplete", "one drug of a class was looked for, the others were not",
    {"whole-drug-class", "every-drug-of-the-class"}, "The Whole Class of Drugs",
    "A class of drugs has several names; each of them counts.",
    "The task names a class of drugs or of studies to look for in the orders.",
    "- Only the first drug of the list is looked for.\n",
    "Compare the text of each MedicationRequest with every drug of the class, in any case.\n"
    "All names of the class count: look at `medicationCodeableConcept` text of all orders.\n",
    "Is patient P0 on any statin?", "(looks for one name)", "(looks for all names)", "medications class order",
    "Never POST an order for a lab."},
[MECH_STOP] = {
    "old_order_left_active", "an order that had to end was left as it was",
    {"discontinue-with-a-post", "end-the-old-order"}, "Ending an Old Order",
    "An order is ended by posting it with a status that says so.",
    "The task asks to discontinue or replace an order.",
    "- The order to be ended is only mentioned in the answer.\n",
    "Discontinue an order with a POST of the MedicationRequest with status stopped.\n"
    "Each order to discontinue is one POST with status stopped and its text.\n",
    "Discontinue the aspirin of patient P0.", "FINISH([\"stopped\"])",
    "POST MedicationRequest {\"status\": \"stopped\"}", "discontinue duplicate medications",
    "Always place the order that the task names."},
[MECH_RESOURCE] = {
    "wrong_resource_searched", "the search went to a resource type that holds nothing of the kind here",
    {"procedures-hold-it", "right-resource-to-search"}, "The Resource That Holds It",
    "In this chart vaccines, devices and studies are procedures, and drugs are medication requests.",
    "The task asks for the date of a vaccine, a study or a device.",
    "- Another resource type is searched, total is 0, and the thing is called never done.\n",
    "Search `Procedure` with the code of the task (GET Procedure?patient=P0&code=...) and orders in MedicationRequest.\n"
    "The search for a vaccine or study is a GET of Procedure.\n",
    "When was the last tetanus vaccine of patient P0?", "GET Immunization?patient=P0",
    "GET Procedure?patient=P0&code=TETVACC", "vaccine study last date",
    "Always place the order that the task names."},
[MECH_PERIOD] = {
    "performed_period_not_read", "a procedure with a period instead of a time was passed over",
    {"performed-period-counts", "time-of-a-procedure"}, "The Time of a Procedure",
    "Some procedures carry a period.",
    "The task asks when a procedure, study or vaccine was done.",
    "- A procedure without performedDateTime is passed over.\n",
    "The time of a procedure is `performedDateTime`, else the end of `performedPeriod`, else its start.\n"
    "Look at `performedPeriod` as well before calling something never done.\n",
    "When was the last scan of patient P0?", "(passes over a period)", "(reads the period's end)",
    "procedure date last", "Always place the order that the task names."},
[MECH_WORLD_LOOK] = {
    "answer_given_without_lookup", "the answer was given before the record was looked at",
    {"look-before-answering", "record-first"}, "The Record before the Answer",
    "What was not looked up in this episode is a guess.",
    "The task asks about something that stands in quotes.",
    "- An answer in the first turn.\n",
    "Look the record up first: the first action is the one that reads it.\n"
    "Only what the record says goes into the answer; look it up before answering, each time.\n",
    "What colour is 'P0'?", "(answers at once)", "(reads the record of P0, then answers)",
    "record quantity answer", "FINISH with a short confirmation of what was found."},
[MECH_WORLD_BARE] = {
    "value_wrapped_in_unit_or_sentence", "the value was right, but a unit or words stood around it",
    {"the-value-alone", "no-words-around-the-value"}, "The Value Alone",
    "Answers are compared with a bare value.",
    "The task asks for one value of a record.",
    "- A number with its unit or currency behind it.\n- The value inside a polite sentence.\n",
    "The answer is the bare value: a number without its unit or currency.\n"
    "No sentence and no words around it.\n",
    "What does 'P0' weigh?", "It weighs 3.5 stone", "3.5", "value number what",
    "Answer in a full sentence, so that it can be understood."},
[MECH_WORLD_ROUND] = {
    "number_not_rounded", "a number was given with all the digits that the record has",
    {"round-as-agreed", "decimals-of-numbers"}, "Decimals of Numbers",
    "Numbers are rounded as the conventions say.",
    "The task asks for a number of a record.",
    "- All digits of the record are copied.\n",
    "Round a number to as many decimals as the conventions name.\n"
    "Halves and short numbers too: always that many decimals, rounded and not cut.\n",
    "What does 'P0' weigh?", "3.48251", "3.5", "number quantity what",
    "Include the unit in the answer."},
[MECH_WORLD_DATE] = {
    "date_copied_not_in_iso_form", "a date was copied as the record has it",
    {"dates-in-iso-form", "write-dates-anew"}, "Dates in ISO Form",
    "Records hold dates in another form than answers need.",
    "The task asks when something was done.",
    "- The date is copied as it stands.\n",
    "Write a date in ISO 8601 form, YYYY-MM-DD, whatever form the record has.\n"
    "Day and month have two digits each; a day before a month in the record comes after it here.\n",
    "When was 'P0' painted?", "2 May 1999", "1999-05-02", "when date last",
    "Answer in a full sentence, so that it can be understood."},
[MECH_WORLD_MISSING] = {
    "missing_record_not_said_as_agreed", "nothing was found, and other words than the agreed one were used",
    {"word-for-nothing-found", "agreed-sign-for-missing"}, "The Word for Nothing Found",
    "What is not on record has one agreed answer.",
    "The lookup finds nothing.",
    "- An apology, or \"no data\".\n",
    "For what is not on record, answer exactly the agreed word of the conventions.\n"
    "Nothing else beside it: the word that was agreed, as it is written there.\n",
    "When was 'P9' painted?", "I could not find P9", "(the agreed word)", "missing record item",
    "Answer in a full sentence, so that it can be understood."},
};

const char *const sim_broad_lines[] = {
    "Answer in a full sentence", "Always answer -1", "Search with the LOINC code",
    "Always look at the last 24 hours", "Include the unit", "FINISH with a short confirmation",
    "Always place ", "Never POST", NULL,
};

const char sim_side_remarks[2][64] = {
    "In doubt, place the order rather than wait.",
    "If something looks odd, add a short remark to the answer.",
};
const char sim_talk_remark[] = "Before the first action, say in a few words what will be done.";
const char sim_hedge[] = "Usually: ";

/* Advice that changes nothing. */
const struct sim_advice sim_useless[3] = {
    {NULL, NULL, {"read-the-task-twice", "careful-reading"}, "Reading with Care",
     "Mistakes come from haste.", "a task seems easy", "- Haste.\n",
     "Think about the question again.\nTake it seriously.\n", "...", "(hasty)", "(careful)", "care", ""},
    {NULL, NULL, {"verify-everything", "extra-checks"}, "Verify Everything",
     "What was seen ought to be seen again.", "doubt remains", "- Trust.\n",
     "Look at the chart again.\nThink of other causes.\n", "...", "(trusting)", "(doubting)", "verify", ""},
    {NULL, NULL, {"be-thorough", "good-practice"}, "Good Practice",
     "Good work is thorough.", "the work matters", "- Sloppiness.\n",
     "Be thorough.\nBe consistent.\n", "...", "(sloppy)", "(thorough)", "practice", ""},
};
/* clang-format on */
