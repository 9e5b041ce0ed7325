/*
 * bench_fhir.c - the FHIR store as it grows: load rate, memory, and what a patient + code search
 * costs in process.
 *
 *     build/bench/bench_fhir [LARGEST]        default 1000000 Observations
 *
 * For 10 thousand, 100 thousand, ... and LARGEST: a child process generates the Observations (100
 * to a patient, 20 codes) as NDJSON into a pipe, this program loads them from there as `grasp fhir
 * load` does, and then asks for random pairs of patient and code. Each size runs in a process of
 * its own, so that peaks are its own.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fhir/fhir.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define PER_PATIENT 100
#define CODES       20
#define SEARCHES    20000

struct figures {
    double seconds;     /* of loading */
    double cpu;         /* processor time of loading, both threads */
    double input_mb;    /* megabytes of NDJSON */
    double store_mb;    /* of the store's files, once free pages were given back */
    double anon_mb;     /* most private memory while loading */
    double rss_mb;      /* most resident memory, the store's mapped pages included */
    double median, p99; /* of a search, microseconds */
    double again;       /* median of the same search asked again */
    double matches;     /* mean number found */
};

static uint64_t next_random(uint64_t *x) /* splitmix64 */
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* One Observation of a lab value, shaped and sized as those of MedAgentBench are. */
static void write_observation(FILE *out, uint64_t i, uint64_t *seed)
{
    uint64_t r = next_random(seed);
    char when[CLOCK_TEXT];
    clock_format((int64_t)(1600000000 + r % 100000000) * NS_PER_SEC, 0, when);
    fprintf(
        out,
        "{\"resourceType\":\"Observation\",\"id\":\"o%llu\",\"meta\":{\"versionId\":\"1\","
        "\"lastUpdated\":\"2023-11-09T03:07:07.440+00:00\"},\"status\":\"final\",\"category\":[{"
        "\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\","
        "\"code\":\"laboratory\",\"display\":\"laboratory\"}]}],\"code\":{\"coding\":[{"
        "\"system\":\"http://loinc.org\",\"code\":\"LAB%llu\",\"display\":\"Lab %llu\"}],"
        "\"text\":\"LAB%llu\"},\"subject\":{\"reference\":\"Patient/S%llu\"},"
        "\"effectiveDateTime\":\"%s\",\"issued\":\"%s\",\"valueQuantity\":{\"value\":%llu.%llu,"
        "\"unit\":\"mg/dL\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg/dL\"}}\n",
        (unsigned long long)i, (unsigned long long)(r >> 32) % CODES,
        (unsigned long long)(r >> 32) % CODES, (unsigned long long)(r >> 32) % CODES,
        (unsigned long long)(i / PER_PATIENT), when, when, (unsigned long long)(r % 300),
        (unsigned long long)(r >> 16) % 10);
}

