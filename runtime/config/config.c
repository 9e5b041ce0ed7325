/* config.c - reads, layers and checks a configuration against the key table. */
#include "runtime/config/config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config/keys.h"
#include "runtime/config/preset.h"
#include "runtime/config/yaml.h"

/* One source of values: a file, or --set. */
struct config_layer {
    json_t *tree, *lines;
    char *what; /* file name for messages */
};

static void layer_release(struct config_layer *l)
{
    json_decref(l->tree);
    json_decref(l->lines);
    free(l->what);
    *l = (struct config_layer){0};
}

/* `method: NAME` beside `method: {name: NAME, fidelity: ...}`. */
static int spell_method(struct config_layer *l)
{
    json_t *name = json_object_get(l->tree, "method");
    if (!json_is_string(name))
        return 0;
    json_object_set(l->lines, "method.name", json_object_get(l->lines, "method"));
    json_t *section = json_pack("{s:O}", "name", name);
    return section && json_object_set_new(l->tree, "method", section) == 0 ? 0 : err_oom();
}

static int layer_read(struct config_layer *l, const char *path)
{
    l->what = str_dup(path);
    int rc = l->what ? yaml_read_file(path, &l->tree, &l->lines) : err_oom();
    if (rc == 0 && !json_is_object(l->tree))
        rc = err_set(GRASP_EPARSE, "%s: a mapping of keys is needed at the top", path);
    if (rc == 0)
        rc = spell_method(l);
    return rc;
}

static bool is_section(const char *name)
{
    size_t n = strlen(name);
    for (const struct config_key *k = config_keys; k->name; k++)
        if (strncmp(k->name, name, n) == 0 && k->name[n] == '.')
            return true;
    return false;
}

static int unknown_key(const struct config_layer *l, const char *name)
{
    const char *last = strrchr(name, '.');
    char best[64] = "", section[64], where[32] = "";
    size_t least = 4;
    int64_t line = json_integer_value(json_object_get(l->lines, name));
    if (line)
        snprintf(where, sizeof(where), ":%lld", (long long)line);
    if (is_section(name))
        return err_set(GRASP_EINVAL, "%s%s: '%s' holds keys of its own, not a value", l->what,
                       where, name);
    last = last ? last + 1 : name;
    for (const struct config_key *k = config_keys; k->name; k++) {
        const char *tail = strrchr(k->name, '.');
        size_t d = str_distance(name, k->name);
        if (tail && strcmp(last, tail + 1) == 0 && d > 2)
            d = 2; /* the right key in the wrong section */
        if (d < least) {
            least = d;
            snprintf(best, sizeof(best), "%s", k->name);
        }
        snprintf(section, sizeof(section), "%.*s", (int)strcspn(k->name, "."), k->name);
        if (str_distance(name, section) < least) {
            least = str_distance(name, section);
            snprintf(best, sizeof(best), "%s", section);
        }
    }
    return err_set(GRASP_EINVAL, "%s%s: there is no key '%s'%s%s%s", l->what, where, name,
                   *best ? "; did you mean '" : "", best, *best ? "'?" : "");
}

/* Every leaf of a layer must be a key of the table; moved to `flat` (name -> value). */
static int flatten(const struct config_layer *l, const json_t *v, const char *prefix, json_t *flat,
                   json_t *origin)
{
    const char *key;
    json_t *item;
    json_object_foreach ((json_t *)v, key, item) {
        char name[160];
        snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
        const struct config_key *k = config_key_find(name);
        int rc = 0;
        if (!k && is_section(name) && (json_is_object(item) || json_is_null(item)))
            rc = flatten(l, item, name, flat, origin);
        else if (!k)
            rc = unknown_key(l, name);
        else if (json_object_set(flat, name, item) < 0 ||
                 json_object_set_new(origin, name,
                                     json_sprintf("%s:%lld", l->what,
                                                  (long long)json_integer_value(
                                                      json_object_get(l->lines, name)))) < 0)
            rc = err_oom();
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool is_kind(const char *name)
{
    static const char *const kinds[] = {"openai", "responses", "anthropic", "simulated", "replay"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(name, kinds[i]) == 0)
            return true;
    return false;
}

/* The presets there are, for a message. */
static void list_presets(const struct config *c, const json_t *models, struct buf *out)
{
    char *dir = fs_join(c->dir, "agents");
    struct strlist names = {0};
    DIR *d = dir ? opendir(dir) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot &&
            (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0))
            strlist_addn(&names, e->d_name, (size_t)(dot - e->d_name));
    }
    if (d)
        closedir(d);
    const char *name;
    json_t *v;
    json_object_foreach ((json_t *)models, name, v)
        strlist_add(&names, name);
    strlist_sort(&names);
    for (size_t i = 0; i < names.n; i++)
        buf_addf(out, "%s%s", i ? ", " : "", names.v[i]);
    strlist_release(&names);
    free(dir);
}

