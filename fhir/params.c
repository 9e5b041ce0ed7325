/* params.c - finding one's way in the tables of params.h. */
#include "fhir/params.h"

#include <string.h>
#include <xxhash.h>

const struct fhir_search_param fhir_common_params[] = {
    {"_id", PARAM_ID, "id", NULL, NULL, NULL, NULL},
    {"_lastUpdated", PARAM_DATE, "meta.lastUpdated", NULL, NULL, NULL, NULL},
    {"_tag", PARAM_TOKEN, "meta.tag", NULL, NULL, NULL, NULL},
    {"_profile", PARAM_URI, "meta.profile", NULL, NULL, NULL, NULL},
    {"_security", PARAM_TOKEN, "meta.security", NULL, NULL, NULL, NULL},
    {"_source", PARAM_URI, "meta.source", NULL, NULL, NULL, NULL},
};
const size_t fhir_common_param_count = sizeof(fhir_common_params) / sizeof(*fhir_common_params);
_Static_assert(PARAM_SLOT_COMMON + sizeof(fhir_common_params) / sizeof(*fhir_common_params) - 1 ==
                   PARAM_SLOT_OWN,
               "a slot for each common parameter but _id");

bool fhir_param_refused(const struct fhir_resource_type *type, const char *name)
{
    size_t len = strcspn(name, ":.");
    for (size_t i = 0; i < fhir_refused_param_count; i++) {
        const struct fhir_refused_param *p = &fhir_refused_params[i];
        if (strlen(p->name) == len && memcmp(p->name, name, len) == 0 &&
            (!p->type || strcmp(p->type, type->name) == 0))
            return true;
    }
    return false;
}

/* As strcmp does, of a name that ends after len bytes. */
static int compare_name(const char *name, size_t len, const char *other)
{
    int c = strncmp(name, other, len);
    return c == 0 && other[len] != '\0' ? -1 : c;
}

const struct fhir_resource_type *fhir_resource_type_find(const char *name, size_t len)
{
    size_t lo = 0, hi = fhir_resource_type_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_name(name, len, fhir_resource_types[mid].name);
        if (c == 0)
            return &fhir_resource_types[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

uint16_t fhir_param_slot_number(const struct fhir_resource_type *type, unsigned slot)
{
    return (uint16_t)((size_t)(type - fhir_resource_types) << PARAM_SLOT_BITS | slot);
}

const struct fhir_search_param *fhir_param_at(const struct fhir_resource_type *type,
                                              uint16_t number)
{
    unsigned slot = PARAM_SLOT(number);
    if (slot >= PARAM_SLOT_OWN)
        return slot - PARAM_SLOT_OWN < type->n ? &type->params[slot - PARAM_SLOT_OWN] : NULL;
    return slot >= PARAM_SLOT_COMMON ? &fhir_common_params[1 + slot - PARAM_SLOT_COMMON] : NULL;
}

/* The tables are sorted by name. */
static const struct fhir_search_param *own_param(const struct fhir_resource_type *type,
                                                 const char *name, size_t len)
{
    size_t lo = 0, hi = type->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_name(name, len, type->params[mid].name);
        if (c == 0)
            return &type->params[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

bool fhir_param_find(const struct fhir_resource_type *type, const char *name, size_t len,
                     struct fhir_param_ref *out)
{
    *out = (struct fhir_param_ref){.param = own_param(type, name, len)};
    if (!out->param) {
        for (size_t i = 0; i < fhir_common_param_count; i++)
            if (strncmp(fhir_common_params[i].name, name, len) == 0 &&
                !fhir_common_params[i].name[len]) {
                out->param = &fhir_common_params[i];
                if (i > 0)
                    out->numbers[out->n++] =
                        fhir_param_slot_number(type, PARAM_SLOT_COMMON + (unsigned)i - 1);
            }
        return out->param != NULL;
    }
    if (out->param->kind == PARAM_COMPOSITE)
        return true;
    const char *from = out->param->shared ? out->param->shared : out->param->name;
    for (size_t n; *from; from += n + (from[n] == ',')) {
        n = strcspn(from, ",");
        const struct fhir_search_param *p = own_param(type, from, n);
        if (p)
            out->numbers[out->n++] =
                fhir_param_slot_number(type, PARAM_SLOT_OWN + (unsigned)(p - type->params));
    }
    return true;
}

bool fhir_listed(const char *list, char separator, const char *name, size_t len)
{
    const char stop[] = {separator, '\0'};
    for (size_t n; list && *list; list += n + (list[n] != '\0')) {
        n = strcspn(list, stop);
        if (n == len && memcmp(list, name, len) == 0)
            return true;
    }
    return false;
}

uint64_t fhir_params_fingerprint(void)
{
    uint64_t h = PARAM_SLOT_OWN;
    for (size_t i = 0; i < fhir_resource_type_count; i++) {
        const struct fhir_resource_type *t = &fhir_resource_types[i];
        h = XXH3_64bits_withSeed(t->name, strlen(t->name) + 1, h);
        for (size_t j = 0; j < t->n; j++) {
            const struct fhir_search_param *p = &t->params[j];
            const char *texts[] = {p->name, p->path, p->system, p->shared};
            h += (uint64_t)p->kind;
            for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
                if (texts[k])
                    h = XXH3_64bits_withSeed(texts[k], strlen(texts[k]) + 1, h + k);
        }
    }
    return h;
}

static const char *const kind_names[] = {
    [PARAM_TOKEN] = "token", [PARAM_STRING] = "string",       [PARAM_REFERENCE] = "reference",
    [PARAM_DATE] = "date",   [PARAM_QUANTITY] = "quantity",   [PARAM_NUMBER] = "number",
    [PARAM_URI] = "uri",     [PARAM_COMPOSITE] = "composite", [PARAM_ID] = "token"};

const char *fhir_param_kind_name(enum fhir_param_kind kind)
{
    return kind_names[kind];
}

bool fhir_param_kind_find(const char *name, size_t len, enum fhir_param_kind *out)
{
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(*kind_names); i++)
        if (strlen(kind_names[i]) == len && memcmp(kind_names[i], name, len) == 0) {
            *out = (enum fhir_param_kind)i;
            return true;
        }
    return false;
}
