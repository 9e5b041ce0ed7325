/* capability.c - the CapabilityStatement, made from the tables that the server works with. */
#include <string.h>

#include "fhir/rest.h"

#define INTERACTION(code) "{\"code\":\"" code "\"}"

/* Opens a list at its first item: FHIR has no empty ones. */
static void add_item(struct buf *out, bool *open, const char *list, const char *type,
                     const char *param)
{
    if (*open)
        buf_addch(out, ',');
    else
        buf_addf(out, ",\"%s\":[", list);
    buf_addf(out, "\"%s:%s\"", type, param);
    *open = true;
}

static void add_includes(struct buf *out, const struct fhir_resource_type *t)
{
    bool includes = false, reverse = false;
    for (size_t i = 0; i < t->n; i++)
        if (t->params[i].kind == PARAM_REFERENCE)
            add_item(out, &includes, "searchInclude", t->name, t->params[i].name);
    buf_adds(out, includes ? "]" : "");
    for (size_t i = 0; i < fhir_resource_type_count; i++)
        for (size_t j = 0; j < fhir_resource_types[i].n; j++) {
            const struct fhir_search_param *p = &fhir_resource_types[i].params[j];
            if (p->kind == PARAM_REFERENCE &&
                (!p->targets || fhir_listed(p->targets, '|', t->name, strlen(t->name))))
                add_item(out, &reverse, "searchRevInclude", fhir_resource_types[i].name, p->name);
        }
    buf_adds(out, reverse ? "]" : "");
}

static void add_operations(struct buf *out, const struct fhir_resource_type *t)
{
    if (strcmp(t->name, "Patient") == 0 || strcmp(t->name, "Encounter") == 0)
        buf_addf(out,
                 ",\"operation\":[{\"name\":\"everything\",\"definition\":\"http://hl7.org/fhir/"
                 "OperationDefinition/%s-everything\"}]",
                 t->name);
}

static void add_search(struct buf *out, const struct fhir_resource_type *t)
{
    add_includes(out, t);
    buf_adds(out, ",\"searchParam\":[");
    for (size_t i = 0; i < fhir_common_param_count; i++)
        buf_addf(out, "%s{\"name\":\"%s\",\"type\":\"%s\"}", i ? "," : "",
                 fhir_common_params[i].name, fhir_param_kind_name(fhir_common_params[i].kind));
    for (size_t i = 0; i < t->n; i++)
        buf_addf(out, ",{\"name\":\"%s\",\"type\":\"%s\"}", t->params[i].name,
                 fhir_param_kind_name(t->params[i].kind));
    buf_addch(out, ']');
}

static void add_resource(struct buf *out, const struct fhir_resource_type *t,
                         const struct fhir_store *store)
{
    bool read_only = store->read_only, history = store->keep_versions;
    const char *writes = read_only ? "false" : "true";
    buf_addf(out,
             "{\"type\":\"%s\",\"interaction\":[" INTERACTION("read") "," INTERACTION(
                 "vread") "," INTERACTION("search-type"),
             t->name);
    if (!read_only)
        buf_adds(out, "," INTERACTION("create") "," INTERACTION("update") "," INTERACTION(
                          "patch") "," INTERACTION("delete"));
    if (history)
        buf_adds(out, "," INTERACTION("history-instance"));
    buf_addf(out,
             "],\"versioning\":\"%s\",\"readHistory\":%s,\"updateCreate\":%s,"
             "\"conditionalCreate\":%s,\"conditionalRead\":\"not-match\","
             "\"conditionalUpdate\":%s,\"conditionalDelete\":\"%s\"",
             read_only ? "versioned" : "versioned-update", history ? "true" : "false", writes,
             writes, writes, read_only ? "not-supported" : "single");
    add_search(out, t);
    add_operations(out, t);
    buf_addch(out, '}');
}

int fhir_rest_metadata(struct fhir_exchange *x)
{
    struct buf *out = &x->rs->body;
    struct fhir_view v = {0};
    char changed[REST_TIME];
    const char *base = x->store->base_url;
    int rc = x->view ? 0 : fhir_view_open(&v, x->store, NULL);
    if (rc < 0)
        return rc;
    fhir_rest_time(fhir_rest_changed(x->view ? x->view : &v), changed);
    fhir_view_close(&v);
    x->rs->status = 200;
    buf_addf(out,
             "{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\",\"date\":\"%s\","
             "\"kind\":\"instance\",\"software\":{\"name\":\"grasp fhir\",\"version\":\"%s\"},"
             "\"implementation\":{\"description\":\"FHIR R4 mock server\",\"url\":\"",
             changed, GRASP_VERSION);
    buf_add_json(out, base, strlen(base), false);
    buf_adds(out, "\"},\"fhirVersion\":\"4.0.1\",\"format\":[\"application/fhir+json\",\"json\"],"
                  "\"patchFormat\":[\"application/json-patch+json\"],"
                  "\"rest\":[{\"mode\":\"server\",\"resource\":[");
    for (size_t i = 0; i < fhir_resource_type_count; i++) {
        if (i)
            buf_addch(out, ',');
        add_resource(out, &fhir_resource_types[i], x->store);
    }
    buf_adds(out, "],\"interaction\":[" INTERACTION("search-system") "," INTERACTION("batch"));
    if (!x->store->read_only)
        buf_adds(out, "," INTERACTION("transaction"));
    buf_adds(out, "]}]}");
    return buf_check(out);
}