/* A section `model` in place of the layer's tree: what a preset or an agent section says. */
static int as_model(struct config_layer *l, const json_t *tree, const char *what)
{
    json_t *model = NULL, *top = json_object();
    int rc = top ? preset_read(tree, what, &model) : err_oom();
    if (rc == 0 && json_object_set_new(top, "model", model) < 0)
        rc = err_oom();
    json_decref(l->tree);
    l->tree = top;
    return rc;
}

/* `models`: the configuration's own table of them, by name; NULL: none. */
static int read_preset(const struct config *c, const json_t *models, const char *name,
                       struct config_layer *l)
{
    static const char *const endings[] = {"yaml", "yml", "json"};
    char *file = NULL;
    int rc = GRASP_ENOTFOUND;
    if (!name)
        return 0;
    if (json_is_object(json_object_get(models, name))) {
        char what[160];
        snprintf(what, sizeof(what), "models.%s", name);
        return as_model(l, json_object_get(models, name), what);
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        free(file);
        if (strchr(name, '/') || asprintf(&file, "%s/agents/%s.%s", c->dir, name, endings[i]) < 0)
            file = NULL;
        if (file && fs_exists(file))
            break;
    }
    if (file && fs_exists(file)) {
        rc = layer_read(l, file);
    } else {
        struct buf all = BUF_INIT;
        list_presets(c, models, &all);
        rc = err_set(GRASP_ENOTFOUND, "agent_preset '%s': there is no %s/agents/%s.yaml%s%s%s",
                     name, c->dir, name, all.len ? "; there are " : "", all.ptr,
                     is_kind(name) ? " (a kind of model is set with model.kind)" : "");
        buf_release(&all);
    }
    /* A preset is a section `model`, or another program's spelling of one. */
    if (rc == 0 && !json_is_object(json_object_get(l->tree, "model"))) {
        json_t *tree = json_incref(l->tree);
        rc = as_model(l, tree, file);
        json_decref(tree);
    }
    free(file);
    return rc;
}

/* The preset that --set chooses, if it does. */
static const char *preset_of_sets(const char *const *sets, size_t n)
{
    static const char key[] = "agent_preset=";
    const char *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (str_starts(sets[i], key))
            found = sets[i] + sizeof(key) - 1;
    return found;
}

/* "key=value": the value is YAML, so that lists work too. */
static int add_set(const char *text, json_t *flat, json_t *origin)
{
    const char *eq = strchr(text, '=');
    if (!eq)
        return err_set(GRASP_EUSAGE, "--set %s: needs key=value", text);
    bool method = str_starts(text, "method=");
    char *name = method ? str_dup("method.name") : str_ndup(text, (size_t)(eq - text));
    struct config_layer l = {.what = str_dup("--set")};
    int rc = name && l.what ? 0 : err_oom();
    if (rc == 0)
        rc = yaml_parse(eq + 1, strlen(eq + 1), "--set", &l.tree, &l.lines);
    if (rc == 0 && !*(eq + 1)) {
        json_decref(l.tree);
        l.tree = json_null();
    }
    if (rc == 0 && !config_key_find(name))
        rc = unknown_key(&l, name);
    if (rc == 0) {
        if (json_object_set(flat, name, l.tree) < 0 ||
            json_object_set_new(origin, name, json_string("--set")) < 0)
            rc = err_oom();
    }
    layer_release(&l);
    free(name);
    return rc == GRASP_EINVAL ? GRASP_EUSAGE : rc;
}

/* ---- typed values ---- */

