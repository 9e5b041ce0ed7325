/*
 * page.h - inside of libfhir: order and pages.
 *
 * A next link carries a token that names a place, not a count: the sort keys and sequence number of
 * the last resource shown, and the sequence numbers given out when the first page was made. The
 * next page begins after that place, so nothing is shown twice or left out because something before
 * it came or went, and what was created since the first page does not appear. The server keeps
 * nothing between pages. A checksum over token and search refuses a token that was altered or moved
 * to another search.
 */
#ifndef GRASP_FHIR_PAGE_H
#define GRASP_FHIR_PAGE_H

#include "fhir/search.h"

#define PAGE_KEY_MAX 64 /* bytes of a sort key; what is longer is cut */

struct fhir_page_token {
    bool given;
    uint64_t store_seq;   /* resources of the store from here on are newer than the first page */
    uint64_t overlay_seq; /* and those of the overlay from here on */
    uint64_t last_seq;
};

/* Puts the matches in the order asked for, and finds where the page begins. GRASP_EINVAL. */
int fhir_page_start(struct fhir_view *v, struct fhir_query *q, struct fhir_matches *all,
                    struct fhir_page_token *token, size_t *first);
/* Appends the token of the page after `last`. */
int fhir_page_token_write(struct buf *out, struct fhir_view *v, const struct fhir_query *q,
                          uint64_t last, const struct fhir_page_token *token);

#endif
