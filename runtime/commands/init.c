/* init.c - `grasp init`: a first configuration, after a few questions or from options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/commands/doctor.h"
#include "runtime/commands/table.h"
#include "runtime/config/config.h"
#include "runtime/config/starter.h"

#define DEFAULT_STORE "medagentbench.db"

struct init {
    const struct args *a;
    const char *path; /* of the file to write */
    bool asks;        /* somebody sits at a terminal */
    struct starter s;
    char *base_url, *model;
    struct buf missing; /* options that nobody can be asked for */
};

/* A line from the terminal, without blanks around it; `fallback` where it is empty (NULL: asked for
 * again). */
static int ask(const char *question, const char *fallback, char **answer)
{
    char *line = NULL;
    size_t cap = 0;
    *answer = NULL;
    while (!*answer) {
        fprintf(stderr, "%s%s%s%s: ", question, fallback ? " [" : "", fallback ? fallback : "",
                fallback ? "]" : "");
        ssize_t n = getline(&line, &cap, stdin);
        if (n < 0) {
            fputc('\n', stderr);
            free(line);
            return err_set(GRASP_EINVAL, "the answers ended; nothing was written");
        }
        char *text = line;
        while (n && ascii_isspace(text[n - 1]))
            text[--n] = '\0';
        while (ascii_isspace(*text))
            text++;
        if (*text || fallback)
            *answer = str_dup(*text ? text : fallback);
        if ((*text || fallback) && !*answer) {
            free(line);
            return err_oom();
        }
    }
    free(line);
    return 0;
}

/* An option's value, or an answer; `fallback` where nobody is asked (NULL: it is noted as missing). */
static int value_of(struct init *t, const char *option, const char *question, const char *fallback,
                    char **out)
{
    const char *given = arg_str(t->a, option);
    *out = NULL;
    if (!given && t->asks)
        return ask(question, fallback, out);
    if (!given && !fallback) {
        buf_addf(&t->missing, "%s--%s", t->missing.len ? ", " : "", option);
        return 0;
    }
    *out = str_dup(given ? given : fallback);
    return *out ? 0 : err_oom();
}

/* From the root: the file's own relative paths begin at its folder. "~/" is the user's home. */
static char *absolute(const char *path)
{
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) == 0 && home)
        return fs_join(home, path + 2);
    char *here = *path == '/' ? NULL : getcwd(NULL, 0);
    char *full = fs_join(here, str_starts(path, "./") ? path + 2 : path);
    free(here);
    return full;
}

static int benchmark_of(const struct init *t, int *version)
{
    const char *given = arg_str(t->a, "benchmark");
    *version = given && (strcmp(given, "v1") == 0 || strcmp(given, "v2") == 0) ? given[1] - '0' : 0;
    return given && !*version ? err_set(GRASP_EUSAGE, "--benchmark is v1 or v2, not '%s'", given)
                              : 0;
}

/* A folder with both benchmarks, and no word which one. */
static int choose_version(struct init *t, const char *dir)
{
    struct starter_tasks second = {0};
    char *answer = NULL;
    int there = starter_find_tasks(&second, dir, 2), rc = 0;
    if (there < 0)
        err_clear();
    while (there == 0 && !answer &&
           (rc = ask("It holds v1 and v2. Which one?", "v1", &answer)) == 0)
        if (strcmp(answer, "v1") != 0 && strcmp(answer, "v2") != 0) {
            fputs("One of v1, v2.\n", stderr);
            free(answer);
            answer = NULL;
        }
    if (answer && answer[1] == '2') {
        struct starter_tasks first = t->s.tasks;
        t->s.tasks = second;
        second = first;
    }
    free(answer);
    starter_tasks_release(&second);
    return rc;
}

static int find_tasks(struct init *t)
{
    int version, rc = benchmark_of(t, &version);
    bool told = false;
    while (rc == 0) {
        char *named = NULL, *dir = NULL;
        if (t->asks && !told && !arg_str(t->a, "data"))
            fprintf(stderr, "%s\n", starter_where);
        told = true;
        rc = value_of(t, "data", "Folder with the task files", NULL, &named);
        if (rc < 0 || !named)
            return rc;
        dir = absolute(named);
        rc = dir ? starter_find_tasks(&t->s.tasks, dir, version) : err_oom();
        bool found = rc == 0;
        if (found && t->asks && !version && t->s.tasks.version == 1)
            rc = choose_version(t, dir);
        free(named);
        free(dir);
        if (found || !t->asks || arg_str(t->a, "data"))
            return rc;
        fprintf(stderr, "%s\n", err_msg());
        rc = 0;
    }
    return rc;
}