static int wrong(const json_t *origin, const struct config_key *k, const char *needs)
{
    const char *from = json_string_value(json_object_get(origin, k->name));
    return err_set(GRASP_EINVAL, "%s: %s must be %s", from ? from : "configuration", k->name,
                   needs);
}

static int want_number(const json_t *origin, const struct config_key *k, const json_t *v,
                       double *out)
{
    char needs[96];
    *out = json_number_value(v);
    bool whole = k->type == KEY_REAL || json_is_integer(v) || *out == (double)(int64_t)*out;
    if (json_is_number(v) && whole && *out >= k->min && *out <= k->max)
        return 0;
    snprintf(needs, sizeof(needs), "%s from %g to %g",
             k->type == KEY_INT ? "a whole number" : "a number", k->min, k->max);
    return wrong(origin, k, needs);
}

static int want_choice(const json_t *origin, const struct config_key *k, const json_t *v, int *out)
{
    /* YAML 1.1 takes off and on for false and true */
    const char *s = json_is_false(v) ? "false" : json_is_true(v) ? "true" : json_string_value(v);
    const char *other = json_is_false(v) ? "off" : json_is_true(v) ? "on" : s;
    for (int i = 0; s && k->choices[i]; i++)
        if ((strcmp(s, k->choices[i]) == 0 || strcmp(other, k->choices[i]) == 0) && *s) {
            *out = i;
            return 0;
        }
    char needs[128] = "one of";
    for (int i = 0; k->choices[i]; i++) {
        size_t n = strlen(needs);
        snprintf(needs + n, sizeof(needs) - n, " %s", k->choices[i]);
    }
    return wrong(origin, k, needs);
}

static json_t *absolute(const struct config *c, const json_t *v)
{
    char *p = fs_join(c->dir, json_string_value(v));
    json_t *out = p ? json_string(p) : NULL;
    free(p);
    return out;
}

/* Scalars that YAML took for numbers are text again where text is wanted. */
static json_t *as_text(const json_t *v)
{
    if (json_is_string(v))
        return json_incref((json_t *)v);
    if (json_is_integer(v))
        return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
    if (json_is_real(v))
        return json_sprintf("%.15g", json_real_value(v));
    return NULL;
}

/* Task files of others are named from where their program is started: beside the file, or here. */
static json_t *beside_or_here(const struct config *c, const json_t *v)
{
    const char *path = json_string_value(v);
    json_t *beside = absolute(c, v);
    if (!beside || fs_exists(json_string_value(beside)) || *path == '/' || !fs_exists(path))
        return beside;
    char *here = realpath(path, NULL);
    json_t *out = here ? json_string(here) : NULL;
    json_decref(beside);
    free(here);
    return out;
}

static json_t *absolute_list(const struct config *c, const json_t *v)
{
    json_t *out = json_array();
    size_t i;
    json_t *item;
    if (json_is_string(v))
        json_array_append_new(out, absolute(c, v));
    json_array_foreach ((json_t *)v, i, item)
        if (json_is_string(item))
            json_array_append_new(out, absolute(c, item));
    return out;
}

static void *field(struct config *c, const struct config_key *k)
{
    return (char *)c + k->offset;
}

/* Normalises one value, stores it in the struct, and returns what the resolved tree shows. */
static int set_field(struct config *c, const struct config_key *k, const json_t *v,
                     const json_t *origin, json_t **shown)
{
    void *at = field(c, k);
    double d;
    int rc = 0;
    *shown = NULL;
    switch (k->type) {
    case KEY_STRING:
    case KEY_PATH:
        *shown = as_text(v);
        if (*shown && k->type == KEY_PATH) {
            json_t *p = k->flags & KEY_DATA ? beside_or_here(c, *shown) : absolute(c, *shown);
            json_decref(*shown);
            *shown = p;
        }
        if (!*shown)
            return wrong(origin, k, "text");
        *(const char **)at = json_string_value(*shown);
        break;
    case KEY_INT:
        if ((rc = want_number(origin, k, v, &d)) == 0) {
            *(int64_t *)at = (int64_t)d;
            *shown = json_integer((json_int_t)d);
        }
        break;
    case KEY_REAL:
        if ((rc = want_number(origin, k, v, &d)) == 0) {
            *(double *)at = d;
            *shown = json_real(d);
        }
        break;
    case KEY_BOOL:
        if (!json_is_boolean(v))
            return wrong(origin, k, "true or false");
        *(bool *)at = json_is_true(v);
        *shown = json_incref((json_t *)v);
        break;
    case KEY_ENUM:
        if ((rc = want_choice(origin, k, v, at)) == 0)
            *shown = json_string(k->choices[*(int *)at]);
        break;
    case KEY_OBJECT:
        if (!json_is_object(v))
            return wrong(origin, k, "a mapping");
        *(json_t **)at = *shown = json_incref((json_t *)v);
        break;
    case KEY_LIST:
    case KEY_PATHS:
        if (!json_is_array(v) && !(k->type == KEY_PATHS && json_is_string(v)))
            return wrong(origin, k, "a list");
        *(json_t **)at = *shown =
            k->type == KEY_PATHS ? absolute_list(c, v) : json_incref((json_t *)v);
        break;
    }
    return rc;
}

