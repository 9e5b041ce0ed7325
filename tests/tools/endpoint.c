/*
 * endpoint.c - an HTTP server for integration tests that answers by rules, on a port of its own.
 *
 *     endpoint RULE... > log &
 *     RULE: [TEXT][*N]=ACTION[:ARGUMENT]
 *
 * The first rule whose TEXT stands in the request (none: any request), and that has not been used N
 * times yet, plays. Actions:
 *
 *     say:FILE       a chat completion whose content is the file's bytes
 *     status:N:FILE  HTTP status N with the file as its body
 *     head:FILE      the file's bytes as the whole response, then the connection is closed
 *     big:N          a chat completion with a content of N bytes
 *     hang           no answer until the client goes away
 *     reset          the connection is cut
 *
 * On stdout: "listening on URL", then a line a request: its number, method, path and rule. The
 * requests' bytes are appended to the file that ENDPOINT_KEEP names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct rule {
    const char *text, *action, *argument;
    size_t text_len;
    long left;
};
struct server {
    struct rule *rules;
    size_t n_rules;
    pthread_mutex_t lock;
    unsigned long requests;
    FILE *keep;
};
struct peer {
    struct server *server;
    int fd;
};

static void die(const char *what)
{
    fprintf(stderr, "endpoint: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *must(void *p)
{
    if (!p)
        die("memory");
    return p;
}

static void parse_rule(struct rule *r, char *text)
{
    char *eq = strstr(text, "="), *star, *colon;
    if (!eq) {
        fprintf(stderr, "endpoint: '%s' is not a rule\n", text);
        exit(2);
    }
    *eq = '\0';
    *r = (struct rule){.text = text, .action = eq + 1, .argument = "", .left = -1};
    if ((star = strrchr(text, '*'))) {
        *star = '\0';
        r->left = strtol(star + 1, NULL, 10);
    }
    r->text_len = strlen(text);
    if ((colon = strchr(eq + 1, ':'))) {
        *colon = '\0';
        r->argument = colon + 1;
    }
}

/* ---- bytes in and out ---- */

/* The next whole request, NULL when the peer went away. */
static char *read_request(int fd, char **pending, size_t *have, size_t *len)
{
    size_t cap = *have + 65536, n = *have;
    char *all = must(malloc(cap));
    if (n)
        memcpy(all, *pending, n);
    free(*pending);
    *pending = NULL;
    *have = 0;
    for (;;) {
        all[n] = '\0';
        char *end = strstr(all, "\r\n\r\n"), *cl = strcasestr(all, "content-length:");
        size_t whole = end ? (size_t)(end - all) + 4 : 0;
        if (end && cl && cl < end)
            whole += strtoul(cl + 15, NULL, 10);
        if (end && n >= whole) {
            *have = n - whole;
            *pending = must(malloc(*have + 1));
            memcpy(*pending, all + whole, *have);
            *len = whole;
            return all;
        }
        if (n + 32768 > cap)
            all = must(realloc(all, cap *= 2));
        ssize_t got = recv(fd, all + n, cap - n - 1, 0);
        if (got <= 0) {
            free(all);
            return NULL;
        }
        n += (size_t)got;
    }
}

static bool send_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_http(int fd, long status, const char *body, size_t len)
{
    char head[256];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %ld X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s"
                     "\r\n",
                     status, len,
                     status >= 300 && status < 400 ? "Location: http://127.0.0.1:9/fhir/\r\n" : "");
    return send_all(fd, head, (size_t)n) && send_all(fd, body, len);
}

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    size_t cap = 4096, n = 0, got;
    char *all = must(malloc(cap));
    while ((got = fread(all + n, 1, cap - n, f)) > 0)
        if ((n += got) == cap)
            all = must(realloc(all, cap *= 2));
    fclose(f);
    *len = n;
    return all;
}

