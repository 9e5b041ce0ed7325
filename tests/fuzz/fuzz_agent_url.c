/* fuzz_agent_url.c - what an agent writes after the FHIR base. Either it is refused, or what is sent
 * is below the base for libcurl's parser and for a server that decodes until nothing is left. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/env/agent_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void part_is(CURLU *u, CURLUPart part, const char *want)
{
    char *text = NULL;
    CURLUcode rc = curl_url_get(u, part, &text, 0);
    if (want ? rc != CURLUE_OK || strcmp(text, want) != 0 : rc == CURLUE_OK)
        abort();
    curl_free(text);
}

/* Decoded once, in place; true when anything changed. */
static bool decode(char *path, size_t *len)
{
    int n = 0;
    char *text = *len ? curl_easy_unescape(NULL, path, (int)*len, &n) : NULL; /* 0 is strlen */
    bool changed = text && (size_t)n != *len;
    if (changed) {
        memcpy(path, text, (size_t)n);
        *len = (size_t)n;
    }
    curl_free(text);
    return changed;
}

static void stays(const char *path, size_t len)
{
    char *p = malloc(len + 1);
    memcpy(p, path, len);
    do {
        for (size_t i = 0, from = 0; i <= len; i++) {
            if (i < len && p[i] == '\\')
                abort();
            if (i < len && p[i] != '/' && p[i] != ';')
                continue;
            if ((i - from == 1 && p[from] == '.') ||
                (i - from == 2 && p[from] == '.' && p[from + 1] == '.'))
                abort();
            while (i < len && p[i] != '/')
                i++;
            from = i + 1;
        }
    } while (decode(p, &len));
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char base[] = "http://localhost:8080/fhir/";
    struct buf sent = BUF_INIT;
    char *target = malloc(size ? size : 1); /* exactly as long, so that reading past it is seen */
    memcpy(target, data, size);
    const char *refused = agent_url_make(base, target, size, "&_format=json", &sent);
    if (refused) {
        if (!*refused || sent.len)
            abort();
    } else {
        CURLU *u = curl_url();
        char *path = NULL;
        if (sent.len > AGENT_URL_MAX ||
            curl_url_set(u, CURLUPART_URL, sent.ptr, CURLU_PATH_AS_IS) != CURLUE_OK)
            abort();
        part_is(u, CURLUPART_SCHEME, "http");
        part_is(u, CURLUPART_HOST, "localhost");
        part_is(u, CURLUPART_PORT, "8080");
        part_is(u, CURLUPART_USER, NULL);
        part_is(u, CURLUPART_PASSWORD, NULL);
        if (curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK ||
            strncmp(path, "/fhir/", 6) != 0)
            abort();
        stays(path + 6, strlen(path + 6));
        curl_free(path);
        curl_url_cleanup(u);
    }
    buf_release(&sent);
    free(target);
    return 0;
}
