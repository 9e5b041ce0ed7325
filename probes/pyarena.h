/* pyarena.h - private to pyvalue.c and pyparse.c: memory of values. */
#ifndef GRASP_PROBES_PYARENA_H
#define GRASP_PROBES_PYARENA_H

#include "probes/pyvalue.h"

/* Memory aligned for any value; NULL when there is none. */
void *py_arena_get(struct py_arena *a, size_t bytes);

#endif
