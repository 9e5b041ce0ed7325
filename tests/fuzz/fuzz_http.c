/* fuzz_http.c - raw bytes to the two servers over a connection: the first says to which one. What comes
 * back is nothing, or HTTP, and the server answers the next one. */
#include <errno.h>
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fhir/fhir.h"
#include "runtime/simulator/simulator.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ports[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct fhir_store *store;
    static struct fhir_server *fhir;
    static struct sim_server *model;
    static const struct sim_settings settings = {.profile = "default"};
    struct fhir_options o = {.cors = "http://page.example", .read_only = true};
    (void)argc, (void)argv;
    if (fhir_open(&store, NULL, &o) < 0 || fhir_serve(&fhir, store, NULL, 0) < 0 ||
        sscanf(fhir_server_url(fhir), "http://127.0.0.1:%d/", &ports[0]) != 1 ||
        sim_serve(&model, &settings, "127.0.0.1", 0) < 0)
        abort();
    ports[1] = sim_server_port(model);
    return 0;
}

static int dial(int port, bool patient)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = patient ? 60 : 0, .tv_usec = patient ? 0 : 20000};
    struct linger away = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &away, sizeof(away)); /* no port is left waiting */
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        abort();
    return fd;
}

/* Sends all; `last`: and says that no more comes, and does not wait for long. The length of the answer's beginning. */
static size_t exchange(int port, const void *bytes, size_t len, bool last, char *answer,
                       size_t room)
{
    int fd = dial(port, !last);
    size_t have = 0;
    ssize_t n;
    char rest[4096];
    send(fd, bytes, len, MSG_NOSIGNAL);
    if (last)
        shutdown(fd, SHUT_WR);
    while ((n = recv(fd, rest, sizeof(rest), 0)) > 0) {
        size_t take = (size_t)n < room - have ? (size_t)n : room - have;
        memcpy(answer + have, rest, take);
        have += take;
    }
    close(fd);
    return have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char plain[] =
        "GET /fhir/Patient/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char answer[64];
    if (size < 1)
        return 0;
    int port = ports[data[0] & 1];
    size_t n = exchange(port, data + 1, size - 1, true, answer, sizeof(answer));
    if (n >= 5 && memcmp(answer, "HTTP/", 5) != 0)
        abort();
    n = exchange(port, plain, sizeof(plain) - 1, false, answer, sizeof(answer));
    if (n < 12 || memcmp(answer, "HTTP/1.1 ", 9) != 0) {
        fprintf(stderr, "port %d: a plain request is answered by %zu bytes (%s)\n", data[0] & 1, n,
                strerror(errno));
        abort();
    }
    return 0;
}
