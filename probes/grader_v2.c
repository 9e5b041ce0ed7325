#include "probes/grading.h"
const struct family grader_families_v2[] = {{0}};