/* A chat completion; bytes that are no control characters go as they are, also when no UTF-8. */
static bool send_completion(int fd, const char *text, size_t len)
{
    static const char before[] =
        "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"",
                      after[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"
                                "\"completion_tokens\":5}}";
    char *body = must(malloc(len * 6 + sizeof(before) + sizeof(after)));
    size_t n = sizeof(before) - 1;
    memcpy(body, before, n);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            body[n++] = '\\';
        if (c < ' ')
            n += (size_t)sprintf(body + n, "\\u%04x", c);
        else
            body[n++] = text[i];
    }
    memcpy(body + n, after, sizeof(after) - 1);
    bool ok = send_http(fd, 200, body, n + sizeof(after) - 1);
    free(body);
    return ok;
}

/* ---- rules ---- */

static struct rule *choose(struct server *s, const char *request, size_t len)
{
    struct rule *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_rules && !found; i++) {
        struct rule *r = &s->rules[i];
        if (r->left && (!r->text_len || memmem(request, len, r->text, r->text_len)))
            found = r;
    }
    if (found && found->left > 0)
        found->left--;
    s->requests++;
    printf("%lu %.*s %s:%s\n", s->requests, (int)strcspn(request, "\r"), request,
           found ? found->action : "none", found ? found->argument : "");
    fflush(stdout);
    if (s->keep) {
        fwrite(request, 1, len, s->keep);
        fputc('\n', s->keep);
        fflush(s->keep);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Whether the connection stays. */
static bool play(int fd, const struct rule *r)
{
    size_t len = 0;
    char *file = NULL, c;
    bool stays = false;
    if (!r || strcmp(r->action, "reset") == 0) {
        struct linger l = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    } else if (strcmp(r->action, "say") == 0) {
        file = read_file(r->argument, &len);
        stays = send_completion(fd, file, len);
    } else if (strcmp(r->action, "status") == 0) {
        char *path;
        long status = strtol(r->argument, &path, 10);
        file = read_file(path + 1, &len);
        stays = send_http(fd, status, file, len);
    } else if (strcmp(r->action, "head") == 0) {
        file = read_file(r->argument, &len);
        send_all(fd, file, len);
    } else if (strcmp(r->action, "big") == 0) {
        len = strtoul(r->argument, NULL, 10);
        file = must(malloc(len));
        memset(file, 'x', len);
        stays = send_completion(fd, file, len);
    } else if (strcmp(r->action, "hang") == 0) {
        while (recv(fd, &c, 1, 0) > 0) {
        }
    }
    free(file);
    return stays;
}

static void *serve_peer(void *arg)
{
    struct peer p = *(struct peer *)arg;
    char *pending = NULL, *request;
    size_t have = 0, len;
    bool stays = true;
    free(arg);
    while (stays && (request = read_request(p.fd, &pending, &have, &len))) {
        stays = play(p.fd, choose(p.server, request, len));
        free(request);
    }
    free(pending);
    close(p.fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    struct server s = {.n_rules = (size_t)argc - 1};
    const char *keep = getenv("ENDPOINT_KEEP");
    pthread_attr_t detached;
    signal(SIGPIPE, SIG_IGN);
    s.rules = must(calloc((size_t)argc, sizeof(*s.rules)));
    for (int i = 1; i < argc; i++)
        parse_rule(&s.rules[i - 1], argv[i]);
    if (keep && !(s.keep = fopen(keep, "ab")))
        die(keep);
    pthread_mutex_init(&s.lock, NULL);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, size) < 0 ||
        listen(listener, 512) < 0 || getsockname(listener, (struct sockaddr *)&a, &size) < 0)
        die("socket");
    printf("listening on http://127.0.0.1:%d/v1\n", ntohs(a.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        struct peer *p = must(malloc(sizeof(*p)));
        pthread_t thread;
        *p = (struct peer){&s, fd};
        if (pthread_create(&thread, &detached, serve_peer, p) != 0)
            die("thread");
    }
}