static int find_provider(struct init *t)
{
    struct buf names = BUF_INIT;
    int rc = 0;
    for (const struct starter_provider *p = starter_providers; p->name; p++)
        buf_addf(&names, "%s%s", names.len ? ", " : "", p->name);
    if (t->asks && !arg_str(t->a, "provider"))
        for (const struct starter_provider *p = starter_providers; p->name; p++)
            fprintf(stderr, "  %-10s %s\n", p->name, p->what);
    do {
        char *name = NULL;
        rc = value_of(t, "provider", "Where does the model run?", "openai", &name);
        if (rc == 0 && !(t->s.provider = starter_provider(name)))
            rc = err_set(GRASP_EUSAGE, "--provider: '%s' is none of %s", name, names.ptr);
        free(name);
        if (rc == 0 || rc != GRASP_EUSAGE || !t->asks || arg_str(t->a, "provider"))
            break;
        fprintf(stderr, "One of %s.\n", names.ptr);
    } while (true);
    buf_release(&names);
    return rc;
}

/* Where the API begins; a mistyped one is found out here, not when the file is written. */
static int find_base_url(struct init *t, const char *question, const char *fallback)
{
    int rc;
    while ((rc = value_of(t, "base-url", question, fallback, &t->base_url)) == 0 && t->base_url) {
        if (str_starts(t->base_url, "http://") || str_starts(t->base_url, "https://") ||
            str_starts(t->base_url, "${"))
            return 0;
        if (!t->asks || arg_str(t->a, "base-url"))
            return err_set(GRASP_EUSAGE, "--base-url: '%s' does not begin with http:// or https://",
                           t->base_url);
        fputs("It begins with http:// or https://.\n", stderr);
        free(t->base_url);
        t->base_url = NULL;
    }
    return rc;
}

static int find_model(struct init *t)
{
    const struct starter_provider *p = t->s.provider;
    char question[128];
    int rc = 0;
    if (strcmp(p->kind, "simulated") == 0) {
        if (arg_str(t->a, "model") || arg_str(t->a, "base-url"))
            return err_set(GRASP_EUSAGE, "--provider simulated has no --model and no --base-url");
        return 0;
    }
    if (!p->base_url)
        rc = find_base_url(
            t, "Base URL (https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT)", NULL);
    else if (arg_str(t->a, "base-url") || t->asks)
        rc = find_base_url(t, "Base URL", p->base_url);
    snprintf(question, sizeof(question), "The model's name there (%s, say)", p->example);
    if (rc == 0)
        rc = value_of(t, "model", question, NULL, &t->model);
    t->s.base_url = t->base_url;
    t->s.model = t->model;
    return rc;
}

/* A server's URL, a store (there, or a name that ends in .db), or files. */
static int add_fhir(struct init *t, const char *where)
{
    struct starter *s = &t->s;
    if (strstr(where, "://")) {
        struct buf url = BUF_INIT;
        buf_addf(&url, "%s%s", where, str_ends(where, "/") ? "" : "/");
        int rc = buf_check(&url);
        if (rc == 0)
            rc = strlist_add(&s->fhir, url.ptr);
        buf_release(&url);
        return rc;
    }
    char *path = absolute(where), *data = path ? fs_join(path, "data.mdb") : NULL;
    bool there = path && fs_exists(path);
    bool store = data && (fs_exists(data) || (!there && str_ends(where, ".db")));
    int rc = data ? 0 : err_oom();
    if (rc == 0 && !there && !store)
        rc = err_set(GRASP_ENOTFOUND,
                     "--fhir: there is no '%s'; a server's address begins with http://, a store "
                     "that is yet to be filled ends in .db",
                     where);
    s->fhir_store |= store;
    if (rc == 0)
        rc = strlist_add(&s->fhir, strcmp(where, DEFAULT_STORE) == 0 ? where : path);
    free(data);
    free(path);
    return rc;
}

static int find_fhir(struct init *t)
{
    size_t n = arg_count(t->a, "fhir");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_fhir(t, arg_nth(t->a, "fhir", i));
    while (!n && rc == 0 && !t->s.fhir.n) {
        char *answer = NULL;
        if (t->asks)
            fputs("FHIR data: a store (filled once by `grasp fhir import`), a file or folder, or a "
                  "server's URL.\n",
                  stderr);
        rc = value_of(t, "fhir", "FHIR data", DEFAULT_STORE, &answer);
        if (rc == 0 && (rc = add_fhir(t, answer)) == GRASP_ENOTFOUND && t->asks) {
            fprintf(stderr, "%s\n", err_msg());
            rc = 0;
        }
        free(answer);
    }
    bool url = t->s.fhir.n && strstr(t->s.fhir.v[0], "://");
    for (size_t i = 1; rc == 0 && i < t->s.fhir.n; i++)
        if (url || t->s.fhir_store || strstr(t->s.fhir.v[i], "://"))
            rc = err_set(GRASP_EUSAGE,
                         "--fhir: one server, one store, or files; not several of these");
    return rc;
}

