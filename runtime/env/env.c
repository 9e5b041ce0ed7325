/* env.c - opens the environment a configuration describes. */
#include "runtime/env/env.h"

#include "runtime/config/config.h"

int env_open(struct env **e, struct loop *loop, const struct config *config)
{
    return config->env.kind == ENV_EXEC ? env_open_exec(e, loop, config)
                                        : env_open_fhir(e, loop, config);
}

void env_close(struct env *e)
{
    if (e)
        e->ops->close(e);
}