static void show(json_t *resolved, const char *name, json_t *v)
{
    json_t *at = resolved;
    char part[64];
    for (const char *dot; (dot = strchr(name, '.')); name = dot + 1) {
        snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
        if (!json_object_get(at, part))
            json_object_set_new(at, part, json_object());
        at = json_object_get(at, part);
    }
    json_object_set(at, name, v);
}

static int apply(struct config *c, const json_t *flat, const json_t *origin)
{
    for (const struct config_key *k = config_keys; k->name; k++) {
        json_t *v = json_incref(json_object_get(flat, k->name)), *shown = NULL, *lines = NULL;
        int rc = 0;
        if (!v && k->flags & KEY_ALIAS)
            continue;
        /* "key:" with nothing after it is a key that is not there; a number's null says "none". */
        if (json_is_null(v) && k->type != KEY_REAL) {
            json_decref(v);
            v = NULL;
        }
        if (!v && strncmp(k->name, "writer.", 7) == 0) { /* the writer is the executor's model */
            char name[64];
            snprintf(name, sizeof(name), "model.%s", k->name + 7);
            v = json_incref(json_object_get(flat, name));
        }
        if (!v && k->fallback)
            rc = yaml_parse(k->fallback, strlen(k->fallback), k->name, &v, &lines);
        json_decref(lines);
        if (rc == 0 && v && !json_is_null(v))
            rc = set_field(c, k, v, origin, &shown);
        else if (rc == 0 && k->type == KEY_REAL)
            *(double *)field(c, k) = -1;
        json_decref(v);
        if (rc < 0)
            return rc;
        if (shown) {
            if (json_array_append(c->keep, shown) < 0) /* it owns what the struct points to */
                rc = err_oom();
            if (!(k->flags & (KEY_SECRET | KEY_ALIAS)))
                show(c->resolved, k->name, shown);
            json_decref(shown);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Whether a section says anything of which model it wants. */
static bool asks_for_a_model(const struct model_config *m)
{
    return (m->name && !str_starts(m->name, "simulated")) || (m->api_key && *m->api_key) ||
           m->api_key_file || m->api_key_command || m->headers || m->query || m->extra ||
           m->unix_socket || m->client_cert;
}

int config_names_model(const struct config *c, const char *name)
{
    if (!name || str_starts(name, "simulated") || strcmp(c->model.kind, "simulated") != 0)
        return 0;
    return err_set(GRASP_EINVAL,
                   "%s: the model %s is asked for, and model.kind is simulated, which is no such "
                   "model: --set model.kind=openai --set model.base_url=URL, or --preset NAME "
                   "(agents/NAME.yaml)",
                   c->path, name);
}

/* The simulated model runs where nothing was asked for, or where it is named; never in the place of
 * another. The kind may change while a run goes on (another server of the same model), the name may
 * not: it is shown also where it is the default. */
static int default_kind(struct config *c, struct model_config *m, const char *section, bool warn)
{
    char key[32];
    bool endpoint = m->base_url || m->endpoints, simulated;
    if (!m->kind && !endpoint && m->replay_file)
        return err_set(GRASP_EINVAL, "%s: %s.replay_file is set: set %s.kind: replay as well",
                       c->path, section, section);
    if (!m->kind && !endpoint && asks_for_a_model(m))
        return err_set(GRASP_EINVAL,
                       "%s: the model%s%s is asked for, and no endpoint: set %s.base_url, or "
                       "%s.kind: simulated for the simulated model",
                       c->path, m->name ? " " : "", m->name ? m->name : "", section, section);
    if (!m->kind)
        m->kind = endpoint ? "openai" : "simulated";
    else if (endpoint && strcmp(m->kind, "simulated") == 0 && warn)
        log_warn("%s.kind is simulated: the endpoint that %s.%s names is not asked", section,
                 section, m->base_url ? "base_url" : "endpoints");
    simulated = strcmp(m->kind, "simulated") == 0;
    if (!m->name)
        m->name = simulated ? "simulated" : "default";
    if (simulated && !str_starts(m->name, "simulated"))
        m->name = "simulated"; /* what it does is never shown under another model's name */
    snprintf(key, sizeof(key), "%s.name", section);
    json_t *name = json_string(m->name);
    show(c->resolved, key, name);
    json_decref(name);
    return 0;
}

/* URLs are shown, logged and kept with a run: they hold no password. */
static int check_url(const char *key, const char *url)
{
    const char *host = url ? strstr(url, "://") : NULL;
    if (!host || !memchr(host + 3, '@', strcspn(host + 3, "/?#")))
        return 0;
    return err_set(GRASP_EINVAL,
                   "%s: the URL holds a user name or password; a key goes into "
                   "api_key, where it is kept out of logs and files",
                   key);
}

static int check_urls(const struct config *c)
{
    const struct model_config *models[] = {&c->model, &c->writer};
    static const char *const names[] = {"model", "writer"};
    int rc = check_url("task.fhir_api_base", c->fhir_api_base);
    for (size_t i = 0; i < 2; i++) {
        char key[32];
        size_t k;
        json_t *e;
        snprintf(key, sizeof(key), "%s.base_url", names[i]);
        if (rc == 0)
            rc = check_url(key, models[i]->base_url);
        snprintf(key, sizeof(key), "%s.endpoints", names[i]);
        json_array_foreach (models[i]->endpoints, k, e) {
            if (rc == 0)
                rc = check_url(key, json_is_string(e) ? json_string_value(e)
                                                      : json_str_at(e, "base_url", NULL));
        }
    }
    return rc;
}

/* A row that is misread would be a budget that does not hold. */
static int check_prices(const struct config *c)
{
    static const char *const known[] = {"input", "output", "cached", "cache_write", NULL};
    const char *name, *key;
    json_t *row, *v;
    json_object_foreach (c->prices, name, row) {
        if (!json_is_object(row))
            return err_set(GRASP_EINVAL, "prices.%s must be a table: {input: ..., output: ...}",
                           name);
        json_object_foreach (row, key, v) {
            size_t i = 0;
            while (known[i] && strcmp(known[i], key) != 0)
                i++;
            if (!known[i])
                return err_set(GRASP_EINVAL,
                               "prices.%s.%s is no price: input, output, cached, cache_write", name,
                               key);
            if (!json_is_number(v) || !(json_number_value(v) >= 0 && json_number_value(v) <= 1e6))
                return err_set(GRASP_EINVAL,
                               "prices.%s.%s must be a number from 0 to 1e+06 (USD per million "
                               "tokens)",
                               name, key);
        }
        if (!json_object_get(row, "input") != !json_object_get(row, "output"))
            return err_set(GRASP_EINVAL,
                           "prices.%s has no %s: the half of a price is none, {input: ..., output: "
                           "...} (0 where it is free)",
                           name, json_object_get(row, "input") ? "output" : "input");
    }
    return 0;
}

/* Keys that contradict each other, and those that are no more. */
static int check_gate(const struct config *c)
{
    if (c->gate.confirm)
        return err_set(GRASP_EINVAL,
                       "gate.confirm is no more: gate.rule: replicate, which auto takes "
                       "on a noisy endpoint, measures again what decides");
    if (c->prompt.texts && c->env.kind == ENV_EXEC)
        return err_set(GRASP_EINVAL, "prompt.texts is of the FHIR world; a world of env.kind: exec "
                                     "says its own texts");
    if (c->gate.rule == RULE_REPLICATE && c->gate.repeats > 1)
        return err_set(GRASP_EINVAL, "gate.repeats belongs to gate.rule: paper; replicate measures "
                                     "again what differs");
    if (c->gate.rule == RULE_REPLICATE && c->draws == DRAWS_SHARED)
        return err_set(GRASP_EINVAL, "gate.rule: replicate needs samples that differ; with "
                                     "model.draws: shared every one is the same");
    return 0;
}

/* Absolute, so that the same run is recognised from another working directory. */
static char *absolute_dir(const char *path)
{
    char *dir = fs_dirname(path), *real = dir ? realpath(dir, NULL) : NULL;
    if (!real)
        return dir;
    free(dir);
    return real;
}

/* Another model than the file's: what the preset says goes on top, and of the file's model only how
 * to sample stays. */
static int replace_model(const struct config_layer *preset, json_t *flat, json_t *origin)
{
    static const char *const kept[] = {"model.temperature", "model.max_tokens"};
    const char *name;
    json_t *v;
    void *next;
    json_object_foreach_safe (flat, next, name, v) {
        bool stays = !str_starts(name, "model.");
        for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
            stays = stays || strcmp(name, kept[i]) == 0;
        if (!stays)
            json_object_del(flat, name);
    }
    return flatten(preset, preset->tree, "", flat, origin);
}

int config_load(struct config **out, const char *path, const char *const *sets, size_t n_sets)
{
    return config_load_preset(out, path, NULL, sets, n_sets);
}

int config_has_model(const char *path, const char *name)
{
    struct config_layer file = {0};
    int rc = layer_read(&file, path);
    if (rc == 0)
        rc = json_is_object(json_object_get(json_object_get(file.tree, "models"), name));
    layer_release(&file);
    return rc;
}

int config_load_preset(struct config **out, const char *path, const char *as,
                       const char *const *sets, size_t n_sets)
{
    struct config *c = calloc(1, sizeof(*c));
    struct config_layer file = {0}, preset = {0};
    json_t *flat = json_object(), *origin = json_object();
    int rc = c && flat && origin ? 0 : err_oom();
    *out = NULL;
    if (rc < 0)
        goto out;
    c->path = str_dup(path);
    c->dir = absolute_dir(path);
    c->resolved = json_object();
    c->keep = json_array();
    if (!c->path || !c->dir || !c->resolved || !c->keep)
        rc = err_oom();
    if (rc < 0)
        goto out;
    if ((rc = layer_read(&file, path)) == GRASP_ENOTFOUND)
        err_set(rc, "there is no configuration '%s'; grasp init writes one", path);
    if (rc < 0)
        goto out;
    if ((rc = preset_adopt(file.tree, file.lines, path)) < 0)
        goto out;
    const char *env = getenv("GRASP_BACKEND");
    if (!as)
        as = preset_of_sets(sets, n_sets);
    if (!as && env && *env)
        as = env;
    const char *named = json_str_at(file.tree, "agent_preset", NULL);
    json_t *agent = json_object_get(file.tree, "agent");
    if (as || named)
        rc = read_preset(c, json_object_get(file.tree, "models"), as ? as : named, &preset);
    else if (agent)
        rc = as_model(&preset, agent, path);
    if (rc == 0 && (as || named)) {
        json_array_append_new(c->keep, json_string(as ? as : named));
        c->preset = json_string_value(json_array_get(c->keep, json_array_size(c->keep) - 1));
    }
    if (rc < 0)
        goto out;
    if ((as || named || agent) && !preset.what && !(preset.what = str_dup(path))) {
        rc = err_oom();
        goto out;
    }
    json_object_del(file.tree, "agent_preset");
    json_object_del(file.tree, "agent");
    json_object_del(file.tree, "models");
    json_t *backend = json_incref(json_object_get(file.tree, "backend"));
    json_object_del(file.tree, "backend");
    if (preset.tree && !as)
        rc = flatten(&preset, preset.tree, "", flat, origin);
    if (rc == 0 && backend)
        json_object_set(flat, "model.kind", backend);
    json_decref(backend);
    if (rc == 0)
        rc = flatten(&file, file.tree, "", flat, origin);
    if (rc == 0 && as)
        rc = replace_model(&preset, flat, origin);
    for (size_t i = 0; rc == 0 && i < n_sets; i++)
        if (!str_starts(sets[i], "agent_preset="))
            rc = add_set(sets[i], flat, origin);
    if (rc == 0)
        rc = apply(c, flat, origin);
    if (rc == 0)
        rc = check_urls(c);
    if (rc == 0)
        rc = check_prices(c);
    if (rc == 0)
        rc = check_gate(c);
    if (rc < 0)
        goto out;
    if ((rc = default_kind(c, &c->model, "model", true)) < 0 ||
        (rc = default_kind(c, &c->writer, "writer", false)) < 0)
        goto out;
    size_t n = strlen(c->fhir_api_base);
    if (!n || c->fhir_api_base[n - 1] != '/') {
        json_t *fixed = json_sprintf("%s/", c->fhir_api_base);
        json_array_append_new(c->keep, fixed);
        c->fhir_api_base = json_string_value(fixed);
        show(c->resolved, "task.fhir_api_base", fixed);
    }
    log_secret(c->model.api_key);
    log_secret(c->writer.api_key);
out:
    layer_release(&file);
    layer_release(&preset);
    json_decref(flat);
    json_decref(origin);
    if (rc < 0)
        config_free(c);
    else
        *out = c;
    return rc;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    json_decref(c->resolved);
    json_decref(c->keep);
    free(c->path);
    free(c->dir);
    free(c);
}

void config_render(const struct config *c, struct buf *out)
{
    size_t from = out->len;
    yaml_render(c->resolved, out);
    log_redact_data(out->ptr + from, out->len - from); /* a key may be part of another value */
}

/* A value as a run began with it, where known keys were masked, and as it is. */
static bool same_value(const json_t *was, const json_t *is)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    if (was == is || json_equal(was, is) ||
        (json_is_number(was) && json_is_number(is) &&
         json_number_value(was) == json_number_value(is)))
        return true;
    if (!was || !is)
        return false;
    buf_add_json_canonical(&a, was);
    buf_add_json_canonical(&b, is);
    log_redact_data(b.ptr, b.len);
    bool same = buf_check(&a) == 0 && buf_check(&b) == 0 && strcmp(a.ptr, b.ptr) == 0;
    buf_release(&a);
    buf_release(&b);
    return same;
}

void config_fingerprint(const struct config *c, uint8_t out[HASH_SIZE])
{
    struct buf text = BUF_INIT;
    for (const struct config_key *k = config_keys; k->name; k++) {
        json_t *v = k->flags & (KEY_HARMLESS | KEY_SECRET | KEY_ALIAS)
                        ? NULL
                        : json_at(c->resolved, k->name);
        if (!v)
            continue;
        buf_addf(&text, "%s ", k->name);
        buf_add_json_canonical(&text, v);
        buf_addch(&text, '\n');
    }
    hash_once(text.ptr, text.len, out);
    buf_release(&text);
}

int config_same_run(const struct config *c, const char *earlier_path)
{
    struct config_layer old = {0};
    struct buf diff = BUF_INIT;
    int rc = layer_read(&old, earlier_path);
    for (const struct config_key *k = config_keys; rc == 0 && k->name; k++) {
        if (k->flags & (KEY_HARMLESS | KEY_SECRET | KEY_ALIAS))
            continue;
        json_t *was = json_at(old.tree, k->name), *is = json_at(c->resolved, k->name);
        if (same_value(was, is))
            continue;
        buf_addf(&diff, "\n  %s: ", k->name);
        was ? buf_add_json_value(&diff, was) : buf_adds(&diff, "(not set)");
        buf_adds(&diff, " -> ");
        is ? buf_add_json_value(&diff, is) : buf_adds(&diff, "(not set)");
    }
    if (rc == 0 && diff.len)
        rc = err_set(GRASP_EREFUSED,
                     "the run was started with another configuration (%s):%s\nuse another run "
                     "directory or the old values, or let the present epoch begin anew with "
                     "these: --accept-changes",
                     earlier_path, diff.ptr);
    buf_release(&diff);
    layer_release(&old);
    return rc;
}
