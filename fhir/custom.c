/* custom.c - search parameters out of SearchParameter resources. */
#include "fhir/custom.h"

#include <string.h>

#include "fhir/path.h"
#include "fhir/search.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

static int read_definition(const json_t *definition, const struct fhir_resource_type *type,
                           struct fhir_arena *arena, const struct fhir_search_param **param)
{
    const char *code = json_str_at(definition, "code", "");
    const char *kind = json_str_at(definition, "type", "");
    struct fhir_search_param *p = fhir_arena_alloc(arena, sizeof(*p));
    if (!p)
        return GRASP_ENOMEM;
    p->name = fhir_arena_ndup(arena, code, strlen(code));
    p->path = fhir_path_of_expression(arena, type->name, json_str_at(definition, "expression", ""));
    if (!p->path || !fhir_param_kind_find(kind, strlen(kind), &p->kind) ||
        p->kind == PARAM_COMPOSITE)
        return err_set(
            GRASP_EINVAL,
            "search parameter '%.80s' of %s is defined by SearchParameter/%.64s in a way "
            "that is not supported (type '%.20s', expression '%.200s')",
            code, type->name, json_str_at(definition, "id", ""), kind,
            json_str_at(definition, "expression", ""));
    *param = p;
    return 0;
}

int fhir_custom_param(struct fhir_view *v, const struct fhir_resource_type *type, const char *name,
                      size_t len, struct fhir_arena *arena, const struct fhir_search_param **param)
{
    struct fhir_query_source source = {.view = v};
    struct fhir_query q = {0};
    struct fhir_matches found = {0};
    struct fhir_record r;
    struct buf text = BUF_INIT;
    json_t *definition = NULL;
    const struct fhir_resource_type *definitions =
        fhir_resource_type_find("SearchParameter", strlen("SearchParameter"));
    *param = NULL;
    buf_adds(&text, "code=");
    buf_add_url(&text, name, len);
    buf_addf(&text, "&base=%s", type->name);
    int rc = buf_check(&text);
    if (rc == 0)
        rc = fhir_query_init(&q, &source, definitions, text.ptr, text.len);
    if (rc == 0)
        rc = fhir_search_run(v, &q, &found);
    if (rc == 0 && found.n > 0 && (rc = fhir_search_fetch(v, found.v[0], &r)) == 0) {
        definition = json_loadb(r.text, r.text_len, JSON_ALLOW_NUL, NULL);
        rc = read_definition(definition, type, arena, param);
    }
    json_decref(definition);
    fhir_matches_release(&found);
    fhir_query_release(&q);
    buf_release(&text);
    return rc;
}
