/* model.c - `grasp model serve`: the simulated model behind an OpenAI-compatible HTTP server.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/simulator/simulator.h"

static const struct {
    const char *name;
    unsigned fault;
} faults[] = {{"429", SIM_429},
              {"500", SIM_500},
              {"cut", SIM_CUT},
              {"empty", SIM_EMPTY},
              {"truncated", SIM_TRUNCATED},
              {"hang", SIM_HANG}};

static int read_faults(const char *list, unsigned *out)
{
    *out = 0;
    while (list && *list) {
        size_t n = strcspn(list, ","), i = 0;
        while (i < 6 && (strlen(faults[i].name) != n || strncmp(faults[i].name, list, n) != 0))
            i++;
        if (i == 6)
            return err_set(GRASP_EUSAGE,
                           "--faults: '%.*s' is none of 429, 500, cut, empty, truncated, hang",
                           (int)n, list);
        *out |= faults[i].fault;
        list += n + (list[n] == ',');
    }
    return 0;
}

/* "lognormal:MEAN_MS,SIGMA[,NUMBER]" */
static int read_latency(const char *text, struct sim_settings *sim)
{
    static const char kind[] = "lognormal:";
    double v[3] = {0, 0, 0};
    size_t n = 0;
    if (!text)
        return 0;
    if (sim->latency_ms > 0)
        return err_set(GRASP_EUSAGE, "--latency and --latency-ms exclude each other");
    bool good = str_starts(text, kind);
    for (const char *p = text + strlen(kind); good; p++) {
        char one[32] = "";
        size_t len = strcspn(p, ",");
        good = n < 3 && len < sizeof(one) && str_to_double(memcpy(one, p, len), &v[n]) && v[n] >= 0;
        n++;
        p += len;
        if (!*p)
            break;
    }
    if (!good || n < 2 || v[0] > 3600e3 || v[1] > 5 || v[2] > 1e9)
        return err_set(GRASP_EUSAGE,
                       "--latency: '%s' is not lognormal:MEAN_MS,SIGMA or "
                       "lognormal:MEAN_MS,SIGMA,NUMBER (sigma up to 5)",
                       text);
    sim->latency_ms = v[0];
    sim->latency_sigma = v[1];
    sim->latency_seed = (uint64_t)v[2];
    return 0;
}

static int read_settings(const struct args *a, struct sim_settings *sim, int64_t *port)
{
    int64_t seed = 0;
    int rc = arg_int(a, "port", 0, 65535, port);
    if (rc == 0)
        rc = arg_int(a, "seed", 0, INT64_MAX, &seed);
    if (rc == 0)
        rc = arg_double(a, "latency-ms", 0, 3600e3, &sim->latency_ms);
    if (rc == 0)
        rc = read_latency(arg_str(a, "latency"), sim);
    if (rc == 0)
        rc = arg_double(a, "fail", 0, 1, &sim->fail);
    if (rc == 0)
        rc = arg_double(a, "noise", 0, 0.5, &sim->noise);
    if (rc == 0)
        rc = read_faults(arg_str(a, "faults"), &sim->faults);
    sim->seed = (uint64_t)seed;
    sim->fixed = arg_flag(a, "fixed");
    sim->profile = arg_str(a, "profile");
    sim->cache = arg_str(a, "cache");
    if (rc == 0 && strcmp(sim->profile, "default") != 0 && strcmp(sim->profile, "weak") != 0 &&
        strcmp(sim->profile, "strong") != 0)
        rc =
            err_set(GRASP_EUSAGE, "--profile: '%s' is none of default, weak, strong", sim->profile);
    return rc;
}