static int collect(struct init *t)
{
    int rc = find_tasks(t);
    if (rc == 0)
        rc = find_provider(t);
    if (rc == 0)
        rc = find_model(t);
    if (rc == 0)
        rc = find_fhir(t);
    if (rc == 0 && t->missing.len)
        rc = err_set(GRASP_EUSAGE, "%s: %s missing; see grasp init --help. %s",
                     arg_flag(t->a, "yes") ? "--yes asks nothing" : "no terminal to ask at",
                     t->missing.ptr, strstr(t->missing.ptr, "--data") ? starter_where : "");
    return rc;
}

static int write_file(const struct init *t)
{
    struct buf text = BUF_INIT;
    struct config *c = NULL;
    char *dir = fs_dirname(t->path);
    starter_render(&t->s, &text);
    int rc = dir ? buf_check(&text) : err_oom();
    if (rc == 0)
        rc = fs_mkdirs(dir);
    if (rc == 0)
        rc = fs_write(t->path, text.ptr, text.len);
    if (rc == 0 && (rc = config_load(&c, t->path, NULL, 0)) < 0)
        unlink(t->path);
    config_free(c);
    buf_release(&text);
    free(dir);
    return rc;
}

/* What was written, what is still missing, and what comes next. */
static int report(const struct init *t)
{
    json_t *checks = json_array();
    int failed = 0;
    printf("%s: MedAgentBench v%d in %s, %s\n\n", t->path, t->s.tasks.version, t->s.tasks.dir,
           t->s.model ? t->s.model : t->s.provider->what);
    int rc = doctor_checks(&(struct doctor_options){.config = t->path}, checks, &failed);
    if (rc == 0)
        doctor_print(checks);
    if (rc == 0 && failed)
        printf("\n%d of %zu checks failed. When that is mended:\n", failed,
               json_array_size(checks));
    if (rc == 0)
        printf("\n  grasp doctor %s\n  grasp learn %s --dry-run\n  grasp learn %s\n", t->path,
               t->path, t->path);
    json_decref(checks);
    return rc;
}

static int run(const struct args *a)
{
    struct init t = {
        .a = a, .path = operand_count(a) ? operand(a, 0) : "grasp.yaml", .missing = BUF_INIT};
    int rc = 0;
    t.s.name = strrchr(t.path, '/') ? strrchr(t.path, '/') + 1 : t.path;
    t.asks = !arg_flag(a, "yes") && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    if (fs_exists(t.path))
        rc = err_set(GRASP_EREFUSED,
                     "%s is there already and stays as it is; name another file: grasp init FILE",
                     t.path);
    if (rc == 0)
        rc = collect(&t);
    if (rc == 0)
        rc = write_file(&t);
    if (rc == 0)
        rc = report(&t);
    starter_tasks_release(&t.s.tasks);
    strlist_release(&t.s.fhir);
    buf_release(&t.missing);
    free(t.base_url);
    free(t.model);
    return rc;
}

const struct command cmd_init = {
    .name = "init",
    .summary = "write a first configuration for MedAgentBench and check it",
    .operands = "[FILE]",
    .max = 1,
    .options =
        (const struct option_def[]){
            {"data", 'd', "DIR",
             "folder with the task files, as the repository jomoll/GRASP has it", NULL},
            {"benchmark", 'b', "V", "v1 or v2 (default: what DIR holds; v1 where it holds both)",
             NULL},
            {"provider", 'p', "NAME",
             "openai, vllm, llamacpp, ollama, azure, anthropic or simulated (default openai)",
             NULL},
            {"model", 'm', "NAME", "the model's name there", NULL},
            {"base-url", 'u', "URL", "where its API begins", NULL},
            {"fhir", 'f', "WHERE...",
             "a store, FHIR files or folders, or a server's URL (default " DEFAULT_STORE ")", NULL},
            {"yes", 'y', NULL, "ask nothing: what no option says is the default", NULL},
            {0},
        },
    .details =
        "Writes FILE (grasp.yaml), every line with its reason, and checks it as `grasp doctor` "
        "does. On "
        "a terminal\nit asks for what no option says. A file that is there is never overwritten. "
        "Keys of "
        "endpoints are\nread from the environment when a run starts and do not go into the file.",
    .run = run,
};