/* A child that writes n Observations; the end to read from. */
static int generator(uint64_t n, pid_t *child)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    *child = fork();
    if (*child == 0) {
        uint64_t seed = 1;
        FILE *out = fdopen(ends[1], "w");
        close(ends[0]);
        setvbuf(out, NULL, _IOFBF, 1 << 20);
        for (uint64_t i = 0; i < n; i++)
            write_observation(out, i, &seed);
        fclose(out);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* Most private memory seen while it runs, in kB. */
struct sampler {
    pthread_t thread;
    _Atomic bool stop;
    long most;
};

static void *sample(void *arg)
{
    struct sampler *s = arg;
    while (!atomic_load(&s->stop)) {
        FILE *f = fopen("/proc/self/status", "r");
        char line[128];
        long kb;
        while (f && fgets(line, sizeof(line), f))
            if (sscanf(line, "RssAnon: %ld kB", &kb) == 1 && kb > s->most)
                s->most = kb;
        if (f)
            fclose(f);
        nanosleep(&(struct timespec){.tv_nsec = 20 * NS_PER_MS}, NULL);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int search_many(struct fhir_store *store, uint64_t n, struct figures *f)
{
    static const char total[] = "\"total\": ";
    uint64_t seed = 2, found = 0;
    double *first = malloc(2 * SEARCHES * sizeof(*first)), *again = first + SEARCHES;
    if (!first)
        return err_oom();
    for (int i = -1000; i < SEARCHES; i++) { /* the first thousand warm up */
        char target[96];
        /* a _count of its own: the store remembers answers, and small stores have few pairs */
        snprintf(target, sizeof(target), "Observation?patient=S%llu&code=LAB%llu&_count=%d",
                 (unsigned long long)(next_random(&seed) % (n / PER_PATIENT)),
                 (unsigned long long)(next_random(&seed) % CODES), 1100 + i % 3900);
        for (int pass = 0; pass < 2; pass++) {
            struct fhir_response rs = FHIR_RESPONSE_INIT;
            int64_t start = clock_mono();
            int rc =
                fhir_handle(store, &(struct fhir_request){.method = "GET", .target = target}, &rs);
            double us = (double)(clock_mono() - start) / 1000;
            const char *at = strstr(rs.body.ptr, total);
            if (rc < 0 || rs.status != 200 || !at)
                return err_set(GRASP_EINVAL, "%s: %d %s", target, rs.status, rs.body.ptr);
            if (i >= 0)
                (pass ? again : first)[i] = us;
            if (i >= 0 && !pass)
                found += strtoull(at + sizeof(total) - 1, NULL, 10);
            fhir_response_release(&rs);
        }
    }
    qsort(first, SEARCHES, sizeof(*first), by_value);
    qsort(again, SEARCHES, sizeof(*again), by_value);
    f->median = first[SEARCHES / 2];
    f->p99 = first[SEARCHES / 100 * 99];
    f->again = again[SEARCHES / 2];
    f->matches = (double)found / SEARCHES;
    free(first);
    return 0;
}

/* Bytes of the NDJSON that the generator writes, to a million bytes. */
static double input_mb(uint64_t n)
{
    uint64_t seed = 1, some = n < 100000 ? n : 100000;
    char *bytes = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&bytes, &len);
    for (uint64_t i = 0; out && i < some; i++)
        write_observation(out, i * (n / some), &seed);
    if (out)
        fclose(out);
    free(bytes);
    return (double)len / (double)some * (double)n / 1e6;
}

static double cpu_seconds(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static int load_all(struct fhir_store *store, uint64_t n, struct figures *f)
{
    pid_t child;
    char path[32];
    struct sampler s = {0};
    struct fhir_load_report report = {.strict = true};
    int fd = generator(n, &child);
    if (fd < 0)
        return err_set_errno(GRASP_EIO, "cannot make a pipe");
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    pthread_create(&s.thread, NULL, sample, &s);
    int64_t start = clock_mono();
    int rc = fhir_load_file(store, path, &report);
    f->seconds = (double)(clock_mono() - start) / NS_PER_SEC;
    atomic_store(&s.stop, true);
    pthread_join(s.thread, NULL);
    close(fd);
    waitpid(child, NULL, 0);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    f->cpu = cpu_seconds(&usage);
    f->input_mb = input_mb(n);
    f->anon_mb = (double)s.most / 1024;
    f->rss_mb = (double)usage.ru_maxrss / 1024;
    if (rc == 0 && fhir_count(store, "Observation") != n)
        rc = err_set(GRASP_EINVAL, "%llu of %llu Observations are there",
                     (unsigned long long)fhir_count(store, "Observation"), (unsigned long long)n);
    return rc;
}

static double file_mb(const char *dir)
{
    struct buf cmd = BUF_INIT;
    double kb = 0;
    buf_addf(&cmd, "du -s -B1000 '%s'", dir);
    FILE *p = popen(cmd.ptr, "r");
    if (p && fscanf(p, "%lf", &kb) != 1)
        kb = 0;
    if (p)
        pclose(p);
    buf_release(&cmd);
    return kb / 1000;
}

static int measure(uint64_t n, struct figures *f)
{
    struct fhir_store *store = NULL;
    char *dir = fs_tempdir("grasp-bench"), *db = dir ? fs_join(dir, "db") : NULL;
    int rc = db ? fhir_open(&store, db, &(struct fhir_options){0}) : GRASP_EIO;
    if (rc == 0)
        rc = load_all(store, n, f);
    if (rc == 0) { /* as `grasp fhir load` ends */
        bool done;
        fhir_close(store);
        store = NULL;
        int64_t start = clock_mono();
        rc = fhir_compact(db, &done);
        f->seconds += (double)(clock_mono() - start) / NS_PER_SEC;
    }
    if (rc == 0)
        rc = fhir_open(&store, db, &(struct fhir_options){0});
    if (rc == 0)
        f->store_mb = file_mb(dir);
    if (rc == 0)
        rc = search_many(store, n, f);
    fhir_close(store);
    if (dir)
        fs_remove_tree(dir);
    free(db);
    free(dir);
    return rc;
}

/* In a process of its own. */
static int measure_apart(uint64_t n, struct figures *f)
{
    int ends[2], status = 1;
    if (pipe(ends) < 0)
        return -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        int rc = measure(n, f);
        if (rc < 0)
            log_error("%s", err_msg());
        _exit(rc == 0 && write(ends[1], f, sizeof(*f)) == sizeof(*f) ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], f, sizeof(*f));
    close(ends[0]);
    waitpid(child, &status, 0);
    return got == sizeof(*f) && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    int64_t largest = 1000000;
    if (argc > 1 && !str_to_i64(argv[1], 10000, 100000000, &largest)) {
        fprintf(stderr, "bench_fhir: '%s' is not a number of Observations from 10000\n", argv[1]);
        return 2;
    }
    printf("%10s %9s %6s %8s %7s %8s %8s %9s %8s %8s %8s %7s\n", "resources", "load/s", "cpu us",
           "store MB", "/ input", "anon MB", "rss MB", "median us", "p99 us", "again us", "matches",
           "growth");
    double before = 0;
    for (int64_t n = 10000; n <= largest;
         n = n == largest || n * 10 <= largest ? n * 10 : largest) {
        struct figures f = {0};
        if (measure_apart((uint64_t)n, &f) < 0)
            return 1;
        printf("%10lld %9.0f %6.2f %8.1f %7.2f %8.1f %8.1f %9.2f %8.2f %8.2f %8.2f ", (long long)n,
               (double)n / f.seconds, 1e6 * f.cpu / (double)n, f.store_mb, f.store_mb / f.input_mb,
               f.anon_mb, f.rss_mb, f.median, f.p99, f.again, f.matches);
        if (before > 0)
            printf("%6.2fx\n", f.median / before);
        else
            printf("%7s\n", "-");
        before = f.median;
    }
    printf("cpu us: processor time of loading one, all threads; / input: bytes of the store per "
           "byte of NDJSON;\n"
           "anon: most private memory while loading; rss: with the store's mapped pages, which the "
           "system may\ndrop at any time; again: the same search once more (remembered); growth: "
           "median against "
           "the row above\n");
    return 0;
}