static int serve(const struct args *a)
{
    struct sim_settings sim = {0};
    struct sim_server *server = NULL;
    struct loop *loop = NULL;
    int64_t port = 0;
    int rc = read_settings(a, &sim, &port);
    if (rc == 0)
        rc = loop_open(&loop);
    if (rc == 0)
        rc = loop_signals(loop);
    if (rc == 0)
        rc = sim_serve(&server, &sim, arg_str(a, "host"), (int)port);
    if (rc < 0)
        goto out;
    printf("listening on http://%s:%d/v1\n", arg_str(a, "host"), sim_server_port(server));
    fflush(stdout);
    do
        rc = loop_turn(loop, 3600 * NS_PER_SEC);
    while (rc >= 0);
    if (rc == GRASP_ESTOPPED) /* a signal is how a server ends */
        rc = 0;
    int64_t answered, failed, prompt, cached;
    sim_server_counts(server, &answered, &failed);
    printf("%" PRId64 " calls answered, %" PRId64 " failed\n", answered, failed);
    sim_server_tokens(server, &prompt, &cached);
    if (cached >= 0)
        printf("%" PRId64 " prompt tokens, %" PRId64 " of them cached, %.2f %% new\n", prompt,
               cached, prompt ? 100 * (double)(prompt - cached) / (double)prompt : 0);
out:
    sim_server_stop(server);
    loop_close(loop);
    return rc;
}

static const struct command cmd_model_serve = {
    .name = "serve",
    .summary = "the simulated model over HTTP, with OpenAI's chat completions and responses",
    .operands = "",
    .options =
        (const struct option_def[]){
            {"port", 'p', "N", "port to listen on; 0 takes a free one", "8000"},
            {"host", 0, "ADDRESS", "IPv4 address to listen on", "127.0.0.1"},
            {"latency-ms", 'l', "MS", "time each answer takes", "0"},
            {"latency", 0, "DRAWN", "or draw it: lognormal:MEAN_MS,SIGMA, with a heavy tail", NULL},
            {"profile", 0, "NAME", "how able it is: default, weak or strong", "default"},
            {"noise", 0, "SHARE", "mean share of episodes whose outcome flips, up to 0.5", "0"},
            {"seed", 0, "N", "seed of what is drawn: noise and proposals", "0"},
            {"fixed", 0, NULL, "the same request gets the same answer, noise or not", NULL},
            {"fail", 0, "SHARE", "share of the calls that fail as an endpoint does", "0"},
            {"faults", 0, "LIST", "how they fail: 429, 500, cut, empty, truncated, hang",
             "429,500,cut,empty,truncated"},
            {"cache", 0, "LIST",
             "report cached_tokens, as of so many machines: machines=M,lifetime=SECONDS", NULL},
            {0}},
    .details =
        "A stand-in for a language model, to try and test things with: give its address as the\n"
        "base URL of a model of kind openai or responses. Its numbers say nothing about language\n"
        "models. At a temperature, and with --noise at any, each request is a draw of its own, "
        "unless\n"
        "it names one in X-Grasp-Draw; an episode is flipped as a whole. The models "
        "simulated-weak\n"
        "and simulated-strong choose a profile by name. A call that failed passes when it is "
        "repeated\n"
        "often enough: '--fail 0.001 --faults hang' is one call in a thousand that hangs.\n"
        "A drawn latency (MEAN_MS is the mean) hangs on the request and on how often it came "
        "before:\n"
        "in every run the same request waits equally long, and sent again, as after a time-out, "
        "it\n"
        "is drawn anew, because what is slow is mostly a machine and seldom a prompt. Servers side "
        "by\n"
        "side draw differently where their SEEDs differ.\n"
        "Ended by ctrl-C, it says how many calls it answered.\n"
        "\n"
        "With --cache usage says how many tokens of a prompt OpenAI's prompt cache, as its guide\n"
        "describes it, would have had: exact prefixes in steps of 128 tokens from 1,024 on, on "
        "the\n"
        "machine that the first 256 tokens and prompt_cache_key choose, for the lifetime after "
        "the\n"
        "last use (default 600, 0: for ever); what is beyond 15 requests a minute for one prefix\n"
        "and key goes to any machine (rate=15, 0: no limit). A prompt is cached once it is\n"
        "answered. rate=, block= and minimum= set other numbers: with\n"
        "machines=1,lifetime=0,rate=0,block=1,minimum=0 nothing is forgotten.",
    .run = serve,
};

const struct command cmd_model = {
    .name = "model",
    .summary = "the simulated model",
    .operands = "",
    .sub = (const struct command *const[]){&cmd_model_serve, NULL},
};
